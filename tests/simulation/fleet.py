"""Pods that share one provider's quota, in virtual time, with an autoscaler over them.

Real are the limiter, its law, the demand it exports and the simulated provider's capacity; only the
sockets between them are left out. Callers are so many people: each has one call under way, to the
ready pod that has the fewest, and begins the next one when it ends.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from sidecar.admission import LimitKey
from sidecar.admission.limiter import Limiter
from sidecar.admission.permit import Permit
from sidecar.control.ceilings import CeilingConfig
from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.law import SUCCESS, LatencyKind, Verdict
from sidecar.control.rates import Rates
from sidecar.errors import ShedError
from sidecar.outcomes import Outcome, ShedReason
from sidecar.retry.backoff import backoff
from sidecar.simulator.model import Capacity, Rejected
from sidecar.simulator.plan import CapacityPlan, SlotPlan, SlotStep
from sidecar.simulator.service import ServicePlan, ServiceTimes
from sidecar.telemetry.views import LimiterView, limiter_views
from tests.fakes.observer import RecordingObserver
from tests.simulation.autoscaler import Autoscaler, Reading

Metric = Callable[[LimiterView], float]

SCRAPE = 15.0
"""Seconds between two scrapes, and between two decisions of the autoscaler."""

_SCRAPES = 2
"""Whose largest value counts: `max_over_time(…[30s])` of the adapter's rule."""

_REJECTION_TAKES = 0.05
"""Seconds until a rejected attempt has its answer."""

_RETRIES = 3
_BASE_DELAY, _LONGEST_DELAY = 1.0, 60.0
"""The sidecar's defaults; seconds. Its budget of retries is left out."""

_QUEUE = 1000
_PATIENCE = 30.0
"""The sidecar's defaults; seconds in the queue."""


@dataclass(eq=False)
class Pod:
    """A limiter, and what was scraped of it."""

    limiter: Limiter
    callers: int = 0
    scraped: list[float] = field(default_factory=list)

    @property
    def reading(self) -> Reading:
        """What the adapter says of it; None before the first scrape."""
        return max(self.scraped[-_SCRAPES:], default=None)


class Fleet:
    """Pods before one provider."""

    def __init__(self, *, slots: int, seed: int) -> None:
        plan = CapacityPlan(slots=SlotPlan(steps=(SlotStep(at=0, slots=slots),)))
        self._loop = asyncio.get_running_loop()
        self._capacity: Capacity[Permit] = Capacity(plan, now=self._loop.time())
        self._services = ServiceTimes(ServicePlan(), Random(f"service {seed}"))
        self._rng = Random(f"callers {seed}")
        self._calls = 0
        self.pods: list[Pod] = []

    def scale(self, replicas: int) -> None:
        """New pods begin empty; the youngest go, and what they have begun, they finish."""
        del self.pods[replicas:]
        self.pods += [Pod(self._limiter()) for _ in range(replicas - len(self.pods))]

    def scrape(self, metric: Metric) -> None:
        """Keep every pod's value of now."""
        for pod in self.pods:
            views = limiter_views(
                [pod.limiter], maximum=LimitConfig().maximum, now=self._loop.time()
            )
            pod.scraped.append(sum(map(metric, views)))

    def call(self, callers: asyncio.TaskGroup, count: int) -> None:
        """From now on so many callers; those beyond it leave when their call has ended."""
        began, self._calls = self._calls, count
        for number in range(began, count):
            callers.create_task(self._caller(number))

    async def _caller(self, number: int) -> None:
        await asyncio.sleep(self._rng.random())
        while number < self._calls:
            pod = min(self.pods, key=lambda pod: pod.callers)
            pod.callers += 1
            try:
                await self._request(pod.limiter)
            except ShedError as shed:
                await asyncio.sleep(shed.retry_after or 1.0)
            finally:
                pod.callers -= 1

    async def _request(self, limiter: Limiter) -> None:
        """One call with its retries; what is rejected to the last, its caller does again."""
        for retries in range(_RETRIES + 1):
            permit = await limiter.acquire(
                max_wait=_PATIENCE, late=ShedReason.QUEUE_TIMEOUT, again=retries > 0
            )
            if await self._served(permit):
                return
            await asyncio.sleep(
                backoff(
                    retries,
                    base=_BASE_DELAY,
                    longest=_LONGEST_DELAY,
                    hint=None,
                    draw=self._rng.random(),
                )
            )

    async def _served(self, permit: Permit) -> bool:
        admission = self._capacity.arrive(permit, self._loop.time())
        if isinstance(admission, Rejected):
            await asyncio.sleep(_REJECTION_TAKES)
            permit.settle(Verdict(Outcome.OVERLOAD, admission.kind, admission.retry_after))
            return False
        service = self._services.draw()
        await asyncio.sleep(service.ttft)
        permit.measure(service.ttft, LatencyKind.FIRST_BYTE)
        await asyncio.sleep(service.total - service.ttft)
        self._capacity.leave(permit, self._loop.time())
        permit.settle(SUCCESS)
        return True

    def _limiter(self) -> Limiter:
        config = LimitConfig()
        return Limiter(
            LimitKey("sim", "sim"),
            LimitController(config, now=self._loop.time()),
            Rates(CeilingConfig(), feed_forward=True),
            max_waiting=_QUEUE,
            loop=self._loop,
            observer=RecordingObserver(),
            draw=self._rng.random,
        )


async def watch(fleet: Fleet, autoscaler: Autoscaler, metric: Metric, seconds: float) -> list[int]:
    """Let the autoscaler decide for so long; gives the replicas after each decision."""
    counts = []
    for _ in range(math.ceil(seconds / SCRAPE)):
        await asyncio.sleep(SCRAPE)
        fleet.scrape(metric)
        readings = [pod.reading for pod in fleet.pods]
        counts.append(autoscaler.sync(readings, asyncio.get_running_loop().time()))
        fleet.scale(counts[-1])
    return counts
