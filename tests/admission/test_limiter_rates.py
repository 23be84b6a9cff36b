"""Rates beside the law: reservations, waits for tokens, and who is held up by whom."""

import asyncio

import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.control.law import FAILED, IGNORED, SUCCESS
from sidecar.events import Event, RequestQueued
from sidecar.outcomes import Priority, ShedReason, WaitReason
from tests.admission.callers import LATE, LONG, Callers
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.fakes.rates import ScriptedRates
from tests.support import settle, virtual_time

HIGH, NORMAL, LOW = Priority
SMALL, LARGE = 10, 1000
ALLOWANCES = [Allowance(Unit.TOKENS, 1000, 0, 30)]


def now() -> float:
    return asyncio.get_running_loop().time()


@virtual_time
async def test_an_attempt_starts_when_both_law_and_rates_let_it(make_limiter: MakeLimiter) -> None:
    law, rates = ScriptedLaw(limit=3), ScriptedRates()
    limiter = make_limiter(law, rates)
    law.held_until, rates.until[SMALL] = now() + 2, now() + 5
    async with Callers(limiter) as callers:
        await callers.ask(1, tokens=SMALL)
        asked = law.asked
        await asyncio.sleep(4.9)
        assert callers.admitted == []
        assert law.asked == asked, "the alarm is set for the longer one"
        await asyncio.sleep(0.11)
        assert callers.admitted == [0]

        law.held_until = now() + 5
        await callers.ask(1, tokens=SMALL)
        await asyncio.sleep(4.9)
        assert callers.admitted == [0]
        await asyncio.sleep(0.11)
        assert callers.admitted == [0, 1]


async def test_what_is_used_settles_what_was_reserved(make_limiter: MakeLimiter) -> None:
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=3), rates)
    for used in (7, None):
        with await limiter.acquire(max_wait=0, late=LATE, tokens=SMALL) as permit:
            permit.settle(SUCCESS, used_tokens=used)
            permit.settle(FAILED, used_tokens=99)
    with await limiter.acquire(max_wait=0, late=LATE, tokens=LARGE):
        pass

    assert rates.taken == [SMALL, SMALL, LARGE]
    assert rates.used == [7, None, None]
    assert rates.refunds == 0


@virtual_time
async def test_who_is_refused_has_reserved_nothing(make_limiter: MakeLimiter) -> None:
    """Neither one that finds no room, nor one too late, nor one that waits in vain."""
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=1), rates, max_waiting=1)
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, tokens=SMALL, max_wait=-1)
        await callers.ask(1, tokens=SMALL, max_wait=0)
        await callers.ask(1, tokens=SMALL, max_wait=1)
        await callers.ask(1, tokens=SMALL)
        await asyncio.sleep(2)

        assert callers.refused == {1: LATE, 2: LATE, 3: LATE, 4: ShedReason.QUEUE_FULL}
        assert rates.taken == [0]


async def test_a_permit_that_nobody_will_see_is_refunded(make_limiter: MakeLimiter) -> None:
    """Cancelled in the tick of the hand-over: it was never sent."""
    law, rates = ScriptedLaw(limit=1), ScriptedRates()
    limiter = make_limiter(law, rates)
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, tokens=SMALL)
        callers.permits[0].settle(SUCCESS)
        callers.tasks[1].cancel()
        await settle()

        assert rates.taken == [0, SMALL]
        assert rates.refunds == 1
        assert [verdict for _, verdict in law.settled] == [SUCCESS, IGNORED]


async def test_rates_that_raise_in_settle_still_free_the_place(make_limiter: MakeLimiter) -> None:
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=1), rates)
    async with Callers(limiter) as callers:
        await callers.ask(2, tokens=SMALL)
        rates.error = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            callers.permits[0].settle(SUCCESS)
        await settle()

        assert callers.admitted == [0, 1]


async def test_rates_that_raise_in_a_refund_still_free_the_place(
    make_limiter: MakeLimiter,
) -> None:
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=1), rates)

    async def cancelled() -> None:
        with pytest.raises(ZeroDivisionError):
            await limiter.acquire(max_wait=LONG, late=LATE, tokens=SMALL)

    async with Callers(limiter) as callers, asyncio.TaskGroup() as group:
        await callers.ask(1)
        task = group.create_task(cancelled())
        await callers.ask(1)
        rates.error = ZeroDivisionError()
        callers.permits[0].settle(SUCCESS)
        task.cancel()
        await settle()

        assert callers.admitted == [0, 1]


async def test_what_the_provider_tells_reaches_the_rates_and_lets_the_head_go(
    make_limiter: MakeLimiter,
) -> None:
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=2), rates)
    rates.until[LARGE] = now() + 60
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, tokens=LARGE)
        assert callers.admitted == [0]

        rates.next_until = {}
        callers.permits[0].told(ALLOWANCES)
        await settle()

        assert rates.heard == [(ALLOWANCES, callers.permits[0].ticket.sent_at)]
        assert callers.admitted == [0, 1]


@pytest.mark.parametrize(("first", "then"), [(5, 9), (60, 9)])
@virtual_time
async def test_a_wait_that_headers_lengthen_or_shorten_is_kept_to_its_new_end(
    make_limiter: MakeLimiter, first: float, then: float
) -> None:
    """The alarm is set already: it rings for nothing and is set again, or an earlier one is set."""
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=2), rates)
    begin = now()
    rates.until[LARGE] = begin + first
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, tokens=LARGE)
        rates.next_until = {LARGE: begin + then}
        callers.permits[0].told(ALLOWANCES)
        await asyncio.sleep(then - 0.1)
        assert callers.admitted == [0]

        await asyncio.sleep(0.11)

        assert callers.admitted == [0, 1]


@virtual_time
async def test_a_large_call_is_overtaken_by_no_smaller_one(make_limiter: MakeLimiter) -> None:
    """Neither of its class, nor of one whose turn it is not: or it would never have its tokens."""
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=5), rates)
    rates.until[LARGE] = now() + 60
    async with Callers(limiter) as callers:
        await callers.ask(1, tokens=LARGE)
        await callers.ask(2, tokens=SMALL)
        await callers.ask(1, tokens=SMALL, priority=LOW)
        await asyncio.sleep(59.9)
        assert callers.admitted == []

        await asyncio.sleep(0.11)

        assert callers.admitted == [0, 1, 2, 3]


@virtual_time
async def test_while_the_head_waits_the_turn_may_pass_to_another_class(
    make_limiter: MakeLimiter,
) -> None:
    """A stream of its own class uses its share up meanwhile: at the next event low may go."""
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=3), rates)
    rates.until[LARGE] = now() + 60
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, tokens=LARGE)
        await callers.ask(1, tokens=SMALL, priority=LOW)
        assert callers.admitted == [0]
        await asyncio.sleep(10)
        await callers.ask(1)

        assert callers.admitted == [0, 2]


@pytest.mark.parametrize("max_wait", [1, LONG])
@virtual_time
async def test_a_head_that_leaves_lets_the_next_one_go_at_once(
    make_limiter: MakeLimiter, max_wait: float
) -> None:
    """Timed out or cancelled: what it waited for is not what the next one waits for."""
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=3), rates)
    rates.until[LARGE] = now() + 60
    async with Callers(limiter) as callers:
        await callers.ask(1, tokens=LARGE, max_wait=max_wait)
        await callers.ask(2, tokens=SMALL)
        await asyncio.sleep(1.01)
        callers.tasks[0].cancel()
        await settle()

        assert callers.admitted == [1, 2]


async def test_a_displaced_head_lets_the_newcomer_go_at_once(make_limiter: MakeLimiter) -> None:
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=3), rates, max_waiting=1)
    rates.until[LARGE] = now() + 60
    async with Callers(limiter) as callers:
        await callers.ask(1, tokens=LARGE, priority=LOW)
        await callers.ask(1, tokens=SMALL, priority=HIGH)

        assert callers.admitted == [1]
        assert callers.refused == {0: ShedReason.QUEUE_FULL}


@pytest.mark.parametrize(("priority", "again"), [(NORMAL, True), (HIGH, False)])
@pytest.mark.parametrize(("standing", "entering"), [(60, 2), (2, 60)])
@virtual_time
async def test_who_becomes_the_head_while_an_alarm_is_set_goes_at_its_own_time(
    make_limiter: MakeLimiter, priority: Priority, again: bool, standing: float, entering: float
) -> None:
    """A retry, or a higher class, that may go sooner than the head before it, or later."""
    rates = ScriptedRates()
    limiter = make_limiter(ScriptedLaw(limit=3), rates)
    begin = now()
    rates.until = {SMALL: begin + standing, LARGE: begin + entering}
    async with Callers(limiter) as callers:
        await callers.ask(1, tokens=SMALL)
        await callers.ask(1, tokens=LARGE, priority=priority, again=again)
        await asyncio.sleep(entering - 0.1)
        assert callers.admitted == []
        await asyncio.sleep(0.11)
        assert callers.admitted[:1] == [1]

        await asyncio.sleep(60)

        assert callers.admitted == [1, 0]


@pytest.mark.parametrize(
    ("pause", "limit", "tokens", "reason"),
    [
        (0, 1, 0, WaitReason.LIMIT),
        (0, 1, 60, WaitReason.LIMIT),
        (0, 2, 60, WaitReason.TOKENS_PER_MINUTE),
        (30, 2, 60, WaitReason.TOKENS_PER_MINUTE),
        (90, 2, 60, WaitReason.PAUSE),
    ],
)
async def test_it_tells_what_the_head_waits_for(
    make_limiter: MakeLimiter, pause: float, limit: int, tokens: float, reason: WaitReason
) -> None:
    """That is the longer one of both waits; numbers are seconds, and places."""
    law, rates = ScriptedLaw(limit=1), ScriptedRates()
    limiter = make_limiter(law, rates)
    async with Callers(limiter) as callers:
        await callers.ask(1)
        await callers.ask(1, tokens=LARGE)
        law.limit = limit
        law.held_until, rates.until[LARGE] = now() + pause, now() + tokens

        assert limiter.wait_reason is reason


async def test_nobody_waits_for_anything_while_nobody_waits(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(ScriptedLaw(limit=1))
    with await limiter.acquire(max_wait=0, late=LATE):
        assert limiter.wait_reason is None


async def test_everybody_who_has_to_wait_is_told_of_once_with_what_the_head_waits_for(
    make_limiter: MakeLimiter,
) -> None:
    law, rates = ScriptedLaw(limit=1), ScriptedRates()
    limiter = make_limiter(law, rates, max_waiting=4)
    rates.until[LARGE] = now() + 60
    async with Callers(limiter) as callers:
        await callers.ask(2)
        law.limit = 5
        await callers.ask(1, tokens=LARGE)
        await callers.ask(1, tokens=SMALL)
        await callers.ask(1, tokens=SMALL, max_wait=0)

        assert callers.admitted == [0, 1]
        assert make_limiter.observer.of(RequestQueued) == [
            RequestQueued("openai", "gpt", WaitReason.LIMIT),
            RequestQueued("openai", "gpt", WaitReason.TOKENS_PER_MINUTE),
            RequestQueued("openai", "gpt", WaitReason.TOKENS_PER_MINUTE),
        ]


async def test_a_listener_that_raises_leaves_nobody_in_the_queue(
    make_limiter: MakeLimiter,
) -> None:
    class Raising:
        def notify(self, event: Event) -> None:
            raise ZeroDivisionError

    limiter = make_limiter(ScriptedLaw(limit=1))
    limiter._observer = Raising()
    with await limiter.acquire(max_wait=0, late=LATE):
        with pytest.raises(ZeroDivisionError):
            await limiter.acquire(max_wait=LONG, late=LATE)

        assert limiter.waiting == 0
