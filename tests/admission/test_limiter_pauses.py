"""Pauses: time in which the law lets nobody start, though nothing may be in flight that ends."""

import asyncio
import math

from tests.admission.callers import LATE, Callers
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.support import virtual_time


@virtual_time
async def test_a_pause_ends_by_itself_though_nothing_settles(make_limiter: MakeLimiter) -> None:
    law = ScriptedLaw(limit=2)
    limiter = make_limiter(law)
    loop = asyncio.get_running_loop()
    law.held_until = loop.time() + 5
    async with Callers(limiter) as callers:
        await callers.ask(3)
        assert (limiter.in_flight, limiter.waiting) == (0, 3)

        await asyncio.sleep(5.01)

        assert callers.admitted == [0, 1]


@virtual_time
async def test_a_pause_made_longer_is_kept_to_its_new_end(make_limiter: MakeLimiter) -> None:
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    begin = asyncio.get_running_loop().time()
    law.held_until = begin + 5
    async with Callers(limiter) as callers:
        await callers.ask(1)
        law.held_until = begin + 9
        await asyncio.sleep(8.9)
        assert callers.admitted == []

        await asyncio.sleep(0.11)

        assert callers.admitted == [0]


@virtual_time
async def test_a_shorter_pause_after_a_long_one_ends_at_its_own_time(
    make_limiter: MakeLimiter,
) -> None:
    """The alarm of a pause that was lifted early must not delay the end of the next one."""
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    begin = asyncio.get_running_loop().time()
    async with Callers(limiter) as callers:
        await callers.ask(2)
        law.held_until = begin + 60
        await callers.ask(1)
        law.held_until = begin + 2
        await callers.settle(0)
        assert callers.admitted == [0]

        await asyncio.sleep(2.01)

        assert callers.admitted == [0, 1]


@virtual_time
async def test_a_pause_that_outlives_its_waiters_ends_quietly(make_limiter: MakeLimiter) -> None:
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    law.held_until = asyncio.get_running_loop().time() + 5
    async with Callers(limiter) as callers:
        await callers.ask(2, max_wait=1)
        await asyncio.sleep(6)

        assert callers.refused == {0: LATE, 1: LATE}
        with await limiter.acquire(max_wait=0, late=LATE):
            assert limiter.in_flight == 1


async def test_a_pause_without_end_sets_no_alarm(make_limiter: MakeLimiter) -> None:
    """What waits for something in flight is woken by its settling, not by a timer."""
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(2)

        assert law.wait(limiter.in_flight, 0.0) == math.inf
        assert repr(limiter._alarm) == "<Alarm off>"


@virtual_time
async def test_a_pause_that_ends_between_question_and_queueing_holds_nobody(
    make_limiter: MakeLimiter,
) -> None:
    """The first question says "soon", the second "now": no alarm is set, so it must be obeyed."""

    class JustEnding(ScriptedLaw):
        def wait(self, in_flight: int, now: float) -> float:
            return 1e-4 if self.count() == 1 else super().wait(in_flight, now)

        def count(self) -> int:
            self.asked += 1
            return self.asked

    limiter = make_limiter(JustEnding(limit=2))
    async with Callers(limiter) as callers:
        await callers.ask(1)

        assert callers.admitted == [0]
