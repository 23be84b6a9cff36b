"""One call to a provider for several requests, or one ahead of the others."""
