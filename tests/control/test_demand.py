"""What an autoscaler is told: demand that more pods could serve, never the echo of a full quota."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.demand import Demand

QUIET = Demand(
    in_flight=10, waiting=30, limit=10, maximum=16, ceiling=None, last_push_back_at=None, now=1000.0
)
"""A long queue, and no word from the provider."""


def test_a_queue_without_push_back_is_local() -> None:
    """The limit is still on its way up: more pods help."""
    assert not QUIET.upstream_limited
    assert QUIET.admissible == 40


@pytest.mark.parametrize(("ago", "limited"), [(0.0, True), (60.0, True), (60.1, False)])
def test_a_push_back_counts_for_a_minute(ago: float, limited: bool) -> None:
    """Two scrapes and two decisions of an autoscaler."""
    demand = replace(QUIET, last_push_back_at=QUIET.now - ago)

    assert demand.upstream_limited is limited
    assert demand.admissible == (10 if limited else 40)


def test_whoever_queues_below_a_known_ceiling_is_held_back_by_the_provider() -> None:
    """However long ago it pushed back."""
    demand = replace(QUIET, ceiling=11.0, last_push_back_at=0.0)

    assert demand.upstream_limited
    assert demand.admissible == 10


def test_a_queue_behind_the_configured_maximum_is_local() -> None:
    """The pod's own wall, not the provider's: company helps."""
    demand = replace(QUIET, limit=16, ceiling=20.0)

    assert not demand.upstream_limited
    assert demand.admissible == 40


def test_nobody_is_held_back_who_does_not_queue() -> None:
    demand = replace(QUIET, ceiling=11.0, in_flight=9, waiting=0)

    assert not demand.upstream_limited
    assert demand.admissible == 9


def test_a_paced_queue_is_the_providers_and_only_what_is_in_flight_is_admissible() -> None:
    """However long ago it pushed back, and however much room the limit leaves."""
    demand = replace(QUIET, pace=2.5, in_flight=8, limit=14)

    assert demand.upstream_limited
    assert demand.admissible == 8


def test_a_queue_that_the_headers_hold_back_is_the_providers() -> None:
    """Before any push-back: that is what the headers are for."""
    demand = replace(QUIET, exhausted=True, in_flight=3)

    assert demand.upstream_limited
    assert demand.admissible == 3


def test_a_pace_slower_than_the_answers_still_sustains_one_at_a_time() -> None:
    """Between two starts nothing may be in flight; the demand is there all the same."""
    demand = replace(QUIET, pace=0.2, in_flight=0)

    assert demand.admissible == 1
    assert replace(demand, waiting=0).admissible == 0


def test_little_demand_is_told_as_it_is_even_under_push_back() -> None:
    demand = replace(QUIET, last_push_back_at=QUIET.now, in_flight=2, waiting=1)

    assert demand.upstream_limited
    assert demand.admissible == 3


@given(
    in_flight=st.integers(0, 50),
    waiting=st.integers(0, 50),
    limit=st.integers(1, 50),
    ceiling=st.none() | st.floats(1, 50),
    ago=st.none() | st.floats(0, 200),
)
def test_admissible_demand_is_never_more_than_demand_nor_less_than_what_the_limit_admits(
    in_flight: int, waiting: int, limit: int, ceiling: float | None, ago: float | None
) -> None:
    last = None if ago is None else 1000.0 - ago
    demand = Demand(in_flight, waiting, limit, 50, ceiling, last, 1000.0)

    assert min(in_flight + waiting, limit) <= demand.admissible <= in_flight + waiting
