"""The published table in virtual time: our law meets what it promises, or misses it no worse.

The figures are means over a few fixed seeds, so a target has a little slack. `python -m
benchmarks.control` plays the same rows on more of them, beside other systems' laws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from benchmarks.control.laws import LAWS, OURS
from benchmarks.control.run import SCENARIOS, mean_figures
from benchmarks.control.scenario import Scenario, Target
from benchmarks.control.scenarios import TABLE

pytestmark = pytest.mark.slow

SEEDS = range(1, 4)
COSTLY_SEEDS = range(1, 2)
"""Of scenarios with a hundred clients."""

SLACK: Mapping[str, float] = {"jain": 0.02}
"""By which three seeds may miss a mean, in the measure's own unit."""
SLACK_PART: Mapping[str, float] = {
    "rejections": 0.15,
    "all_rejections": 0.15,
    "p95": 0.1,
    "reach": 0.15,
    "limit": 0.1,
}
"""The same, as a part of the target."""
SLACK_POINTS = 0.75
"""The same for goodputs, in points of a hundred."""


@dataclass(frozen=True)
class Known:
    """A target that the law misses, and what it reaches: never less than that."""

    scenario: str
    bound: Target
    reason: str


KNOWN: Sequence[Known] = (
    Known(
        "D",
        Target("goodput", at_least=97),
        "reaches 97.5: each push-back among sharers gives up places that nobody else wants yet",
    ),
    Known(
        "D",
        Target("rejections", at_most=1.3),
        "reaches 1.15: four pods probe, and one's probe pushes another back",
    ),
    Known("D", Target("jain", at_least=0.95), "reaches 0.97 to 0.99: few cuts to grow equal by"),
    Known("D8", Target("jain", at_least=0.935), "reaches 0.96: six places are coarse shares"),
    Known(
        "E2",
        Target("reach", at_most=50),
        "reaches 28 to 40 s: the jump is found only when the next probe is due, up to 20 s later",
    ),
)

NEIGHBOURS = (
    "A2",
    "A15",
    "C16",
    "CQ",
    "C8G",
    "G2",
    "E4",
    "F0",
    "H1",
    "H20",
    "B3000",
    "B3000n",
    "BS",
)
"""Rows beside the table: the law must not be made for the table alone."""

JUDGED = [*(scenario.name for scenario in TABLE), *NEIGHBOURS]


def played(scenario: Scenario) -> dict[str, float]:
    return mean_figures(scenario, LAWS[OURS], COSTLY_SEEDS if scenario.costly else SEEDS)


def loosened(target: Target) -> Target:
    """The target with its slack."""
    measure, low, high = target.measure, target.at_least, target.at_most
    bound = low if low is not None else high
    assert bound is not None
    part = SLACK_PART.get(measure)
    slack = SLACK.get(measure, SLACK_POINTS if part is None else part * bound)
    if low is not None:
        return Target(measure, at_least=low - slack)
    return Target(measure, at_most=bound + slack)


def bounds(scenario: Scenario) -> list[Target]:
    """What is asked of each measure: the target, or what is known to be reached instead."""
    known = {one.bound.measure: one.bound for one in KNOWN if one.scenario == scenario.name}
    return [known.get(target.measure, loosened(target)) for target in scenario.targets]


@pytest.mark.parametrize("name", JUDGED)
def test_every_target_holds(name: str) -> None:
    """All that is missed is told at once: one figure is often bought with another."""
    scenario = SCENARIOS[name]
    figures = played(scenario)

    missed = [
        f"{bound.measure} {figures[bound.measure]:.4g}, not {bound}"
        for bound in bounds(scenario)
        if not bound.met(figures[bound.measure])
    ]

    assert missed == [], f"{name}: {scenario.title}"


@pytest.mark.parametrize(
    "known", KNOWN, ids=lambda known: f"{known.scenario}-{known.bound.measure}"
)
def test_a_known_miss_is_one_of_a_judged_target_and_easier_than_it(known: Known) -> None:
    """A bound that asks more than the target would be none."""
    targets = {target.measure: target for target in SCENARIOS[known.scenario].targets}
    target = targets[known.bound.measure]

    assert known.scenario in JUDGED
    assert known.reason
    if target.at_least is not None:
        assert known.bound.at_least is not None
        assert known.bound.at_least < target.at_least
    else:
        assert known.bound.at_most is not None
        assert target.at_most is not None
        assert known.bound.at_most > target.at_most
