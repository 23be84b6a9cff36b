"""A fleet under an autoscaler comes to rest where demand or quota is served, in virtual time.

The README's table is made of these runs. What the limits do is their own business here: only the
number of pods is judged. `tests/cluster/autoscaling` shows the same with Kubernetes' autoscaler.
"""

import asyncio
import math
from collections.abc import Sequence

import pytest

from sidecar.telemetry.views import LimiterView
from tests.simulation.autoscaler import Autoscaler, Behavior, Policy, Rules
from tests.simulation.fleet import SCRAPE, Fleet, Metric, watch
from tests.support import virtual_time

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PER_POD = 8
"""K: concurrent calls that one pod should own."""
QUOTA = 40
"""C: calls that the provider serves at once."""
MANY, FEW, USUAL = 120, 30, 20
"""Calls at once: three times the quota, and less than it."""
MOST_PODS = 50

BEHAVIOR = Behavior(
    up=Rules(60.0, (Policy("Percent", 50, 60.0),)),
    down=Rules(300.0, (Policy("Percent", 20, 60.0),)),
)
"""The chart's."""

NEAR = 1
"""Pods beyond the expected: the larger of two scrapes counts, so limits that move look larger."""

LAST = 10
"""Decisions, two and a half minutes, in which a fleet must be at rest."""

Phase = tuple[int, float]
"""So many calls for so many seconds."""


def admissible(view: LimiterView) -> float:
    return view.admissible_demand


def queue(view: LimiterView) -> float:
    return view.waiting


def all_demand(view: LimiterView) -> float:
    return view.in_flight + view.waiting


async def replicas(
    metric: Metric, *phases: Phase, start: int, target: float = PER_POD
) -> list[list[int]]:
    """The autoscaler's decisions in each phase."""
    fleet = Fleet(slots=QUOTA, seed=start)
    fleet.scale(start)
    now = asyncio.get_running_loop().time()
    autoscaler = Autoscaler(start, target=target, most=MOST_PODS, behavior=BEHAVIOR, now=now)
    counts = []
    async with asyncio.TaskGroup() as callers:
        for calls, seconds in phases:
            fleet.call(callers, calls)
            counts.append(await watch(fleet, autoscaler, metric, seconds))
        fleet.call(callers, 0)
    return counts


def settling(start: int) -> float:
    """Seconds in which a fleet that begins with so many pods comes to rest, and stays there."""
    steps = max(0.0, math.log(start / 4, 1 / 0.8))  # downwards, a minute each
    return 300 + 60 * (3 + steps) + LAST * SCRAPE


def settled(counts: Sequence[int], expected: int) -> bool:
    return all(expected <= count <= expected + NEAR for count in counts[-LAST:])


@pytest.mark.parametrize("calls", [MANY, FEW])
@pytest.mark.parametrize("start", [1, 2, 4, 10, 30, 50])
@virtual_time
async def test_pods_settle_where_the_demand_or_the_quota_is_served(start: int, calls: int) -> None:
    """ceil(min(D, C) / K), from wherever they start, and on the way never beyond the larger."""
    expected = math.ceil(min(calls, QUOTA) / PER_POD)

    [counts] = await replicas(admissible, (calls, settling(start)), start=start)

    assert settled(counts, expected), counts
    assert max(counts) <= max(start, expected + NEAR), counts


@virtual_time
async def test_a_peak_of_demand_takes_no_more_pods_than_the_quota() -> None:
    before, peak, after = await replicas(
        admissible, (USUAL, 150), (MANY, 600), (USUAL, 750), start=3
    )

    assert settled(before, 3), before
    assert settled(peak, 5), peak
    assert max(peak) <= 5 + NEAR, peak
    assert settled(after, 3), after


@pytest.mark.parametrize("start", [1, 30])
@pytest.mark.parametrize(
    ("metric", "target", "least"), [(queue, 2.0, 30), (all_demand, PER_POD, 12)]
)
@virtual_time
async def test_what_does_not_know_the_quota_runs_away(
    metric: Metric, target: float, least: int, start: int
) -> None:
    """Why the metric exists: before a quota of 40, five pods are all that helps."""
    [counts] = await replicas(metric, (MANY, settling(30)), start=start, target=target)

    assert min(counts[-LAST:]) >= least, counts


@virtual_time
async def test_raw_queue_depth_leaves_too_few_pods_where_the_quota_is_no_limit() -> None:
    """A limit that grew with the demand has no queue, and a pod without queue asks for nobody."""
    [counts] = await replicas(queue, (FEW, settling(4)), start=4, target=2.0)

    assert max(counts[-LAST:]) <= 2, counts
