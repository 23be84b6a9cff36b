"""Stand-ins with real behaviour; nothing here is a mock."""
