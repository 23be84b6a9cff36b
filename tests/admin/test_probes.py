"""Healthy, ready, how much: the paths that every server of ours has."""

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry, Gauge

from sidecar.admin.probes import probe_routes
from sidecar.admin.readiness import Readiness


async def asked(
    path: str, *, readiness: Readiness | None = None, ailment: str = ""
) -> tuple[int, str]:
    """Status and text."""
    registry = CollectorRegistry()
    Gauge("things", "Some.", registry=registry).set(3)
    app = web.Application()
    app.add_routes(probe_routes(registry, readiness or Readiness(), lambda: ailment))
    async with (
        TestServer(app) as server,
        ClientSession() as client,
        client.get(server.make_url(path)) as response,
    ):
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("ailment", "answer"), [("", (200, "ok\n")), ("worn out", (503, "worn out\n"))]
)
async def test_health_is_told_with_what_is_wrong(ailment: str, answer: tuple[int, str]) -> None:
    assert await asked("/healthz", ailment=ailment) == answer


@pytest.mark.parametrize(
    ("readiness", "answer"),
    [
        (Readiness(), (503, "starting\n")),
        (Readiness(listening=True), (200, "ready\n")),
        (Readiness(listening=True, draining=True), (503, "draining\n")),
    ],
)
async def test_readiness_is_told_in_a_word(readiness: Readiness, answer: tuple[int, str]) -> None:
    assert await asked("/readyz", readiness=readiness) == answer


async def test_metrics_are_those_of_the_registry() -> None:
    status, text = await asked("/metrics")

    assert status == 200
    assert text == "# HELP things Some.\n# TYPE things gauge\nthings 3.0\n"
