"""The control benchmark's engine: a run is a function of scenario, law and seed."""

import math
from dataclasses import replace

import pytest

from benchmarks.control.engine import MakeLaw
from benchmarks.control.laws import LAWS
from benchmarks.control.laws.adapter import Adapted, room
from benchmarks.control.plans import batching, goodput, slots
from benchmarks.control.run import figures, mean, mean_figures
from benchmarks.control.scenario import Scenario
from sidecar.control.law import Law
from sidecar.simulator.plan import Outage

TINY = Scenario(
    name="T",
    title="5 slots, a minute",
    plan=slots(5),
    targets=(goodput(50),),
    duration=60,
    counted_from=20,
)


class Fixed:
    """A rule that never changes its mind, and pauses as long as a hint says."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rejections = 0
        self.held_until = -math.inf

    def wait(self, in_flight: int, now: float) -> float:
        return room(self.limit, in_flight) or max(0.0, self.held_until - now)

    def sent(self, *, in_flight: int) -> None:
        assert 1 <= in_flight <= self.limit

    def succeeded(self, *, took: float, in_flight: int, now: float) -> None:
        assert took > 0

    def rejected(self, *, under: float, retry_after: float | None, now: float) -> None:
        self.rejections += 1
        self.held_until = now + (retry_after or 0)


def fixed(limit: int) -> MakeLaw:
    def make(now: float) -> Law:
        return Adapted(Fixed(limit))

    return make


@pytest.mark.parametrize("law", LAWS)
def test_a_seed_repeats_a_run_to_the_last_bit(law: str) -> None:
    shared = replace(TINY, clients=3)

    assert figures(shared, LAWS[law], 7) == figures(shared, LAWS[law], 7)


def test_another_seed_is_another_run() -> None:
    assert figures(TINY, fixed(6), 1) != figures(TINY, fixed(6), 2)


def test_three_at_once_use_three_of_five_slots() -> None:
    assert figures(TINY, fixed(3), 1)["goodput"] == pytest.approx(60, abs=0.01)


def test_one_too_many_is_rejected_every_50_milliseconds() -> None:
    found = figures(TINY, fixed(6), 1)

    assert found["goodput"] > 98
    assert found["all_rejections"] == pytest.approx(60 / 0.05, rel=0.05)


def test_a_batching_provider_never_rejects_but_lets_wait() -> None:
    queueing = replace(TINY, plan=batching(2))

    found = figures(queueing, fixed(8), 1)

    assert found["all_rejections"] == 0
    assert found["goodput"] == pytest.approx(100)
    assert found["p95"] > 5


def test_a_law_that_waits_is_woken() -> None:
    """3 start at once, are rejected with a hint of 9 s, and try again 9 s later."""
    outage = Outage(start=0, end=15, retry_after=9)
    scenario = replace(TINY, plan=replace(slots(5), outages=(outage,)), stagger=0)

    found = figures(scenario, fixed(3), 1)

    assert found["all_rejections"] == 6
    assert found["goodput"] == pytest.approx(100 * 3 / 5, abs=0.1)


def test_a_finite_demand_is_answered_and_no_more() -> None:
    """One request a second in 40 counted seconds, however many slots there are."""
    scenario = replace(TINY, plan=slots(200), demand=1.0)

    found = figures(scenario, fixed(100), 1)

    assert found["rejections"] == 0
    assert 0.5 < found["goodput"] < 4


def test_clients_with_the_same_limit_share_equally() -> None:
    scenario = replace(TINY, clients=2, duration=600)

    assert figures(scenario, fixed(2), 1)["jain"] > 0.99


def test_mean_figures_are_means_over_seeds() -> None:
    one, two = figures(TINY, fixed(6), 1), figures(TINY, fixed(6), 2)

    assert mean_figures(TINY, fixed(6), (1, 2)) == mean([one, two])
    assert mean([{"goodput": 1}, {"goodput": 2}]) == {"goodput": 1.5}
