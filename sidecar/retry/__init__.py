"""PURE. When may a rejected call be tried again: hints, backoff, budget, and quota breakers."""
