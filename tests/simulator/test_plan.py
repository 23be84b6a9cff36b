"""Plans that make no sense cannot be made."""

from collections.abc import Callable

import pytest

from sidecar.simulator.plan import (
    BucketPlan,
    CapacityPlan,
    Outage,
    SlotPlan,
    SlotStep,
    SlowSpell,
)


def steps(*times: float) -> SlotPlan:
    return SlotPlan(steps=tuple(SlotStep(at=at, slots=1) for at in times))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: SlotStep(at=-1, slots=1), "at >= 0"),
        (lambda: SlotStep(at=0, slots=-1), "slots >= 0"),
        (steps, "ascend from at = 0"),
        (lambda: steps(1), "ascend from at = 0"),
        (lambda: steps(0, 2, 1), "ascend from at = 0"),
        (lambda: SlotPlan(steps=(SlotStep(at=0, slots=1),), queue=-1), "cannot hold -1"),
        (lambda: BucketPlan(per_minute=0, burst=1), "per_minute > 0"),
        (lambda: BucketPlan(per_minute=1, burst=0), "burst > 0"),
        (lambda: Outage(start=2, end=2), "start < end"),
        (lambda: Outage(start=-1, end=2), "0 <= start"),
        (lambda: Outage(start=0, end=1, share=1.1), "share <= 1"),
        (lambda: Outage(start=0, end=1, share=-0.1), "0 <= share"),
        (lambda: SlowSpell(start=3, end=1, factor=2), "start < end"),
        (lambda: SlowSpell(start=0, end=1, factor=0), "factor > 0"),
    ],
)
def test_nonsense_is_refused_and_named(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


def test_steps_at_the_same_moment_are_allowed_and_slots_may_be_none() -> None:
    assert len(steps(0, 5, 5).steps) == 3
    assert SlotStep(at=0, slots=0).slots == 0


def test_by_default_nothing_is_limited() -> None:
    unlimited = CapacityPlan()

    assert (unlimited.slots, unlimited.requests, unlimited.llm_tokens) == (None, None, None)
    assert not unlimited.outages
    assert not unlimited.slow_spells
