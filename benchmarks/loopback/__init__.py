"""What the benchmarks over real sockets share: provider, sidecar and load as processes of their own.

`processes` starts and ends them, `reader` asks their ports, `table` prints.
"""
