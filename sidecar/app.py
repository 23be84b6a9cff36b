"""The composition root: builds every object once, starts and drains both servers."""

import asyncio
import gc
import random
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry

from sidecar.admin.readiness import Readiness
from sidecar.admin.routes import admin_app
from sidecar.admission.pool import LimiterPool
from sidecar.clock import LoopClock
from sidecar.control.modes import law_factory, rates_factory
from sidecar.cost.meter import CostMeter
from sidecar.cost.price_list import PriceList
from sidecar.cost.providers import price_providers
from sidecar.events import Observer
from sidecar.listening import listen
from sidecar.proxy.activity import Activity
from sidecar.proxy.attempt import Surroundings
from sidecar.proxy.body import BodyMemory
from sidecar.proxy.exhausted import Exhausted
from sidecar.proxy.handler import ProxyHandler
from sidecar.proxy.pipeline import Pipeline
from sidecar.proxy.retries import Retries
from sidecar.proxy.server import ProxyServer
from sidecar.proxy.websocket import WebSockets
from sidecar.services import Services
from sidecar.settings import Settings
from sidecar.telemetry.history import History
from sidecar.telemetry.logs import Log, LogObserver
from sidecar.telemetry.observers import Observers
from sidecar.telemetry.prometheus import MetricsCollector
from sidecar.telemetry.series import SeriesObserver
from sidecar.telemetry.stats import Stats
from sidecar.telemetry.views import (
    CostView,
    LimiterView,
    WebSocketView,
    cost_views,
    limiter_views,
    websocket_views,
)
from sidecar.upstream.client import RawTransport
from sidecar.version import __version__

_STOP_GRACE = 1.0
"""Seconds that handlers get to end once everything left is cancelled; they need none."""

_GC_THRESHOLD = 50_000
"""Allocations between collections: each costs milliseconds of every stream's latency."""


class Sidecar:
    """One sidecar; several may live in one process. Construct it inside a running loop."""

    def __init__(self, settings: Settings, log: Log) -> None:
        loop = asyncio.get_running_loop()
        clock = LoopClock(loop)
        draw = random.Random().random
        self.settings = settings
        self.log = log
        self.readiness = Readiness()
        self.activity = Activity(loop)
        self.counts = SeriesObserver(clock.wall)
        self.prices = PriceList(loop)
        self.costs = CostMeter(
            own=settings.prices(),
            listed=self.prices,
            providers=price_providers(settings.upstreams()),
            wall=clock.wall,
        )
        listeners: list[Observer] = [
            self.counts,
            LogObserver(log),
            *([self.costs] if settings.cost_enabled else []),
        ]
        self.observers = Observers(listeners, log)
        self.pool = LimiterPool(
            law_factory(settings.limit_mode, settings.limit()),
            rates_factory(settings.limit_mode, settings.ceilings(), settings.rate_feed_forward),
            queue_size=settings.queue_size,
            loop=loop,
            observer=self.observers,
            draw=draw,
        )
        self.transport = RawTransport(settings.upstream())
        self.exhausted = Exhausted(
            enabled=settings.limit_mode != "observe",
            now=clock.now,
            salt=secrets.token_bytes(16),
            observer=self.observers,
        )
        self.websockets = WebSockets(
            self.transport,
            maximum=sys.maxsize if settings.limit_mode == "observe" else settings.websockets_max,
            label=self.pool.label,
            now=clock.now,
        )
        self.memory = BodyMemory(settings.body().max_held_bytes)
        self.stats = Stats(self.counts, self.views, self.socket_views, self.cost_views, clock.now)
        self.history = History(
            self.counts,
            self.views,
            self.cost_views,
            loop=loop,
            wall=clock.wall,
            mode=settings.limit_mode,
            maximum=settings.limit_max,
        )
        pipeline = Pipeline(
            pool=self.pool,
            around=Surroundings(transport=self.transport, clock=clock, observer=self.observers),
            retries=Retries(
                settings.retry(),
                settings.retry_should_retry,
                now=clock.now,
                draw=draw,
                observer=self.observers,
            ),
            exhausted=self.exhausted,
            queue_timeout=settings.queue_timeout,
        )
        self.services = Services(
            pipeline,
            settings,
            pool=self.pool,
            memory=self.memory,
            loop=loop,
            observer=self.observers,
        )
        handler = ProxyHandler(
            routes=settings.routes(),
            service=self.services.outermost,
            websockets=self.websockets,
            memory=self.memory,
            body_config=settings.body(),
            activity=self.activity,
            clock=clock,
            observer=self.observers,
        )
        registry = CollectorRegistry()
        registry.register(
            MetricsCollector(self.counts, self.views, self.socket_views, self.cost_views)
        )
        admin = admin_app(registry, self.stats.snapshot, self.history, self.readiness)
        self._proxy = web.ServerRunner(ProxyServer(handler), shutdown_timeout=_STOP_GRACE)
        self._admin = web.AppRunner(admin, access_log=None, shutdown_timeout=_STOP_GRACE)
        self._now = clock.now

    def views(self) -> list[LimiterView]:
        """Every limiter's state, now."""
        return limiter_views(self.pool, maximum=self.settings.limit_max, now=self._now())

    def socket_views(self) -> list[WebSocketView]:
        """WebSockets by upstream and model, now."""
        return websocket_views(self.websockets.open, self.websockets.opened)

    def cost_views(self) -> list[CostView]:
        """Costs by upstream and model, so far."""
        return cost_views(self.costs.costs())

    @property
    def proxy_port(self) -> int:
        """The port that the app's calls are taken on; real also where 0 was asked for."""
        return int(self._proxy.addresses[0][1])

    @property
    def admin_port(self) -> int:
        """The port of metrics and health."""
        return int(self._admin.addresses[0][1])

    async def start(self) -> None:
        """Listen on both ports; raises ListenError naming the one that cannot be had."""
        settings = self.settings
        await listen(self._admin, settings.admin_host, settings.admin_port, "SIDECAR_ADMIN_PORT")
        await listen(self._proxy, settings.proxy_host, settings.proxy_port, "SIDECAR_PROXY_PORT")
        self.history.start()
        self.readiness.listening = True
        self.log.info(
            "started",
            version=__version__,
            proxy=f"{settings.proxy_host}:{self.proxy_port}",
            admin=f"{settings.admin_host}:{self.admin_port}",
            mode=settings.limit_mode,
        )

    async def drain(self) -> None:
        """Say "not ready", go on serving, and return once idle or when the time is up."""
        self.readiness.draining = True
        self.log.info("draining", open_requests=self.activity.open_requests)
        try:
            async with asyncio.timeout(self.settings.drain_timeout):
                await self.activity.idle(self.settings.drain_idle)
        except TimeoutError:
            self.log.warning("drain_timeout", open_requests=self.activity.open_requests)

    async def stop(self) -> None:
        """Cancel what is left and close every socket; the admin port last."""
        self.history.stop()
        await self._proxy.cleanup()
        await self.services.close()
        await self.transport.close()
        self.prices.close()
        await self._admin.cleanup()
        self.log.info("stopped")


@asynccontextmanager
async def running(settings: Settings, log: Log) -> AsyncIterator[Sidecar]:
    """A started sidecar, stopped at the end on every path."""
    sidecar = Sidecar(settings, log)
    try:
        await sidecar.start()
        yield sidecar
    finally:
        await sidecar.stop()


async def serve(settings: Settings, log: Log) -> None:
    """Run until SIGTERM or SIGINT, then drain; a second signal leaves at once."""
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[None] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.put_nowait, None)
    async with running(settings, log) as sidecar:
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        await signals.get()
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(sidecar.drain())
            again = group.create_task(_cancel_on(signals, drain))
            drain.add_done_callback(lambda _: again.cancel())


async def _cancel_on(signals: asyncio.Queue[None], task: asyncio.Task[None]) -> None:
    await signals.get()
    task.cancel()
