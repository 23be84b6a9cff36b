"""What the counts between push-backs tell of a rate."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.push_backs import LEAST, PushBack, PushBacks


def remember(marks: Iterable[tuple[float, int]], in_flight: int = 10) -> PushBacks:
    """Push-backs at given times, with so many admitted before."""
    known = PushBacks()
    for at, admitted in marks:
        known.add(PushBack(at, admitted, in_flight))
    return known


def test_a_rate_takes_enough_attempts_to_be_known() -> None:
    few = remember([(0, 0), (10, LEAST - 1)])
    enough = remember([(0, 0), (10, LEAST)])

    assert (few.fastest, few.mean) == (None, None)
    assert (enough.fastest, enough.mean) == ((LEAST - 1) / 10, LEAST / 10)


def test_the_fastest_spell_proves_the_rate() -> None:
    """The slow one says only that we asked for less; one attempt may have come from what was saved."""
    known = remember([(0, 0), (100, 100), (110, 141), (210, 241)])

    assert known.fastest == pytest.approx(4.0)
    assert known.mean == pytest.approx(241 / 210)


def test_push_backs_of_one_moment_have_no_rate() -> None:
    known = remember([(5, 0), (5, 50)])

    assert (known.fastest, known.mean, known.agreed) == (None, None, None)


def test_two_spells_at_one_rate_agree() -> None:
    assert remember([(0, 0), (10, 50), (20, 100)]).agreed == pytest.approx(5.0)


def test_they_agree_across_a_push_back_in_between() -> None:
    """Two in a row make no spells of their own."""
    assert remember([(0, 0), (10, 50), (10.2, 51), (20.2, 101)]).agreed == pytest.approx(5.0, 0.01)


@pytest.mark.parametrize(
    "marks",
    [
        [(0, 0), (10, 50), (20, 103)],
        [(0, 0), (2, 10), (4, 20)],
        [(0, 0), (10, 50)],
        [(0, 0), (10, 0), (20, 0)],
        [(0, 0), (10, 50), (10, 100)],
    ],
    ids=["another rate", "too few", "one spell", "nothing", "no time"],
)
def test_other_spells_do_not(marks: list[tuple[float, int]]) -> None:
    assert remember(marks).agreed is None


def test_the_newest_spell_must_be_one_of_the_two() -> None:
    """What agreed before was looked at before."""
    assert remember([(0, 0), (10, 50), (20, 100), (30, 180)]).agreed is None


def test_only_the_last_few_count() -> None:
    known = remember([(0, 0), (1, 1000), *((100.0 * n, 1000 + 10 * n) for n in range(1, 7))])

    assert known.fastest == pytest.approx(49 / 500)
    assert known.last == PushBack(600.0, 1060, 10)


def test_a_rate_is_known_although_every_other_attempt_is_rejected() -> None:
    """The last six alone would tell of five attempts."""
    known = remember((2.0 * n, n) for n in range(100))

    assert known.mean == pytest.approx(0.5)
    assert known.last == PushBack(198.0, 99, 10)


def test_the_level_is_the_mean_of_what_was_in_flight() -> None:
    known = PushBacks()
    for in_flight in (10, 20):
        known.add(PushBack(0.0, 0, in_flight))

    assert known.level == 15


def test_nothing_is_left_after_forgetting() -> None:
    known = remember([(0, 0), (10, 50), (20, 100)])
    assert repr(known) == "<PushBacks 3>"
    known.clear()

    assert repr(known) == "<PushBacks 0>"


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 100),
    asked=st.floats(0.2, 5),
    seed=st.integers(0, 1000),
)
def test_of_a_token_bucket_the_fastest_is_never_too_fast(
    rate: float, burst: int, asked: float, seed: int
) -> None:
    """However it is asked: what it gave between two empty moments is what came in, or less."""
    dice, known = Random(seed), PushBacks()
    level, now, admitted = float(burst), 0.0, 0
    for _ in range(500):
        gap = dice.expovariate(asked * rate)
        now += gap
        level = min(burst, level + gap * rate)
        if level >= 1:
            level -= 1
            admitted += 1
        else:
            known.add(PushBack(now, admitted, 1))
            assert (known.fastest or 0) <= rate * (1 + 1e-6)
