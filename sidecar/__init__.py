"""llm-sidecar: the map.

One request's way: `proxy.handler` takes it from aiohttp, `upstream.routes` finds its upstream, the
upstream's dialect (`dialects`) finds its model, `proxy.pipeline` takes it through a place in the
limiter (`admission`) and an attempt (`proxy.attempt`): an exchange with the provider
(`upstream.client`), whose answer is relayed (`proxy.answer` watches it, `proxy.sink` writes it) or,
if it is a refusal, held (`proxy.held`) until it is known whether there will be another attempt
(`proxy.retries`). The verdict goes to the law (`control`). Around the pipeline stand services that
spare calls (`proxy.shared`, `proxy.batched`, `proxy.led`), put together by `services`.

- `control`     PURE. How many attempts may be in flight, and how fast may they start? The law, the
                learned pacer, ceilings, the provider's headers, and what an autoscaler sees.
- `retry`       PURE. When may a rejected call be tried again? Backoff, budget, quota breakers.
- `metering`    PURE. What an answer's bytes tell: first byte, errors in mid-stream, tokens.
- `dialects`    PURE. What is peculiar to one provider; one file each.
- `admission`   Who may go now? Permits, the queue and its classes, one limiter per (upstream, model).
                asyncio only.
- `sharing`     One call for several requests: what may be shared, merged, cut, or wait for another.
- `cost`        What tokens cost: list prices, the user's own, and the sums.
- `upstream`    The HTTP client side: routes, header rules, connections, WebSocket tunnels.
- `proxy`       The HTTP server side: one request's life. `pipeline.py` knows the order of its steps,
                `rescue.py` is the one place where errors become HTTP.
- `telemetry`   Listeners: counts, metrics, logs, `/stats`.
- `admin`       The second server: metrics, health, statistics, the dashboard.
- `injector`    The admission webhook that puts the sidecar into pods; all but its server is PURE.
- `simulator`   A provider with hidden limits, for the demo, tests and benchmarks.
- `app`         The composition root, with `services`; `injector_app` that of the injector; `listening`
                takes their ports; `settings` what can be set (`environment` reads it, `setting_rows`
                shows it to people); `cli` the commands: `demo`, `sweep`, `costs`.

Layers are checked by import-linter (pyproject.toml): a package imports what stands below it, never
the reverse, and the pure ones know no I/O, no clock and no dice.
Components say what happened by events (`events`) to an injected observer; errors form one tree
(`errors`); endings and reasons are closed enums (`outcomes`).
"""

from sidecar.version import __version__

__all__ = ["__version__"]
