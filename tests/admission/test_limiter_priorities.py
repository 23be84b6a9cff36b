"""Classes of priority in a limiter's queue: who goes first, who gives way, who never starves."""

import asyncio
from collections import Counter

import pytest

from sidecar.control.law import SUCCESS
from sidecar.errors import ShedError
from sidecar.outcomes import Priority, ShedReason
from tests.admission.callers import LATE, LONG, Callers
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.support import settle, virtual_time

HIGH, NORMAL, LOW = Priority


async def test_the_most_urgent_goes_first(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        for priority in (LOW, LOW, NORMAL, HIGH):
            await callers.ask(1, priority=priority)
        for number in (0, 3, 2):
            await callers.settle(number)

        assert callers.admitted == [0, 3, 2, 1]


async def test_who_asks_for_nothing_is_normal(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(1)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(limiter.acquire(max_wait=LONG, late=LATE))
            await settle()
            assert limiter.waiting_by(NORMAL) == 1
            task.cancel()


async def test_every_class_is_counted_by_itself_and_in_the_whole(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(2, priority=HIGH)
        await callers.ask(3, priority=LOW)
        await callers.ask(1, priority=LOW, again=True)

        assert [limiter.waiting_by(priority) for priority in Priority] == [2, 0, 4]
        assert limiter.waiting == 6


async def test_a_retry_goes_ahead_of_the_arrivals_of_its_class_only(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(2)
        await callers.ask(2, again=True)
        await callers.ask(1, priority=HIGH)
        for number in (0, 4, 2, 3):
            await callers.settle(number)

        assert callers.admitted == [0, 4, 2, 3, 1]


async def test_a_retry_overtakes_nobody_when_it_finds_waiters(make_limiter: MakeLimiter) -> None:
    """It goes to their head, but through the line: it takes no place that they may have."""
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(2)
        law.limit = 2
        await callers.ask(1, again=True)

        assert callers.admitted == [0, 2]
        assert limiter.waiting == 1


async def fill(callers: Callers, *priorities: Priority) -> None:
    """Number 0 takes the only place, then one of each class waits."""
    await callers.ask(1, priority=HIGH)
    for priority in priorities:
        await callers.ask(1, priority=priority)


async def test_in_a_full_queue_the_youngest_of_the_lowest_class_gives_way(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=2)
    async with Callers(limiter) as callers:
        await fill(callers, LOW, LOW)
        await callers.ask(1, priority=NORMAL)

        assert callers.refused == {2: ShedReason.QUEUE_FULL}
        assert limiter.waiting == 2
        for number in (0, 3):
            await callers.settle(number)
        assert callers.admitted == [0, 3, 1]


async def test_the_lowest_class_gives_way_before_a_younger_one_of_another(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=2)
    async with Callers(limiter) as callers:
        await fill(callers, LOW, NORMAL)
        await callers.ask(1, priority=HIGH)
        assert list(callers.refused) == [1]
        await callers.ask(1, priority=HIGH)

        assert list(callers.refused) == [1, 2]


@pytest.mark.parametrize("newcomer", [NORMAL, LOW])
@pytest.mark.parametrize("again", [False, True])
async def test_nobody_gives_way_to_an_equal_or_a_lower_one(
    make_limiter: MakeLimiter, newcomer: Priority, again: bool
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=2)
    async with Callers(limiter) as callers:
        await fill(callers, NORMAL, HIGH)
        await callers.ask(1, priority=newcomer, again=again)

        assert callers.refused == {3: ShedReason.QUEUE_FULL}


async def test_a_retry_gives_way_after_all_arrivals_of_its_class(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=2)
    async with Callers(limiter) as callers:
        await fill(callers, LOW)
        await callers.ask(1, priority=LOW, again=True)
        await callers.ask(1, priority=NORMAL)
        assert list(callers.refused) == [1]
        await callers.ask(1, priority=NORMAL)

        assert list(callers.refused) == [1, 2]


async def test_who_has_no_time_to_wait_displaces_nobody(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=2)
    async with Callers(limiter) as callers:
        await fill(callers, LOW, LOW)
        await callers.ask(1, priority=HIGH, max_wait=0)

        assert callers.refused == {3: LATE}
        assert limiter.waiting == 2


async def test_who_gives_way_hears_when_to_come_back(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=2)
    heard: list[ShedError] = []

    async def low() -> None:
        with pytest.raises(ShedError) as caught:
            await limiter.acquire(max_wait=LONG, late=LATE, priority=LOW)
        heard.append(caught.value)

    async with Callers(limiter) as callers, asyncio.TaskGroup() as group:
        await fill(callers, NORMAL)
        group.create_task(low())
        await settle()
        await callers.ask(1, priority=HIGH)

        assert [(e.reason, e.retry_after) for e in heard] == [(ShedReason.QUEUE_FULL, 60.0)]


@virtual_time
async def test_places_that_a_pause_held_back_are_shared(make_limiter: MakeLimiter) -> None:
    """They come free in one instant; the first class in line must not have them all."""
    law = ScriptedLaw(limit=21)
    limiter = make_limiter(law)
    law.held_until = asyncio.get_running_loop().time() + 5
    async with Callers(limiter) as callers:
        for priority in Priority:
            await callers.ask(21, priority=priority)
        await asyncio.sleep(5.01)

        classes = Counter(number // 21 for number in callers.admitted)
        assert classes == {HIGH: 16, NORMAL: 4, LOW: 1}


@virtual_time
async def test_a_place_is_given_back_before_it_is_asked_whose_turn_it_is(
    make_limiter: MakeLimiter,
) -> None:
    """(2.5 s + 1 s in advance) / 16 are less than 1 s in advance / 4; with a second more not."""
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        for priority in (HIGH, HIGH, NORMAL):
            await callers.ask(1, priority=priority)
        await asyncio.sleep(2.5)
        await callers.settle(0)

        assert callers.admitted == [0, 1]


@pytest.mark.slow
@virtual_time
async def test_long_streams_do_not_starve_short_calls_beyond_their_share(
    make_limiter: MakeLimiter,
) -> None:
    """Even where there is one place, and each stream is as long as a hundred short calls.

    Both classes leave the line for a moment at each of their turns: nobody loses by that.
    """
    limiter = make_limiter(ScriptedLaw(limit=1))
    now = asyncio.get_running_loop().time
    until = now() + 500
    had = {NORMAL: 0.0, LOW: 0.0}

    async def client(priority: Priority, seconds: float) -> None:
        while now() < until:
            permit = await limiter.acquire(max_wait=10 * LONG, late=LATE, priority=priority)
            await asyncio.sleep(seconds)
            had[priority] += seconds if now() <= until else 0
            permit.settle(SUCCESS)

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(client(LOW, 10.0))
            group.create_task(client(NORMAL, 0.1))

    assert had[LOW] / (had[LOW] + had[NORMAL]) == pytest.approx(1 / 5, abs=0.02)
