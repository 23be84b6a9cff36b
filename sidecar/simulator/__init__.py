"""A provider with hidden limits: pure in `model`, as a real HTTP server in `server`.

`plan`, `service`, `bucket` and `model` are capacity and times without I/O; the virtual-time
benchmark drives them directly. `scenario` reads both from TOML (`decode`), `protocol/` knows what
the providers' APIs look like, `reception` drives the capacity with a running loop, `exchange`
answers a request, `composition` decides with what, `delivery` paces and breaks answers,
`conversation` is a WebSocket, `directive` is the header `x-simulate`.
"""
