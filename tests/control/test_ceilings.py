"""Ceilings: kept to the letter in any window, all of it usable, settled by what was used."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.ceilings import CeilingConfig, Ceilings, Charge, SlidingWindow
from sidecar.outcomes import WaitReason

SECOND = CeilingConfig(requests_per_second=3)
MINUTE = CeilingConfig(requests_per_minute=3)
TOKENS = CeilingConfig(tokens_per_minute=1000)


# -- configuration ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize(
    "name", ["requests_per_second", "requests_per_minute", "tokens_per_minute"]
)
def test_a_ceiling_that_is_none_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name.replace("_", " ")):
        CeilingConfig(**{name: value})


def test_nothing_configured_is_no_ceiling() -> None:
    ceilings = Ceilings(CeilingConfig())

    assert not ceilings
    assert ceilings.wait(10**9, 0.0) == 0
    assert Ceilings(SECOND)
    assert Ceilings(TOKENS)


# -- the window -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "length"), [(SECOND, 1.0), (MINUTE, 60.0)])
def test_all_of_a_ceiling_may_go_at_once_and_again_when_the_window_has_passed(
    config: CeilingConfig, length: float
) -> None:
    ceilings = Ceilings(config)
    for _ in range(3):
        assert ceilings.wait(0, 100.0) == 0
        ceilings.started(0, 100.0)

    assert ceilings.wait(0, 100.0) == length
    assert ceilings.wait(0, 100.0 + length / 2) == length / 2
    assert ceilings.wait(0, 100.0 + length) == 0


def test_an_app_that_was_idle_pays_nothing_and_saves_nothing_up() -> None:
    ceilings = Ceilings(MINUTE)
    for now in (0.0, 1000.0, 1000.0, 1000.0):
        assert ceilings.wait(0, now) == 0
        ceilings.started(0, now)

    assert ceilings.wait(0, 1000.0) == 60


def test_each_start_leaves_the_window_on_its_own() -> None:
    ceilings = Ceilings(MINUTE)
    for now in (0.0, 10.0, 20.0):
        ceilings.started(0, now)

    assert ceilings.wait(0, 30.0) == 30
    ceilings.started(0, 60.0)
    assert ceilings.wait(0, 60.0) == 10


@pytest.mark.parametrize(
    ("rate", "most", "length"), [(0.5, 1, 2.0), (1.5, 2, 4 / 3), (0.1, 1, 10.0), (4.0, 4, 1.0)]
)
def test_a_fraction_is_kept_over_a_longer_time(rate: float, most: int, length: float) -> None:
    ceilings = Ceilings(CeilingConfig(requests_per_second=rate))
    for _ in range(most):
        assert ceilings.wait(0, 0.0) == 0
        ceilings.started(0, 0.0)

    assert ceilings.wait(0, 0.0) == pytest.approx(length)


def test_the_longest_wait_counts_and_names_its_ceiling() -> None:
    ceilings = Ceilings(
        CeilingConfig(requests_per_second=1, requests_per_minute=1, tokens_per_minute=100)
    )
    ceilings.started(10, 0.0)

    waits = {reason: wait for wait, reason in ceilings.waits(10, 0.5)}

    assert waits == {
        WaitReason.REQUESTS_PER_SECOND: 0.5,
        WaitReason.REQUESTS_PER_MINUTE: 59.5,
        WaitReason.TOKENS_PER_MINUTE: 0.0,
    }
    assert ceilings.wait(10, 0.5) == 59.5


def test_a_window_remembers_no_more_slots_than_it_has() -> None:
    """However many starts there are, and the last of a slot is not forgotten with the first."""
    window = SlidingWindow(1e6, 60)
    for step in range(20_000):
        window.take(1, step * 0.01)

    assert len(window._slots) <= 600
    kept = [slot.last for slot in window._slots]
    assert kept[0] > 199.99 - 60
    assert window._total == sum(slot.amount for slot in window._slots)
    assert 6000 <= window._total <= 6000 + 11


# -- tokens -----------------------------------------------------------------------------------------


def test_tokens_wait_until_what_is_reserved_fits() -> None:
    ceilings = Ceilings(TOKENS)
    ceilings.started(600, 0.0)
    ceilings.started(300, 10.0)

    assert ceilings.wait(100, 20.0) == 0
    assert ceilings.wait(101, 20.0) == 40
    assert ceilings.wait(701, 20.0) == 50


def test_what_was_reserved_and_not_used_goes_back() -> None:
    ceilings = Ceilings(TOKENS)
    charges = ceilings.started(1000, 0.0)
    assert ceilings.wait(1, 1.0) == 59

    ceilings.settled(charges, 200)

    assert ceilings.wait(800, 1.0) == 0
    assert ceilings.wait(801, 1.0) == 59


def test_what_was_used_beyond_the_reservation_is_charged_when_it_was_reserved() -> None:
    ceilings = Ceilings(TOKENS)
    charges = ceilings.started(100, 0.0)

    ceilings.settled(charges, 1500)

    assert ceilings.wait(1, 30.0) == 30
    assert ceilings.wait(1000, 60.0) == 0


def test_settling_after_the_window_has_passed_changes_nothing() -> None:
    ceilings = Ceilings(TOKENS)
    early, unseen = ceilings.started(400, 0.0), ceilings.started(400, 1.0)
    ceilings.started(400, 60.0)  # drops what started at 0, not yet what started at 1

    ceilings.settled(early, 0)
    assert ceilings.wait(200, 60.5) == 0
    assert ceilings.wait(201, 60.5) == 0.5

    ceilings.settled(unseen, 10_000)
    assert ceilings.wait(600, 61.0) == 0
    assert ceilings.wait(601, 61.0) == 59


def test_a_request_larger_than_the_ceiling_passes_when_the_window_is_empty() -> None:
    ceilings = Ceilings(TOKENS)
    ceilings.started(1, 0.0)

    assert ceilings.wait(5000, 10.0) == 50
    charges = ceilings.started(5000, 60.0)
    assert ceilings.wait(1, 60.0) == 60
    ceilings.settled(charges, 400)
    assert ceilings.wait(600, 60.0) == 0


def test_a_rejected_attempt_was_a_request_and_used_no_tokens() -> None:
    ceilings = Ceilings(CeilingConfig(requests_per_minute=1, tokens_per_minute=100))
    charges = ceilings.started(100, 0.0)

    ceilings.settled(charges, 0)

    waits = {reason: wait for wait, reason in ceilings.waits(100, 1.0)}
    assert waits == {WaitReason.REQUESTS_PER_MINUTE: 59, WaitReason.TOKENS_PER_MINUTE: 0}


def test_an_attempt_that_was_never_sent_is_as_if_it_had_not_started() -> None:
    ceilings = Ceilings(
        CeilingConfig(requests_per_second=1, requests_per_minute=1, tokens_per_minute=100)
    )

    ceilings.refunded(ceilings.started(100, 0.0))

    assert ceilings.wait(100, 0.0) == 0


def test_it_shows_what_it_holds() -> None:
    ceilings = Ceilings(CeilingConfig(requests_per_minute=3, tokens_per_minute=100))
    ceilings.started(40, 0.0)

    assert (
        repr(ceilings) == "<Ceilings [<SlidingWindow 1/3 in 60 s>, <SlidingWindow 40/100 in 60 s>]>"
    )


# -- properties -------------------------------------------------------------------------------------


@dataclass
class Taken:
    """What the oracle knows of a start: the truth, without slots."""

    at: float
    amount: int


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "start", "settle", "refund"]),
        st.floats(min_value=0, max_value=0.7),
        st.integers(min_value=0, max_value=60),
    ),
    max_size=120,
)


@given(rate=st.integers(min_value=1, max_value=40), steps=STEPS)
def test_no_window_ever_has_more_than_the_ceiling_and_no_wait_is_longer_than_a_slot_too_long(
    rate: int, steps: list[tuple[str, float, int]]
) -> None:
    """Against an oracle that remembers every start, in a window of a second.

    What is settled above its reservation may exceed the ceiling, but then nothing new starts.
    """
    window, slot = SlidingWindow(rate, 1.0), 1.0 / 599
    taken: list[Taken] = []
    charges: list[Charge] = []
    now = 0.0
    for what, passes, amount in steps:
        now += passes
        bounded = min(amount, rate)
        if what != "start" and charges:
            index = amount % len(charges)
            used = amount if what == "settle" else 0
            charges[index].correct(used)
            taken[index].amount = used
            continue
        free_at = now + window.wait(amount, now)
        assert math.isfinite(free_at)
        assert free_at >= now
        assert within(taken, free_at, 1.0) + bounded <= rate
        if free_at > now:
            earlier = free_at - slot - 1e-9
            assert earlier < now or within(taken, earlier, 1.0) + bounded > rate
            continue
        charges.append(window.take(amount, now))
        taken.append(Taken(now, bounded))


def within(taken: list[Taken], now: float, length: float) -> int:
    """What was taken in the window that ends at `now`; rounding counts as passed."""
    return sum(one.amount for one in taken if one.at + length > now + 1e-12)


@given(
    config=st.builds(
        CeilingConfig,
        requests_per_second=st.none() | st.floats(min_value=1e-300, max_value=1e9),
        requests_per_minute=st.none() | st.floats(min_value=1e-300, max_value=1e9),
        tokens_per_minute=st.none() | st.floats(min_value=1e-300, max_value=1e12),
    ),
    tokens=st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=10),
    used=st.integers(min_value=0, max_value=10**9),
)
def test_settling_and_refunding_everything_leaves_what_was_used(
    config: CeilingConfig, tokens: list[int], used: int
) -> None:
    ceilings = Ceilings(config)
    charges = [ceilings.started(amount, 0.0) for amount in tokens]
    assert not math.isnan(ceilings.wait(1, 0.0))
    for one in charges:
        ceilings.settled(one, used)
    totals = [window._total for _, window in ceilings._tokens]
    assert totals == [used * len(tokens)] * len(totals)

    for one in charges:
        ceilings.refunded(one)

    assert ceilings.wait(10**9, 0.0) == 0
