"""The benchmarks themselves, in miniature, so that they cannot rot."""
