"""What a kubelet and a Prometheus ask every server of ours: healthy, ready, how much."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sidecar.admin.readiness import Readiness

_Handler = Callable[[web.Request], Awaitable[web.Response]]


def probe_routes(
    registry: CollectorRegistry, readiness: Readiness, ailment: Callable[[], str] = lambda: ""
) -> list[web.RouteDef]:
    """The paths; `ailment` says in words why a restart is due, and nothing while all is well."""
    return [
        web.get("/healthz", _healthz(ailment)),
        web.get("/readyz", _readyz(readiness)),
        web.get("/metrics", _metrics(registry)),
    ]


def _healthz(ailment: Callable[[], str]) -> _Handler:
    async def handle(_: web.Request) -> web.Response:
        words = ailment()
        return web.Response(text=f"{words or 'ok'}\n", status=503 if words else 200)

    return handle


def _readyz(readiness: Readiness) -> _Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=f"{readiness.word}\n", status=200 if readiness.ready else 503)

    return handle


def _metrics(registry: CollectorRegistry) -> _Handler:
    async def handle(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # Read here, at one moment; to write it down takes ten times as long.
        body = await asyncio.to_thread(encode, _Read(list(registry.collect())))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return handle


class _Read(Collector):
    """What was read already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The same."""
        return self._families
