"""The admin server's paths, over a real connection."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from sidecar.admin.readiness import Readiness
from sidecar.admin.routes import admin_app
from sidecar.telemetry.prometheus import MetricsCollector
from sidecar.telemetry.series import SeriesObserver
from sidecar.telemetry.stats import Stats
from tests.telemetry.made import CHANGE, REJECTED, REQUEST, SOCKETS, VIEW


class Admin:
    """A running admin server and a client of it."""

    def __init__(self, base: str, client: ClientSession, readiness: Readiness) -> None:
        self.readiness = readiness
        self._base = base
        self._client = client

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, content type and text."""
        return await self.ask("GET", path, **headers)

    async def ask(self, method: str, path: str, **headers: str) -> tuple[int, str, str]:
        url = f"{self._base}{path}"
        async with self._client.request(method, url, headers=headers) as response:
            return response.status, response.headers["Content-Type"], await response.text()


@pytest_asyncio.fixture
async def admin() -> AsyncIterator[Admin]:
    counts = SeriesObserver(lambda: datetime(2026, 11, 24, tzinfo=UTC))
    for event in (REQUEST, REJECTED, CHANGE):
        counts.notify(event)
    registry, readiness = CollectorRegistry(), Readiness()
    registry.register(MetricsCollector(counts, lambda: [VIEW], lambda: SOCKETS))
    stats = Stats(counts, lambda: [VIEW], lambda: SOCKETS, lambda: 0.0)
    server = TestServer(admin_app(registry, stats.snapshot, readiness))
    async with server, ClientSession() as client:
        yield Admin(str(server.make_url("")).rstrip("/"), client, readiness)


async def test_the_front_page_names_the_paths(admin: Admin) -> None:
    status, kind, text = await admin.get("/")

    assert status == 200
    assert kind.startswith("text/")
    for path in ("/metrics", "/stats", "/healthz", "/readyz"):
        assert path in text


async def test_health_says_that_the_process_lives(admin: Admin) -> None:
    status, _, text = await admin.get("/healthz")

    assert (status, text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("listening", "draining", "status", "text"),
    [
        (False, False, 503, "starting\n"),
        (True, False, 200, "ready\n"),
        (True, True, 503, "draining\n"),
    ],
)
async def test_readiness_follows_the_state(
    admin: Admin, listening: bool, draining: bool, status: int, text: str
) -> None:
    admin.readiness.listening, admin.readiness.draining = listening, draining

    assert await admin.get("/readyz") == (status, "text/plain; charset=utf-8", text)


async def test_metrics_are_in_prometheus_text(admin: Admin) -> None:
    status, kind, text = await admin.get("/metrics")

    assert status == 200
    assert kind.startswith("text/plain; version=")
    assert 'ai_api_concurrency_limit{model="gpt",upstream="openai"} 9.0' in text


async def test_metrics_are_in_open_metrics_where_that_is_asked_for(admin: Admin) -> None:
    _, kind, text = await admin.get(
        "/metrics", Accept="application/openmetrics-text; version=1.0.0"
    )

    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


async def test_stats_are_json(admin: Admin) -> None:
    status, kind, text = await admin.get("/stats")

    assert (status, kind) == (200, "application/json")
    assert '"requests_by_status":{"ok":1}' in text
    assert '"limit":9' in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/stats", "/healthz", "/readyz"])
async def test_nothing_here_changes_anything(admin: Admin, method: str, path: str) -> None:
    status, _, _ = await admin.ask(method, path)

    assert status == 405
