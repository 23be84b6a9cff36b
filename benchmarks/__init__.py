"""Benchmarks, run by hand or by `make bench`: control quality, data plane, sockets, push-back."""
