"""Windows of latencies: mean and spread of logarithms, compared kind by kind."""

import math
from collections.abc import Iterable, Sequence
from random import Random
from statistics import geometric_mean, mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.law import LatencyKind
from sidecar.control.window import Difference, Window

FIRST, TOKEN, TOTAL = LatencyKind
LATENCIES = st.lists(st.floats(0.01, 100), min_size=2, max_size=40)


def filled(
    latencies: Iterable[float],
    *,
    level: float = 10,
    kind: LatencyKind = FIRST,
    into: Window | None = None,
) -> Window:
    window = into or Window()
    for latency in latencies:
        window.add(kind, latency, level)
    return window


def above(one: Window, other: Window) -> Difference:
    difference = one.above(other)
    assert difference is not None
    return difference


def spread(median: float, count: int, rng: Random, sigma: float = 0.25) -> list[float]:
    return [median * math.exp(rng.gauss(0, sigma)) for _ in range(count)]


def test_an_empty_window_knows_nothing() -> None:
    empty = Window()

    assert (empty.count, empty.p95) == (0, 0.0)
    assert empty.above(filled([1, 1])) is None


@given(st.lists(st.integers(1, 256), min_size=1, max_size=50))
def test_its_level_is_the_geometric_mean_of_the_limits(levels: list[int]) -> None:
    window = Window()
    for level in levels:
        window.add(FIRST, 1.0, level)

    assert window.level == pytest.approx(geometric_mean(levels))


@given(LATENCIES, LATENCIES)
def test_a_rise_is_the_difference_of_mean_logarithms(one: list[float], other: list[float]) -> None:
    rise = mean(map(math.log, one)) - mean(map(math.log, other))

    assert above(filled(one), filled(other)).rise == pytest.approx(rise, abs=1e-9)


def test_twice_as_slow_is_a_rise_of_log_two_and_the_opposite_a_fall() -> None:
    fast, slow = filled([0.3] * 10), filled([0.6] * 10)

    assert above(slow, fast).rise == pytest.approx(math.log(2))
    assert above(fast, slow).rise == pytest.approx(-math.log(2))


def test_the_error_shrinks_with_more_samples_and_grows_with_their_spread() -> None:
    rng = Random("window")
    few = filled(spread(0.3, 8, rng))
    many = filled(spread(0.3, 80, rng))
    wide = filled(spread(0.3, 80, rng, sigma=1.2))

    assert above(many, many).error < above(few, few).error
    assert above(many, many).error < above(wide, wide).error


def test_a_few_equal_samples_are_no_certainty() -> None:
    """Two equal times do not make a difference of 1 % significant."""
    difference = above(filled([1.01] * 3), filled([1.0] * 3))

    assert difference.error > 0
    assert difference.significance < 1


def test_significance_is_the_rise_in_standard_errors() -> None:
    assert Difference(rise=0.6, error=0.2).significance == pytest.approx(3)


def test_noise_is_rarely_significant() -> None:
    """Beyond 3 standard errors in fewer than one of a hundred comparisons of 30 with 30."""
    rng = Random("noise")
    beyond = sum(
        abs(above(filled(spread(1, 30, rng, 0.85)), filled(spread(1, 30, rng, 0.85))).significance)
        > 3
        for _ in range(400)
    )

    assert beyond <= 4


@pytest.mark.parametrize("latency", [0.0, -1.0, 1e-12])
def test_no_time_at_all_is_a_very_short_one(latency: float) -> None:
    difference = above(filled([1.0, 1.0]), filled([latency, latency]))

    assert difference.rise == pytest.approx(math.log(1e6))


# -- kinds ----------------------------------------------------------------------------------------


def test_kinds_are_compared_only_with_themselves() -> None:
    assert filled([1, 1], kind=FIRST).above(filled([1, 1], kind=TOTAL)) is None


@pytest.mark.parametrize(("mine", "theirs"), [(1, 5), (5, 1)])
def test_one_sample_of_a_kind_cannot_be_compared(mine: int, theirs: int) -> None:
    assert filled([1.0] * mine).above(filled([1.0] * theirs)) is None


def test_a_changing_mix_of_kinds_is_no_change_of_latency() -> None:
    """Streams first, then mostly whole answers that take a hundred times as long."""
    rng = Random("mix")
    before = filled(spread(0.3, 50, rng))
    filled(spread(30, 5, rng), kind=TOTAL, into=before)
    after = filled(spread(0.3, 5, rng))
    filled(spread(30, 50, rng), kind=TOTAL, into=after)

    assert abs(above(after, before).significance) < 2.5


def test_the_kind_that_knows_more_counts_more() -> None:
    rng = Random("weights")
    before, after = filled(spread(1, 100, rng)), filled(spread(2, 100, rng))
    filled(spread(1, 100, rng, sigma=2), kind=TOTAL, into=before)
    filled(spread(1, 100, rng, sigma=2), kind=TOTAL, into=after)

    assert above(after, before).rise == pytest.approx(math.log(2), abs=0.1)


# -- absorbing and copying --------------------------------------------------------------------------


@given(LATENCIES, LATENCIES)
def test_absorbing_is_the_same_as_having_seen_all(
    one: Sequence[float], other: Sequence[float]
) -> None:
    """As long as nothing has to fade."""
    merged, whole = filled(one, level=8), filled([*one, *other])
    merged.absorb(filled(other, level=12), keep=1000)
    probe = filled([1.0, 2.0, 3.0])

    assert merged.count == whole.count
    assert above(merged, probe).rise == pytest.approx(above(whole, probe).rise, abs=1e-9)
    assert above(merged, probe).error == pytest.approx(above(whole, probe).error)
    assert merged.p95 == pytest.approx(whole.p95)
    weights = [8] * len(one) + [12] * len(other)
    assert merged.level == pytest.approx(geometric_mean(weights))


def test_older_samples_fade_beyond_what_is_kept() -> None:
    window = filled([1.0] * 1000)
    for _ in range(20):
        window.absorb(filled([2.0] * 30), keep=100)

    assert window.count == 130
    assert above(window, filled([2.0] * 30)).rise == pytest.approx(0, abs=0.01)


def test_a_kind_not_seen_before_is_taken_in_as_it_is() -> None:
    window = filled([1.0] * 5)
    window.absorb(filled([8.0] * 5, kind=TOTAL), keep=100)

    assert window.count == 10
    assert above(window, filled([8.0] * 5, kind=TOTAL)).rise == pytest.approx(0)


def test_a_copy_is_equal_and_independent() -> None:
    window = filled([1.0, 2.0, 3.0], level=7)
    copy = window.copy()
    window.add(FIRST, 1000.0, 70)

    assert copy.count == 3
    assert copy.level == pytest.approx(7)
    assert above(copy, filled([1.0, 2.0, 3.0])).rise == pytest.approx(0)


# -- p95 --------------------------------------------------------------------------------------------


def test_the_p95_is_that_of_a_log_normal_with_these_moments() -> None:
    latencies = spread(0.35, 200, Random("p95"))
    logs = [math.log(latency) for latency in latencies]

    assert filled(latencies).p95 == pytest.approx(math.exp(mean(logs) + 1.645 * stdev(logs)))


def test_the_p95_is_of_the_kind_with_most_samples() -> None:
    window = filled([0.5] * 3)
    filled([20.0] * 4, kind=TOTAL, into=window)

    assert window.p95 == pytest.approx(20)


def test_one_sample_is_its_own_p95() -> None:
    assert filled([0.5]).p95 == pytest.approx(0.5)


def test_repr_is_short_and_true() -> None:
    assert repr(filled([1.0] * 3, level=7)) == "<Window of 3 at 7.0>"
