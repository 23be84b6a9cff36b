"""A long queue costs no more per request than a short one."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sidecar.control.law import SUCCESS
from sidecar.outcomes import Priority
from tests.admission.callers import Callers
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw

Measure = Callable[[MakeLimiter, int], Awaitable[float]]

ADMISSIONS = 5
MARGIN = 5
"""Wide, for busy machines: a queue that is searched would be a thousand times slower."""


async def fill(callers: Callers, waiters: int) -> None:
    """One holds the only place; so many wait, a third of them in each class."""
    await callers.ask(1)
    for number, priority in enumerate(Priority):
        await callers.ask((waiters + number) // 3, priority=priority)


async def seconds_per_admission(make_limiter: MakeLimiter, waiters: int) -> float:
    """Best of several: what a release with the admission of the next waiter takes."""
    loop = asyncio.get_running_loop()
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law, max_waiting=waiters)
    best = float("inf")
    async with Callers(limiter) as callers:
        await fill(callers, waiters)
        asked = law.asked
        for _ in range(ADMISSIONS):
            permit = callers.permits[callers.admitted[-1]]
            begin = loop.time()
            permit.settle(SUCCESS)
            best = min(best, loop.time() - begin)
            await asyncio.sleep(0)
        assert law.asked - asked == 2 * ADMISSIONS, "the law is asked more often"
        assert limiter.waiting == waiters - ADMISSIONS
    return best


async def seconds_per_departure(make_limiter: MakeLimiter, waiters: int) -> float:
    """Best of several: what one waiter's leaving from the middle of the queue takes."""
    loop = asyncio.get_running_loop()
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=waiters)
    best = float("inf")
    async with Callers(limiter) as callers:
        await fill(callers, waiters)
        for number in range(ADMISSIONS):
            callers.tasks[waiters // 2 + number].cancel()
            begin = loop.time()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            best = min(best, loop.time() - begin)
        assert limiter.waiting == waiters - ADMISSIONS
    return best


async def seconds_per_displacement(make_limiter: MakeLimiter, waiters: int) -> float:
    """Best of several: what a newcomer takes to push another one out of a full queue."""
    loop = asyncio.get_running_loop()
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=waiters)
    best = float("inf")
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(waiters, priority=Priority.LOW)
        for _ in range(ADMISSIONS):
            callers.ask_soon(priority=Priority.HIGH)
            begin = loop.time()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            best = min(best, loop.time() - begin)
        assert len(callers.refused) == ADMISSIONS
    return best


@pytest.mark.slow
@pytest.mark.parametrize(
    "measure", [seconds_per_admission, seconds_per_departure, seconds_per_displacement]
)
async def test_with_10000_waiters_it_costs_the_same_as_with_10(
    make_limiter: MakeLimiter, measure: Measure
) -> None:
    few = min([await measure(make_limiter, 10) for _ in range(3)])

    many = min([await measure(make_limiter, 10_000) for _ in range(3)])

    assert many <= MARGIN * few
