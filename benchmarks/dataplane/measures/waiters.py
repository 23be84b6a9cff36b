"""What admitting one request costs with few and with many others in the queue."""

import asyncio
import time
from statistics import median

import uvloop

from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.processes import on_cores
from benchmarks.dataplane.procfs import cores
from benchmarks.dataplane.rows import Row
from sidecar.admission import LimitKey
from sidecar.admission.limiter import Limiter
from sidecar.control.ceilings import CeilingConfig
from sidecar.control.config import LimitConfig
from sidecar.control.law import SUCCESS
from sidecar.control.modes import law_factory
from sidecar.control.rates import Rates
from sidecar.events import Event
from sidecar.outcomes import ShedReason

_ROUNDS = 3
_PLACES = 4
_MAX_WAIT = 600.0
_MOST = 3.0
"""Times as much: a long queue misses the processor's caches, but nothing may be proportional."""


class _Nobody:
    """Hears nothing. Implements Observer."""

    def notify(self, event: Event) -> None:
        """Nothing."""


def waiters(plan: Plan) -> list[Row]:
    """The limiter alone, in this process: every request waits its turn, ends, and asks again."""
    few, many = plan.waiters
    costs: dict[int, list[float]] = {few: [], many: []}
    with on_cores(cores()[0]):
        for _ in range(_ROUNDS):
            for size, results in costs.items():
                results.append(uvloop.run(_admissions(size, plan.admissions)))
    low, high = median(costs[few]), median(costs[many])
    return [
        Row(
            measure=f"admission with {few} and with {many} waiting",
            direct=f"{low:.1f} us ({few})",
            sidecar=f"{high:.1f} us ({many})",
            change=f"{high / low:.2f}x",
            target=f"<= {_MOST:g}x",
            met=high <= low * _MOST,
            values={"few_us": low, "many_us": high},
        )
    ]


async def _admissions(size: int, count: int) -> float:
    """Microseconds per admission from a queue of constant length."""
    loop = asyncio.get_running_loop()
    config = LimitConfig(initial=_PLACES, minimum=_PLACES, maximum=_PLACES)
    limiter = Limiter(
        LimitKey("openai", "bench"),
        law_factory("fixed", config)(loop.time()),
        Rates(CeilingConfig(), feed_forward=False),
        max_waiting=size,
        loop=loop,
        observer=_Nobody(),
        draw=lambda: 0.5,
    )
    left = count

    async def visitor() -> None:
        nonlocal left
        while left > 0:
            permit = await limiter.acquire(max_wait=_MAX_WAIT, late=ShedReason.QUEUE_TIMEOUT)
            left -= 1
            await asyncio.sleep(0)  # so that places are really held
            permit.settle(SUCCESS)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(size + _PLACES):
            group.create_task(visitor())
        await asyncio.sleep(0)
        begin, first = time.perf_counter(), left
    # Waiters that were still there when the count was reached are admitted too, one each.
    return (time.perf_counter() - begin) / (first + size) * 1e6
