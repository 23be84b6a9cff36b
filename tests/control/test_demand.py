"""What an autoscaler is told: demand that more pods could serve, never the echo of a full quota."""

import math
from collections.abc import Callable, Sequence
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


# -- a deployment under a HorizontalPodAutoscaler ---------------------------------------------------

PER_POD = 8
"""K: concurrent calls that one pod should own."""
QUOTA = 40
"""C: attempts that the provider serves at once, for all pods together."""
MAXIMUM = 16
"""Of one pod's limit."""
MOST_PODS = 50
SYNC = 15.0
"""Seconds between two decisions."""
TOLERANCE = 0.1

Metric = Callable[[Demand], float]


class Deployment:
    """Pods that share a quota equally, and the formula that scales them."""

    def __init__(self, pods: int, metric: Metric, *, target: float) -> None:
        self.pods = pods
        self.metric = metric
        self.target = target
        self.now = 0.0
        self.pushed_back_at: float | None = None
        self.ceiling: float | None = None

    def demands(self, calls: int) -> list[Demand]:
        """What each pod's sidecar exports while so many calls are wanted in all."""
        wanted = _split(calls, self.pods)
        limits = [MAXIMUM] * self.pods
        if sum(min(want, MAXIMUM) for want in wanted) > QUOTA:
            self.pushed_back_at = self.now
            limits = [max(1, limit) for limit in _split(QUOTA, self.pods)]
            self.ceiling = max(limits) + 1
        return [
            Demand(
                in_flight=min(want, limit),
                waiting=max(0, want - limit),
                limit=limit,
                maximum=MAXIMUM,
                ceiling=self.ceiling,
                last_push_back_at=self.pushed_back_at,
                now=self.now,
            )
            for want, limit in zip(wanted, limits, strict=True)
        ]

    def sync(self, calls: int) -> None:
        """The autoscaler's formula: ceil(pods * average / target), unless it is nearly right."""
        average = sum(map(self.metric, self.demands(calls))) / self.pods
        if abs(average / self.target - 1) > TOLERANCE:
            desired = math.ceil(self.pods * average / self.target)
            self.pods = min(max(desired, 1), MOST_PODS)
        self.now += SYNC

    def settle(self, calls: int) -> list[int]:
        """Pods at the last eight of forty decisions."""
        counts = []
        for _ in range(40):
            self.sync(calls)
            counts.append(self.pods)
        return counts[-8:]


def _split(total: int, parts: int) -> list[int]:
    return [total // parts + (part < total % parts) for part in range(parts)]


def admissible(demand: Demand) -> float:
    return demand.admissible


def all_demand(demand: Demand) -> float:
    return demand.in_flight + demand.waiting


def all_demand_over_limit(demand: Demand) -> float:
    return all_demand(demand) / demand.limit


@pytest.mark.parametrize("calls", [10, 20, 30, 40, 41, 60, 120, 500])
@pytest.mark.parametrize("pods", [1, 4, 30])
def test_pods_settle_where_the_quota_or_the_demand_is_served(calls: int, pods: int) -> None:
    """ceil(min(D, C) / K), from wherever they start, and there they stay."""
    deployment = Deployment(pods, admissible, target=PER_POD)

    counts = deployment.settle(calls)

    assert set(counts) == {math.ceil(min(calls, QUOTA) / PER_POD)}


def test_a_peak_of_demand_does_not_overshoot_the_quota() -> None:
    deployment = Deployment(3, admissible, target=PER_POD)
    peaks: Sequence[int] = [*deployment.settle(20), *deployment.settle(120)]

    assert max(peaks) == 5
    assert set(deployment.settle(20)) == {3}


@pytest.mark.parametrize(
    ("metric", "target", "pods"), [(all_demand, PER_POD, 15), (all_demand_over_limit, 0.75, 50)]
)
def test_what_does_not_know_the_quota_runs_away(metric: Metric, target: float, pods: int) -> None:
    """Why the metric exists: with 120 calls on a quota of 40, five pods are all that helps."""
    deployment = Deployment(4, metric, target=target)

    assert set(deployment.settle(120)) == {pods}
