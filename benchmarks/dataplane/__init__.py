"""The data plane's benchmark: what the sidecar costs in time, processor and memory.

Everything is measured on a sidecar started as users start it, beside the same load sent directly to
the same mock provider. `measures` has one file per measure; `load` and `provider` run in processes
of their own; see `benchmarks/README.md`.
"""
