"""One limiter per (upstream, model), in a bounded number."""

import asyncio

import pytest

from sidecar.admission import LimitKey
from sidecar.admission.pool import IDLE, MAX_MODELS, MAX_NAME, OTHER, LimiterPool
from sidecar.control.law import SUCCESS
from sidecar.errors import ShedError
from sidecar.events import NullObserver
from sidecar.outcomes import ShedReason
from tests.admission.callers import LATE, Callers
from tests.fakes.law import ScriptedLaw
from tests.fakes.rates import ScriptedRates
from tests.support import virtual_time


class MadeLaws:
    """Makes laws and remembers when."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, now: float) -> ScriptedLaw:
        self.times.append(now)
        return ScriptedLaw(limit=1)


def make_pool(make_law: MadeLaws, *, queue_size: int = 10) -> LimiterPool:
    return LimiterPool(
        make_law,
        ScriptedRates,
        queue_size=queue_size,
        loop=asyncio.get_running_loop(),
        observer=NullObserver(),
        draw=lambda: 0.5,
    )


async def test_the_same_pair_has_the_same_limiter_and_others_have_their_own() -> None:
    pool = make_pool(MadeLaws())

    limiter = pool.limiter("openai", "a")

    assert pool.limiter("openai", "a") is limiter
    assert pool.limiter("openai", "b") is not limiter
    assert pool.limiter("openai", "b").rates is not limiter.rates
    assert pool.limiter("azure", "a") is not limiter
    assert [limiter.key for limiter in pool] == [
        LimitKey("openai", "a"),
        LimitKey("openai", "b"),
        LimitKey("azure", "a"),
    ]


@virtual_time
async def test_a_law_is_made_at_the_time_of_the_first_request() -> None:
    laws = MadeLaws()
    pool = make_pool(laws)
    begin = asyncio.get_running_loop().time()
    await asyncio.sleep(7)

    pool.limiter("openai", "a")
    pool.limiter("openai", "a")

    assert laws.times == [pytest.approx(begin + 7)]


async def test_the_queue_has_the_size_that_was_set() -> None:
    limiter = make_pool(MadeLaws(), queue_size=1).limiter("openai", "a")
    async with Callers(limiter) as callers:
        await callers.ask(2)
        with pytest.raises(ShedError) as caught:
            await limiter.acquire(max_wait=1, late=LATE)

    assert caught.value.reason is ShedReason.QUEUE_FULL


@pytest.mark.parametrize(
    "model",
    [None, "", "x" * (MAX_NAME + 1), "two\nlines", "tab\there", "gpt-ü", "\x00", "\ud800"],
)
async def test_what_is_no_name_counts_as_other(model: str | None) -> None:
    assert make_pool(MadeLaws()).limiter("openai", model).key.model == OTHER


@pytest.mark.parametrize("model", ["x" * MAX_NAME, "org/model:free@v1", "with space", OTHER])
async def test_a_printable_name_of_bearable_length_is_kept(model: str) -> None:
    assert make_pool(MadeLaws()).limiter("openai", model).key.model == model


async def test_one_model_too_many_counts_as_other_and_the_known_ones_stay() -> None:
    """Model names are client input: each would be a set of metric series."""
    pool = make_pool(MadeLaws())
    for number in range(MAX_MODELS):
        pool.limiter("openai", f"m{number}")

    assert pool.limiter("openai", "one-more").key.model == OTHER
    assert pool.limiter("openai", "m49").key.model == "m49"
    assert pool.limiter("azure", "m0").key.model == "m0"


@virtual_time
async def test_an_unused_limiter_is_forgotten_once_another_request_comes() -> None:
    laws = MadeLaws()
    pool = make_pool(laws)
    old = pool.limiter("openai", "a")
    await asyncio.sleep(IDLE + 1)

    pool.limiter("openai", "b")

    assert [limiter.key.model for limiter in pool] == ["b"]
    assert pool.limiter("openai", "a") is not old
    assert len(laws.times) == 3


@virtual_time
async def test_idleness_is_counted_from_the_last_ending() -> None:
    pool = make_pool(MadeLaws())
    limiter = pool.limiter("openai", "a")
    permit = await limiter.acquire(max_wait=0, late=LATE)
    await asyncio.sleep(IDLE)
    permit.settle(SUCCESS)
    await asyncio.sleep(IDLE - 1)

    pool.limiter("openai", "b")

    assert pool.limiter("openai", "a") is limiter


@virtual_time
async def test_a_limiter_in_use_is_never_forgotten() -> None:
    """Neither one with something in flight nor one with somebody in its queue."""
    pool = make_pool(MadeLaws())
    busy, queued = pool.limiter("openai", "busy"), pool.limiter("openai", "queued")
    assert isinstance(queued.law, ScriptedLaw)
    queued.law.held_until = asyncio.get_running_loop().time() + 3 * IDLE
    async with Callers(busy) as sending, Callers(queued) as waiting:
        await sending.ask(1)
        await waiting.ask(1, max_wait=3 * IDLE)
        await asyncio.sleep(2 * IDLE)

        assert pool.limiter("openai", "busy") is busy
        assert pool.limiter("openai", "queued") is queued


@virtual_time
async def test_a_limiter_whose_rates_still_hold_somebody_back_is_kept() -> None:
    """One request in 20 minutes is that also for an app that sends one in 16."""
    pool = make_pool(MadeLaws())
    limiter = pool.limiter("openai", "a")
    assert isinstance(limiter.rates, ScriptedRates)
    limiter.rates.until[0] = asyncio.get_running_loop().time() + 1200
    await asyncio.sleep(IDLE + 60)
    assert pool.limiter("openai", "a") is limiter

    await asyncio.sleep(300)

    assert pool.limiter("openai", "a") is not limiter


@virtual_time
async def test_limiters_are_swept_once_a_minute_at_most() -> None:
    """Sweeping is not part of every request."""
    pool = make_pool(MadeLaws())
    old = pool.limiter("openai", "a")
    await asyncio.sleep(IDLE - 1)
    pool.limiter("openai", "b")
    await asyncio.sleep(59)

    assert pool.limiter("openai", "a") is old
    await asyncio.sleep(1)
    assert pool.limiter("openai", "a") is not old
