"""Token buckets: what passes, how long the rest must wait, and what headers say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.simulator.bucket import TokenBucket
from sidecar.simulator.plan import BucketPlan

GAPS = st.floats(0, 100)
AMOUNTS = st.floats(0, 20)
PLANS = st.builds(BucketPlan, per_minute=st.floats(0.1, 1e5), burst=st.floats(0.1, 1e4))


def bucket(per_minute: float = 60, burst: float = 10, now: float = 0.0) -> TokenBucket:
    return TokenBucket(BucketPlan(per_minute=per_minute, burst=burst), now=now)


def test_a_full_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    full = bucket(per_minute=60, burst=3)
    for _ in range(3):
        assert full.wait(1, now=0.0) == 0
        full.take(1, now=0.0)

    assert full.wait(1, now=0.0) == pytest.approx(1.0)
    assert full.wait(1, now=0.5) == pytest.approx(0.5)
    assert full.wait(1, now=1.0) == 0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    rested = bucket(burst=3)

    assert rested.figures(now=1e6).remaining == 3


def test_more_than_a_full_bucket_passes_when_the_bucket_is_full() -> None:
    """Otherwise it could never pass at all."""
    small = bucket(per_minute=60, burst=10)
    assert small.wait(50, now=0.0) == 0

    small.take(50, now=0.0)

    assert small.figures(now=0.0).remaining == 0
    assert small.wait(50, now=0.0) == pytest.approx(10.0)


def test_a_clock_that_stands_still_or_steps_back_fills_nothing() -> None:
    used = bucket(now=10.0)
    used.take(10, now=10.0)

    assert used.figures(now=10.0).remaining == 0
    assert used.figures(now=5.0).remaining == 0
    assert used.figures(now=11.0).remaining == pytest.approx(1)


def test_headers_say_the_limit_what_is_left_and_when_all_of_it_is_back() -> None:
    used = bucket(per_minute=60, burst=10)
    used.take(4, now=0.0)

    figures = used.figures(now=1.0)

    assert (figures.limit, figures.remaining, figures.reset) == (60, 7, 3)


def test_a_bucket_shows_how_full_it_is() -> None:
    used = bucket(burst=10)
    used.take(4, now=2.0)

    assert repr(used) == "<TokenBucket 6.0/10 at 2.0 s>"


@given(PLANS, st.lists(st.tuples(GAPS, AMOUNTS), max_size=60))
def test_never_more_passes_than_burst_and_rate_allow(
    plan: BucketPlan, asked: list[tuple[float, float]]
) -> None:
    limited, now, passed = TokenBucket(plan, now=0.0), 0.0, 0.0
    for gap, wanted in asked:
        now += gap
        amount = min(wanted, plan.burst)
        if limited.wait(amount, now) == 0:
            limited.take(amount, now)
            passed += amount
        assert passed <= (plan.burst + plan.per_minute / 60 * now) * (1 + 1e-6) + 1e-6
        assert 0 <= limited.figures(now).remaining <= plan.burst


@given(PLANS, st.lists(st.tuples(GAPS, AMOUNTS), min_size=1, max_size=60))
def test_who_comes_back_when_told_passes_and_who_comes_earlier_does_not(
    plan: BucketPlan, asked: list[tuple[float, float]]
) -> None:
    limited, now = TokenBucket(plan, now=0.0), 0.0
    for gap, amount in asked:
        now += gap
        wait = limited.wait(amount, now)
        if wait > 1e-6:
            assert limited.wait(amount, now + wait / 2) > 0
        now += wait * (1 + 1e-9)
        assert limited.wait(amount, now) <= 1e-6
        limited.take(amount, now)
