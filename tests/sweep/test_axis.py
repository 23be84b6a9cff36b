"""Axes: every value has its place, and the ticks are few and round."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.sweep.axis import amount_axis, concurrency_axis


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6, allow_subnormal=False), max_size=20))
def test_every_amount_has_its_place_between_0_and_the_last_tick(values: list[float]) -> None:
    axis = amount_axis(values, start=444, end=116)

    assert axis.ticks[0] == 0
    assert 2 <= len(axis.ticks) <= 8
    assert all(116 - 1e-6 <= axis.at(value) <= 444 + 1e-6 for value in values)


@settings(deadline=None)
@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_every_concurrency_has_its_place(one: int, other: int) -> None:
    lowest, highest = sorted((one, other))

    axis = concurrency_axis(lowest, highest, start=100, end=700)

    assert 1 <= len(axis.ticks) <= 12
    for value in (lowest, highest, *axis.ticks):
        assert 100 - 1e-6 <= axis.at(value) <= 700 + 1e-6
    assert all(tick == int(tick) for tick in axis.ticks)


def test_a_wide_range_is_shown_by_ratio() -> None:
    axis = concurrency_axis(1, 64, start=0, end=600)

    assert axis.by_ratio
    assert list(axis.ticks) == [1, 2, 4, 8, 16, 32, 64]
    assert axis.at(8) == pytest.approx(300)


def test_a_narrow_range_is_shown_as_it_is() -> None:
    axis = concurrency_axis(30, 60, start=0, end=300)

    assert not axis.by_ratio
    assert list(axis.ticks) == [30, 35, 40, 45, 50, 55, 60]
    assert axis.at(45) == 150


def test_round_numbers_end_an_axis() -> None:
    assert amount_axis([233.6], start=0, end=1).ticks == (0, 50, 100, 150, 200, 250)
    assert amount_axis([0.4], start=0, end=1).ticks[-1] == pytest.approx(0.4)
