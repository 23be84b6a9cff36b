"""`llm-sidecar sweep`: which concurrency does a provider bear? Measured by bisection, for real."""
