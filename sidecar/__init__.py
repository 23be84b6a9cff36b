"""llm-sidecar: the map.

One request's way: `proxy.handler` takes it from aiohttp, `upstream.routes` finds its upstream, the
upstream's dialect (`dialects`) finds its model, `proxy.pipeline` takes it through a place in the
limiter (`admission`), an exchange with the provider (`upstream.client`) and the relay of the answer
(`proxy.answer` watches it, `proxy.sink` writes it), and the verdict goes to the law (`control`).

- `control`     PURE. How many attempts may be in flight? The law, and what an autoscaler sees.
- `retry`       PURE. When may a rejected call be tried again?
- `metering`    PURE. What an answer's bytes tell: first byte, errors in mid-stream, tokens.
- `dialects`    PURE. What is peculiar to one provider; one file each.
- `admission`   Who may go now? Permits, the queue, one limiter per (upstream, model). asyncio only.
- `upstream`    The HTTP client side: routes, header rules, connections.
- `proxy`       The HTTP server side: one request's life. `pipeline.py` knows the order of its steps,
                `rescue.py` is the one place where errors become HTTP.
- `telemetry`   Listeners: counts, metrics, logs, `/stats`.
- `admin`       The second server: metrics, health, statistics.
- `simulator`   A provider with hidden limits, for the demo, tests and benchmarks.
- `app`         The composition root; `settings` the environment; `cli` the commands; `demo` the demo.

Layers are checked by import-linter (pyproject.toml): a package imports what stands below it, never
the reverse, and the pure ones know no I/O, no clock and no dice.
Components say what happened by events (`events`) to an injected observer; errors form one tree
(`errors`); endings and reasons are closed enums (`outcomes`).
"""

from sidecar.version import __version__

__all__ = ["__version__"]
