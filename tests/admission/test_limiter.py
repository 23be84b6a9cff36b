"""Permits: how they are granted, waited for, refused and given back."""

import asyncio

import pytest

from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind
from sidecar.errors import ShedError
from sidecar.events import LimitChanged
from sidecar.outcomes import LimitReason, ShedReason
from tests.admission.callers import LATE, LONG, Callers
from tests.admission.conftest import DRAW, MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.fakes.rates import ScriptedRates
from tests.support import settle, virtual_time


async def test_a_free_place_is_given_at_once(make_limiter: MakeLimiter) -> None:
    law = ScriptedLaw(limit=2)
    limiter = make_limiter(law)

    with await limiter.acquire(max_wait=0, late=LATE) as permit:
        assert (limiter.in_flight, limiter.waiting) == (1, 0)
        assert permit.ticket is law.started[0]

    assert limiter.in_flight == 0


async def test_whose_time_is_up_already_gets_no_free_place(make_limiter: MakeLimiter) -> None:
    """Its call would be paid for and thrown away."""
    law = ScriptedLaw()
    limiter = make_limiter(law)

    with pytest.raises(ShedError) as caught:
        await limiter.acquire(max_wait=-0.001, late=ShedReason.DEADLINE)

    assert (caught.value.reason, caught.value.retry_after) == (ShedReason.DEADLINE, 1.0)
    assert (limiter.in_flight, limiter.waiting, law.started) == (0, 0, [])


async def test_a_context_left_unsettled_means_ignored(make_limiter: MakeLimiter) -> None:
    law = ScriptedLaw()
    limiter = make_limiter(law)

    with pytest.raises(ZeroDivisionError), await limiter.acquire(max_wait=0, late=LATE):
        raise ZeroDivisionError

    assert [verdict for _, verdict in law.settled] == [IGNORED]


async def test_settling_twice_counts_once(make_limiter: MakeLimiter) -> None:
    law = ScriptedLaw()
    limiter = make_limiter(law)

    with await limiter.acquire(max_wait=0, late=LATE) as permit:
        permit.settle(SUCCESS)
        permit.settle(FAILED)

    assert [verdict for _, verdict in law.settled] == [SUCCESS]
    assert law.draws == [DRAW]


async def test_waiters_are_served_in_the_order_in_which_they_asked(
    make_limiter: MakeLimiter,
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(4)
        for number in range(3):
            await callers.settle(number)

        assert callers.admitted == [0, 1, 2, 3]


async def test_a_newcomer_never_overtakes_a_waiter(make_limiter: MakeLimiter) -> None:
    """Even in the tick in which a place has become free."""
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(2)
        callers.permits[0].settle(SUCCESS)
        with pytest.raises(ShedError):
            await limiter.acquire(max_wait=0, late=LATE)
        await settle()

        assert callers.admitted == [0, 1]


async def test_a_newcomer_waits_behind_waiters_though_the_law_would_let_it_in(
    make_limiter: MakeLimiter,
) -> None:
    """It makes the limiter ask again, to the benefit of the one who waits longest."""
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(2)
        law.limit = 2
        await callers.ask(1)
        assert callers.admitted == [0, 1]

        await callers.settle(0)

        assert callers.admitted == [0, 1, 2]


async def test_a_full_queue_refuses_at_once(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=2)
    async with Callers(limiter) as callers:
        await callers.ask(3)
        with pytest.raises(ShedError) as caught:
            await limiter.acquire(max_wait=LONG, late=LATE)

        assert caught.value.reason is ShedReason.QUEUE_FULL
        assert limiter.waiting == 2


async def test_a_queue_of_size_0_refuses_what_cannot_go_at_once(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=0)
    with await limiter.acquire(max_wait=LONG, late=LATE):
        with pytest.raises(ShedError) as caught:
            await limiter.acquire(max_wait=LONG, late=LATE)

        assert caught.value.reason is ShedReason.QUEUE_FULL


@pytest.mark.parametrize("late", [ShedReason.QUEUE_TIMEOUT, ShedReason.DEADLINE])
@pytest.mark.parametrize("max_wait", [0, -1.5])
async def test_no_time_to_wait_is_refused_at_once_for_the_given_reason(
    make_limiter: MakeLimiter, late: ShedReason, max_wait: float
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    with await limiter.acquire(max_wait=0, late=LATE):
        with pytest.raises(ShedError) as caught:
            await limiter.acquire(max_wait=max_wait, late=late)

        assert caught.value.reason is late
        assert limiter.waiting == 0


@pytest.mark.parametrize("late", [ShedReason.QUEUE_TIMEOUT, ShedReason.DEADLINE])
@virtual_time
async def test_waiting_too_long_is_refused_for_the_given_reason(
    make_limiter: MakeLimiter, late: ShedReason
) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    with await limiter.acquire(max_wait=0, late=LATE):
        before = limiter._now()
        with pytest.raises(ShedError) as caught:
            await limiter.acquire(max_wait=30, late=late)

        assert caught.value.reason is late
        assert limiter._now() - before == pytest.approx(30, abs=0.01)
        assert limiter.waiting == 0


async def test_a_refusal_says_when_to_come_back(make_limiter: MakeLimiter) -> None:
    """Nothing was admitted from the queue lately: a whole minute if others wait, else a second."""
    limiter = make_limiter(ScriptedLaw(limit=1), max_waiting=1)
    async with Callers(limiter) as callers:
        await callers.ask(1)
        with pytest.raises(ShedError) as alone:
            await limiter.acquire(max_wait=0, late=LATE)
        await callers.ask(1)
        with pytest.raises(ShedError) as behind:
            await limiter.acquire(max_wait=0, late=LATE)

        assert (alone.value.retry_after, behind.value.retry_after) == (1.0, 60.0)


async def test_the_law_hears_how_many_wait(make_limiter: MakeLimiter) -> None:
    """Those behind the one that starts; the one itself waits no more."""
    law = ScriptedLaw(limit=1)
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(3)
        await callers.settle(0)

        assert law.start_waiting == [0, 1]


async def test_a_latency_reaches_the_law_with_its_kind(make_limiter: MakeLimiter) -> None:
    law = ScriptedLaw()
    limiter = make_limiter(law)
    with await limiter.acquire(max_wait=0, late=LATE) as permit:
        permit.measure(0.5, LatencyKind.TOTAL)

        assert law.measured == [(permit.ticket, 0.5, LatencyKind.TOTAL)]
    assert make_limiter.observer.events == []


async def test_every_move_of_the_limit_is_told(make_limiter: MakeLimiter) -> None:
    law = ScriptedLaw(limit=4)
    limiter = make_limiter(law)
    with await limiter.acquire(max_wait=0, late=LATE) as permit:
        law.next_limit = 5
        permit.measure(0.5, LatencyKind.FIRST_BYTE)
        law.next_limit = 3
        permit.settle(SUCCESS)

    assert make_limiter.observer.of(LimitChanged) == [
        LimitChanged("openai", "gpt", 4, 5, LimitReason.PROBE),
        LimitChanged("openai", "gpt", 5, 3, LimitReason.OVERLOAD),
    ]


async def test_it_says_its_state_in_one_line(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    async with Callers(limiter) as callers:
        await callers.ask(3)

        assert repr(limiter) == "<Limiter openai/gpt 1/1 in flight, 2 waiting>"


@virtual_time
async def test_it_knows_since_when_it_is_idle(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    begin = limiter.idle_since
    async with Callers(limiter) as callers:
        await callers.ask(2, max_wait=7)
        await asyncio.sleep(8)
        assert callers.refused == {1: LATE}
        await callers.settle(0)

    assert limiter.idle_since - begin == pytest.approx(8, abs=0.01)


async def test_free_is_where_a_permit_would_be_given_at_once(make_limiter: MakeLimiter) -> None:
    """And asking takes nothing."""
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=1), rates)
    rates.until = {7: asyncio.get_running_loop().time() + 60}

    assert limiter.free(0)
    assert not limiter.free(7)
    async with Callers(limiter) as callers:
        await callers.ask()
        assert not limiter.free(0)
        await callers.ask()
        callers.permits[0].settle(SUCCESS)
        assert not limiter.free(0), "somebody has just got it"


async def test_tokens_may_grow_until_the_place_is_given(make_limiter: MakeLimiter) -> None:
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=1), rates)
    wanted = [5]
    async with Callers(limiter) as callers:
        await callers.ask()
        waiting = asyncio.get_running_loop().create_task(
            limiter.acquire(max_wait=LONG, late=LATE, tokens=lambda: sum(wanted))
        )
        await settle()
        wanted.append(6)
        callers.permits[0].settle(SUCCESS)

        (await waiting).settle(SUCCESS)
        assert rates.taken == [0, 11]


async def test_tokens_that_are_asked_for_are_those_of_now(make_limiter: MakeLimiter) -> None:
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=1), rates)

    (await limiter.acquire(max_wait=0, late=LATE, tokens=lambda: 3)).settle(SUCCESS)

    assert rates.taken == [3]
