"""The search: what is measured next, and what is the best."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.sweep.level import Level, Targets
from sidecar.sweep.plan import EQUAL, Bounds, best, next_concurrency
from tests.sweep.measured import level

Provider = Callable[[int], Level]

PLENTY = 1000


def swept(provider: Provider, bounds: Bounds, targets: Targets) -> list[Level]:
    """Every level, in the order of measuring."""
    levels: list[Level] = []
    while (concurrency := next_concurrency(levels, bounds, targets)) is not None:
        levels.append(provider(concurrency))
        assert len(levels) <= PLENTY
    return levels


def refusing(slots: int) -> Provider:
    """Answers so many at once and refuses the rest."""
    return lambda c: level(c, min(c, slots) * 5.0, errors={"429": 10 * c} if c > slots else None)


def queueing(slots: int) -> Provider:
    """Lets the rest wait."""
    return lambda c: level(c, min(c, slots) * 5.0, p95=0.2 * max(1.0, c / slots))


def collapsing(slots: int) -> Provider:
    """Does less, the more there is to do."""
    return lambda c: level(c, 500.0 * (c if c <= slots else slots * slots / c))


numbers = st.integers(1, 2000)
providers = st.sampled_from([refusing, queueing, collapsing])


def concurrencies(levels: list[Level]) -> list[int]:
    return [measured.concurrency for measured in levels]


@settings(deadline=None)
@given(numbers, numbers, numbers, providers, st.integers(2, 15), st.none() | st.floats(0.2, 2))
def test_it_ends_stays_within_its_bounds_and_measures_nothing_twice(
    one: int,
    other: int,
    slots: int,
    provider: Callable[[int], Provider],
    most: int,
    latency: float | None,
) -> None:
    lowest, highest = sorted((one, other))
    bounds = Bounds(lowest=lowest, highest=highest, levels=most)

    measured = concurrencies(swept(provider(slots), bounds, Targets(latency=latency)))

    assert len(set(measured)) == len(measured) <= most
    assert all(lowest <= concurrency <= highest for concurrency in measured)
    assert measured[0] == lowest


@settings(deadline=None)
@given(numbers, numbers, providers)
def test_it_ends_by_itself_after_a_few_levels(
    highest: int, slots: int, provider: Callable[[int], Provider]
) -> None:
    bounds = Bounds(highest=highest, levels=PLENTY)

    assert len(swept(provider(slots), bounds, Targets())) <= 24


@settings(deadline=None)
@given(numbers, numbers, providers, st.none() | st.floats(0.31, 2))
def test_the_best_keeps_the_targets_and_no_other_that_does_is_better(
    highest: int, slots: int, provider: Callable[[int], Provider], latency: float | None
) -> None:
    targets = Targets(latency=latency)
    levels = swept(provider(slots), Bounds(highest=highest), targets)

    found = best(levels, targets)

    kept = [measured for measured in levels if targets.kept(measured)]
    assert found
    assert found in kept
    assert all(other.throughput <= found.throughput / (1 - EQUAL) for other in kept)
    assert all(
        other.throughput < found.throughput
        for other in kept
        if other.concurrency < found.concurrency
    )


@settings(deadline=None)
@given(st.integers(1, 1000))
def test_where_the_provider_refuses_the_best_is_what_it_takes(slots: int) -> None:
    targets = Targets()

    found = best(swept(refusing(slots), Bounds(highest=1000, levels=PLENTY), targets), targets)

    assert found
    assert 0.9 * slots - 1 <= found.concurrency <= slots


@settings(deadline=None)
@given(st.integers(1, 1000))
def test_where_the_provider_queues_the_best_is_where_the_queue_begins(slots: int) -> None:
    targets = Targets()

    found = best(swept(queueing(slots), Bounds(highest=1000, levels=PLENTY), targets), targets)

    assert found
    assert 0.9 * slots - 1 <= found.concurrency <= 1.12 * slots + 1


@settings(deadline=None)
@given(st.integers(1, 1000))
def test_where_the_provider_collapses_a_peak_is_found(slots: int) -> None:
    targets = Targets()

    found = best(swept(collapsing(slots), Bounds(highest=1000, levels=PLENTY), targets), targets)

    assert found
    assert found.throughput >= 0.45 * 500.0 * slots


def test_a_latency_target_is_searched_for_too() -> None:
    targets = Targets(latency=0.4)

    levels = swept(queueing(40), Bounds(highest=640), targets)

    assert max(concurrencies([x for x in levels if targets.kept(x)])) in range(76, 81)
    found = best(levels, targets)
    assert found
    assert found.concurrency in range(38, 43), "what only waits is no gain"


def test_both_ends_come_first_and_the_lowest_before_the_highest() -> None:
    measured = concurrencies(swept(refusing(40), Bounds(highest=64), Targets()))

    assert measured[:3] == [1, 64, 8]


def test_a_provider_that_fails_at_the_lowest_is_left_alone() -> None:
    levels = swept(refusing(3), Bounds(lowest=4, highest=64), Targets())

    assert concurrencies(levels) == [4]
    assert best(levels, Targets()) is None


@pytest.mark.parametrize(("lowest", "highest"), [(1, 1), (7, 8)])
def test_where_there_is_nothing_between_only_the_ends_are_measured(
    lowest: int, highest: int
) -> None:
    levels = swept(queueing(40), Bounds(lowest=lowest, highest=highest), Targets())

    assert concurrencies(levels) == sorted({lowest, highest})


def test_a_few_percent_more_throughput_are_not_worth_more_concurrency() -> None:
    levels = [level(1, 10), level(20, 96), level(40, 100), level(30, 94)]

    found = best(levels, Targets())

    assert found
    assert found.concurrency == 20
    assert best([], Targets()) is None
