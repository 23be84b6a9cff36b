"""An admin server with real counts and a real history of events that a test makes up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from sidecar.admin.readiness import Readiness
from sidecar.admin.routes import admin_app
from sidecar.events import Event
from sidecar.telemetry.history import EVERY, History
from sidecar.telemetry.series import SeriesObserver
from sidecar.telemetry.stats import Stats
from sidecar.telemetry.views import CostView, LimiterView

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class MadeSidecar:
    """Time passes in it when a test says so, or, in `hurry`, 5 s whenever the page asks."""

    def __init__(self, start: datetime = START) -> None:
        self.wall = start
        self.counts = SeriesObserver(lambda: self.wall)
        self.views: dict[tuple[str, str], LimiterView] = {}
        self.costs: dict[tuple[str, str], CostView] = {}
        self.history = History(
            self.counts,
            self.views.values,
            self.costs.values,
            loop=asyncio.get_running_loop(),
            wall=lambda: self.wall,
            mode="adaptive",
            maximum=256,
        )
        self.stats = Stats(self.counts, self.views.values, list, self.costs.values, self.seconds)
        self.url = ""
        self.asked = 0

    def seconds(self) -> float:
        """The time, as Stats wants it."""
        return self.wall.timestamp()

    def notify(self, *events: Event) -> None:
        """These happen."""
        for event in events:
            self.counts.notify(event)

    def show(self, *views: LimiterView) -> None:
        """Limiters are in that state from now on."""
        self.views.update({(view.upstream, view.model): view for view in views})

    def sample(self, times: int = 1) -> None:
        """5 s pass, so many times."""
        for _ in range(times):
            self.wall += timedelta(seconds=EVERY)
            self.history.sample()

    def document(self, *, since: int | None = None, run: int | None = None) -> dict[str, Any]:
        """What `/history` says."""
        self.asked += 1
        return self.history.document(since=since, run=run)


@asynccontextmanager
async def served(it: MadeSidecar, port: int = 0) -> AsyncIterator[int]:
    """Its admin server, on that port; gives the real one."""
    readiness = Readiness(listening=True)
    app = admin_app(CollectorRegistry(), it.stats.snapshot, it, readiness)
    async with TestServer(app, port=port) as server:
        it.url = str(server.make_url("/"))
        assert server.port is not None
        yield server.port
