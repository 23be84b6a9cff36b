"""The load generator, in a process of its own: `python -m benchmarks.dataplane.load`.

Reads one job as JSON from standard input, does it, prints the result as JSON. A job may name several
targets; they are then driven in turn, in short slices, so that all of them meet the same noise.
"""
