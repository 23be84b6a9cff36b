"""The admin server's paths, over a real connection."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from sidecar.admin.readiness import Readiness
from sidecar.admin.routes import admin_app
from sidecar.telemetry.history import History
from sidecar.telemetry.prometheus import MetricsCollector
from sidecar.telemetry.series import SeriesObserver
from sidecar.telemetry.stats import Stats
from tests.telemetry.made import CHANGE, REJECTED, REQUEST, SOCKETS, VIEW

WALL = datetime(2026, 11, 24, tzinfo=UTC)


def history_of(counts: SeriesObserver) -> History:
    """Of these, inside of a running loop."""
    return History(
        counts,
        lambda: [VIEW],
        list,
        loop=asyncio.get_running_loop(),
        wall=lambda: WALL,
        mode="adaptive",
        maximum=256,
    )


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
    counts = SeriesObserver(lambda: WALL)
    for event in (REQUEST, REJECTED, CHANGE):
        counts.notify(event)
    registry, readiness = CollectorRegistry(), Readiness()
    registry.register(MetricsCollector(counts, lambda: [VIEW], lambda: SOCKETS, list))
    stats = Stats(counts, lambda: [VIEW], lambda: SOCKETS, list, lambda: 0.0)
    history = history_of(counts)
    history.sample()
    history.sample()
    server = TestServer(admin_app(registry, stats.snapshot, history, readiness))
    async with server, ClientSession() as client:
        yield Admin(str(server.make_url("")).rstrip("/"), client, readiness)


async def test_the_front_page_is_the_dashboard_and_links_the_paths(admin: Admin) -> None:
    status, kind, text = await admin.get("/")

    assert (status, kind) == (200, "text/html; charset=utf-8")
    for path in ("metrics", "stats", "history", "healthz", "readyz"):
        assert f'<a href="{path}">' in text


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


async def test_metrics_are_read_on_the_loop_and_written_down_beside_it() -> None:
    """With 50 models the text takes 60 ms, for which every stream would stand still."""
    readers: list[threading.Thread] = []
    writers: list[threading.Thread] = []

    class Samples(list[Sample]):
        def __iter__(self) -> Iterator[Sample]:
            writers.append(threading.current_thread())
            return super().__iter__()

    class Noting(Collector):
        def collect(self) -> Iterator[Metric]:
            readers.append(threading.current_thread())
            metric = Metric("noted", "Noted.", "gauge")
            metric.samples = Samples([Sample("noted", {}, 1.0)])
            yield metric

    registry = CollectorRegistry()
    registry.register(Noting())
    readers.clear()
    counts = SeriesObserver(lambda: WALL)
    app = admin_app(registry, dict, history_of(counts), Readiness())
    async with (
        TestServer(app) as server,
        ClientSession() as client,
        client.get(server.make_url("/metrics")) as response,
    ):
        text = await response.text()

    assert "noted 1.0" in text
    assert readers == [threading.main_thread()]
    assert writers
    assert threading.main_thread() not in writers


async def test_stats_are_json(admin: Admin) -> None:
    status, kind, text = await admin.get("/stats")

    assert (status, kind) == (200, "application/json")
    assert '"requests_by_status":{"ok":1}' in text
    assert '"limit":9' in text


async def history(admin: Admin, query: str = "") -> dict[str, Any]:
    status, kind, text = await admin.get(f"/history{query}")
    assert (status, kind) == (200, "application/json")
    document: dict[str, Any] = orjson.loads(text)
    return document


async def test_the_history_has_the_samples_and_the_figures_of_stats(admin: Admin) -> None:
    document = await history(admin)
    (limit,) = document["limits"]
    _, _, stats = await admin.get("/stats")

    assert limit["values"][document["columns"].index("limit")] == [9, 9]
    assert document["state"] == "starting"
    expected = orjson.loads(stats)
    del expected["recent_limit_changes"]  # the history has its own
    assert document["stats"] == expected
    assert [each["after"] for each in document["changes"]] == [9]


async def test_the_history_is_told_in_pieces(admin: Admin) -> None:
    run = (await history(admin))["run"]
    newer = await history(admin, f"?run={run}&since=0")
    another = await history(admin, f"?run={run + 1}&since=0")

    assert (newer["first"], newer["next"]) == (1, 2)
    assert (another["first"], another["next"]) == (0, 2)


@pytest.mark.parametrize("query", ["since=x", "since=-1", "run=", "since=1.5", "since=" + "9" * 19])
async def test_what_is_no_number_is_refused_by_name(admin: Admin, query: str) -> None:
    status, _, text = await admin.get(f"/history?{query}")

    assert (status, text) == (400, f"{query.split('=')[0]} must be a whole number, 0 or more\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/stats", "/history", "/healthz", "/readyz"])
async def test_nothing_here_changes_anything(admin: Admin, method: str, path: str) -> None:
    status, _, _ = await admin.ask(method, path)

    assert status == 405
