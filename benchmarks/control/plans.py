"""Short words for the plans and targets that rows are made of."""

from dataclasses import replace

from benchmarks.control.scenario import Target
from sidecar.simulator.plan import BucketPlan, CapacityPlan, SlotPlan, SlotStep, SlowSpell
from sidecar.simulator.service import ServicePlan

MIXED = ServicePlan(answer_sigma=1.4)
"""Answers of very mixed length."""
QUICK = ServicePlan(ttft_median=0.02, answer_median=0.1)
"""Answers of 0.16 s in the mean, as in the tests over sockets."""
SPREAD = ServicePlan(ttft_sigma=0.85)
"""Noisy first bytes."""
WIDE = ServicePlan(ttft_sigma=1.2)
"""Very noisy first bytes."""


def slots(count: int, *later: tuple[float, int], queue: int | None = 0) -> CapacityPlan:
    """So many run at once, other counts `later` from given seconds on; 429 beyond the queue."""
    steps = ((0.0, count), *later)
    return CapacityPlan(
        slots=SlotPlan(steps=tuple(SlotStep(at=at, slots=n) for at, n in steps), queue=queue)
    )


def batching(count: int, *later: tuple[float, int]) -> CapacityPlan:
    """So many run at once, all others queue; never a rejection."""
    return slots(count, *later, queue=None)


def bucket(per_minute: float, burst: float, *, hint: bool = True) -> CapacityPlan:
    """A token bucket of requests; the hint is an exact Retry-After."""
    return CapacityPlan(requests=BucketPlan(per_minute=per_minute, burst=burst, hint=hint))


def slow(plan: CapacityPlan, factor: float = 4) -> CapacityPlan:
    """The same, with first bytes later by this factor from 300 s to 600 s."""
    return replace(plan, slow_spells=(SlowSpell(start=300, end=600, factor=factor),))


def goodput(percent: float) -> Target:
    """At least so much of what the hidden capacity allows."""
    return Target("goodput", at_least=percent)


def rejections(per_hundred: float) -> Target:
    """At most so many per 100 successes."""
    return Target("rejections", at_most=per_hundred)


def p95(seconds: float) -> Target:
    """At most so long to the first byte, 95th percentile."""
    return Target("p95", at_most=seconds)


def jain(index: float) -> Target:
    """At least this fair."""
    return Target("jain", at_least=index)
