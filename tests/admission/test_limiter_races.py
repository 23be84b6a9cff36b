"""The named races of a limiter: what a waiter's future and its task can do to each other."""

import asyncio
import gc
import weakref

import pytest

from sidecar.admission.limiter import Limiter
from sidecar.admission.permit import Permit
from sidecar.admission.waiting_line import Waiter
from sidecar.control.law import IGNORED, SUCCESS, LatencyKind
from sidecar.errors import ShedError
from sidecar.outcomes import Priority, ShedReason
from tests.admission.callers import LATE, LONG, Callers
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.support import settle


def head(limiter: Limiter) -> Waiter[Permit]:
    """The waiter that goes next."""
    waiter = limiter._line.head(limiter._now())
    assert waiter is not None
    return waiter


async def test_cancelled_while_waiting_leaves_the_queue(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(3)
        callers.tasks[1].cancel()
        await settle()
        assert callers.tasks[1].cancelled()
        assert limiter.waiting == 1

        await callers.settle(0)

        assert callers.admitted == [0, 2]


async def test_cancelled_in_the_tick_of_the_hand_over_passes_its_place_on(
    make_limiter: MakeLimiter,
) -> None:
    """The future holds a ticket already; the task is cancelled before it sees it."""
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(3)
        callers.permits[0].settle(SUCCESS)
        callers.tasks[1].cancel()
        await settle()

        assert callers.tasks[1].cancelled()
        assert callers.admitted == [0, 2]
        assert [verdict for _, verdict in law.settled] == [SUCCESS, IGNORED]


async def test_released_in_the_tick_of_a_cancel_skips_the_cancelled(
    make_limiter: MakeLimiter,
) -> None:
    """The cancelled future still stands in the queue when the place becomes free."""
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(3)
        callers.tasks[1].cancel()
        callers.permits[0].settle(SUCCESS)
        await settle()

        assert callers.tasks[1].cancelled()
        assert callers.admitted == [0, 2]


async def test_all_cancelled_in_the_tick_of_a_release_leave_the_place_free(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(3)
        callers.tasks[1].cancel()
        callers.tasks[2].cancel()
        callers.permits[0].settle(SUCCESS)
        await settle()
        assert (limiter.in_flight, limiter.waiting) == (0, 0)

        await callers.ask(1)

        assert callers.admitted == [0, 3]


async def test_timed_out_in_the_tick_of_the_hand_over_keeps_its_place(
    make_limiter: MakeLimiter,
) -> None:
    """The timer fires after the ticket was handed over and before the task has run."""
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(2)
        waiter = head(limiter)
        callers.permits[0].settle(SUCCESS)
        limiter._expire(waiter, LATE)
        await settle()

        assert callers.admitted == [0, 1]
        assert callers.refused == {}


async def test_who_was_admitted_is_kept_by_no_timer(make_limiter: MakeLimiter) -> None:
    """Its time to be refused may be minutes ahead."""
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(2)
        future = weakref.ref(head(limiter).future)
        await callers.settle(0)
        gc.collect()

        assert future() is None


async def test_released_in_the_tick_of_a_timeout_serves_the_next(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(3)
        limiter._expire(head(limiter), LATE)
        callers.permits[0].settle(SUCCESS)
        await settle()

        assert callers.refused == {1: LATE}
        assert callers.admitted == [0, 2]


async def test_cancelled_in_the_tick_of_its_timeout_is_cancelled(
    make_limiter: MakeLimiter,
) -> None:
    """The refusal was never seen, and is not reported as an exception that nobody retrieved."""
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(2)
        limiter._expire(head(limiter), LATE)
        callers.tasks[1].cancel()
        await settle()

        assert callers.tasks[1].cancelled()
        assert limiter.waiting == 0


async def test_expired_in_the_tick_of_its_cancel_stays_cancelled(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(2)
        waiter = head(limiter)
        callers.tasks[1].cancel()
        limiter._expire(waiter, LATE)
        await settle()

        assert callers.tasks[1].cancelled()
        assert limiter.waiting == 0


async def test_displaced_in_the_tick_of_the_hand_over_keeps_its_place(
    make_limiter: MakeLimiter,
) -> None:
    """It stands in line no longer when the newcomer looks for somebody who gives way."""
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=1)
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, priority=Priority.LOW)
        callers.ask_soon(priority=Priority.HIGH)
        callers.permits[0].settle(SUCCESS)
        await settle()
        assert callers.admitted == [0, 1]

        await callers.settle(1)

        assert callers.admitted == [0, 1, 2]


async def test_displaced_in_the_tick_of_its_cancel_is_cancelled(
    make_limiter: MakeLimiter,
) -> None:
    """It makes room all the same, and the newcomer needs nobody else's."""
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=2)
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(2, priority=Priority.LOW)
        callers.tasks[2].cancel()
        limiter._make_room(Priority.HIGH)
        assert limiter.waiting == 1
        await settle()

        assert callers.tasks[2].cancelled()
        assert callers.refused == {}
        assert limiter.waiting == 1


async def test_cancelled_in_the_tick_in_which_it_is_displaced_is_cancelled(
    make_limiter: MakeLimiter,
) -> None:
    """The refusal was never seen, and is not reported as an exception that nobody retrieved."""
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=1)
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, priority=Priority.LOW)
        limiter._make_room(Priority.HIGH)
        callers.tasks[1].cancel()
        await settle()

        assert callers.tasks[1].cancelled()
        assert limiter.waiting == 0


@pytest.mark.parametrize("expires_first", [False, True])
async def test_displaced_and_timed_out_in_one_tick_is_refused_for_what_came_first(
    make_limiter: MakeLimiter, expires_first: bool
) -> None:
    """Who expired already has left room for the newcomer."""
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=1)
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, priority=Priority.LOW)
        waiter = head(limiter)
        if expires_first:
            limiter._expire(waiter, LATE)
        limiter._make_room(Priority.HIGH)
        limiter._expire(waiter, LATE)
        await settle()

        assert callers.refused == {1: LATE if expires_first else ShedReason.QUEUE_FULL}
        assert limiter.waiting == 0


async def test_a_limit_shrunk_below_in_flight_admits_nobody_until_it_fits(
    make_limiter: MakeLimiter,
) -> None:
    law = ScriptedLaw(limit=3)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(5)
        law.next_limit = 1
        await callers.settle(0)
        await callers.settle(1)
        assert callers.admitted == [0, 1, 2]

        await callers.settle(2)

        assert callers.admitted == [0, 1, 2, 3]


async def test_a_limit_grown_in_settle_admits_as_many_as_now_fit(
    make_limiter: MakeLimiter,
) -> None:
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(5)
        law.next_limit = 3
        await callers.settle(0)

        assert callers.admitted == [0, 1, 2, 3]
        assert limiter.waiting == 1


async def test_a_limit_grown_in_measure_admits_at_once(make_limiter: MakeLimiter) -> None:
    """A stream's first byte may raise the limit long before the stream ends."""
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(3)
        law.next_limit = 2
        callers.permits[0].measure(0.1, LatencyKind.FIRST_BYTE)
        await settle()

        assert callers.admitted == [0, 1]


async def test_a_law_that_raises_in_settle_still_frees_the_place(
    make_limiter: MakeLimiter,
) -> None:
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(2)
        law.error = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            callers.permits[0].settle(SUCCESS)
        await settle()

        assert callers.admitted == [0, 1]


async def test_a_task_cancelled_from_inside_before_it_waits_never_queues(
    make_limiter: MakeLimiter,
) -> None:
    """`cancel()` on the running task strikes at the `await` inside `acquire`."""
    limiter = make_limiter(ScriptedLaw(limit=1))

    async def cancel_myself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await limiter.acquire(max_wait=LONG, late=LATE)

    with await limiter.acquire(max_wait=0, late=LATE):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(cancel_myself())

        assert task.cancelled()
        assert limiter.waiting == 0


async def test_a_timeout_of_the_callers_own_leaves_the_queue(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    with await limiter.acquire(max_wait=0, late=LATE):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await limiter.acquire(max_wait=LONG, late=LATE)

        assert limiter.waiting == 0
        with pytest.raises(ShedError):
            await limiter.acquire(max_wait=0, late=LATE)
