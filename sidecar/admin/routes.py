"""The admin server's paths."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from sidecar.admin.readiness import Readiness

_INDEX = """llm-sidecar

/metrics  Prometheus metrics
/stats    the same as JSON
/healthz  the process lives
/readyz   it wants traffic
"""

Snapshot = Callable[[], dict[str, Any]]
_Handler = Callable[[web.Request], Awaitable[web.Response]]


def admin_app(
    registry: CollectorRegistry, snapshot: Snapshot, readiness: Readiness
) -> web.Application:
    """The admin application; `snapshot` makes the document of `/stats`."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/", _text(_INDEX)),
            web.get("/healthz", _text("ok\n")),
            web.get("/readyz", _readyz(readiness)),
            web.get("/metrics", _metrics(registry)),
            web.get("/stats", _stats(snapshot)),
        ]
    )
    return app


def _text(text: str) -> _Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=text)

    return handle


def _readyz(readiness: Readiness) -> _Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=f"{readiness.word}\n", status=200 if readiness.ready else 503)

    return handle


def _metrics(registry: CollectorRegistry) -> _Handler:
    async def handle(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return handle


def _stats(snapshot: Snapshot) -> _Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(snapshot()), content_type="application/json")

    return handle
