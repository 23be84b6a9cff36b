"""Decides which concurrency to measure next, and which of those measured is the best one.

Both ends come first, the lowest before the highest. Then three searches, each by bisection:

1. *How far are the targets kept?* Between the highest level that keeps them and the lowest that
   does not.
2. *Is there a peak?* Where throughput falls again above the level with the most of it, the peak
   may lie between the two; and between two levels that are both as good as the best, but far apart.
3. *Where does more concurrency stop to help?* Between the lowest level that is as good as the best
   throughput and the one below it. A saturated provider queues what exceeds its capacity: throughput
   stays and latency grows, so the lowest is the best.

Bisection is by ratio (1 and 64 meet at 8, not at 32): the curves bend by ratios, and a provider that
people pay for is not called more often than needed to see where.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sidecar.sweep.level import Level, Targets

EQUAL = 0.05
"""Share of throughput that is no difference: about the noise of a level of some hundred requests."""

_FAR = 4
"""Ratio of two levels between which a peak is not ruled out by their being equal."""
_SHARP = 20
"""Levels nearer than a 20th of the upper one are not told apart where the targets are missed."""
_ROUGH = 10
"""The same where only throughput tells them apart, which is noisy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where to search, and how long."""

    lowest: int = 1
    """1 or more."""
    highest: int = 64
    """`lowest` or more."""
    levels: int = 12
    """Levels measured at most; 2 or more."""

    @property
    def most_levels(self) -> int:
        """As many, or as there are."""
        return min(self.levels, self.highest - self.lowest + 1)


def best(levels: Sequence[Level], targets: Targets) -> Level | None:
    """The lowest concurrency with as good as the highest throughput of those that keep the targets.

    None where no level keeps them.
    """
    kept = [level for level in levels if targets.kept(level)]
    enough = (1 - EQUAL) * max((level.throughput for level in kept), default=0.0)
    good = (level for level in kept if level.throughput >= enough)
    return min(good, key=lambda level: level.concurrency, default=None)


def next_concurrency(levels: Sequence[Level], bounds: Bounds, targets: Targets) -> int | None:
    """What to measure next; None when that is enough."""
    if not levels:
        return bounds.lowest
    ranked = sorted(levels, key=lambda level: level.concurrency)
    if len(ranked) >= bounds.levels or not targets.kept(ranked[0]):
        return None
    if ranked[-1].concurrency < bounds.highest:
        return bounds.highest
    for search, closeness in ((_edge, _SHARP), (_peak, _ROUGH), (_knee, _ROUGH)):
        between = search(ranked, targets)
        if between is not None and (middle := _middle(*between, closeness)) is not None:
            return middle
    return None


def _edge(ranked: Sequence[Level], targets: Targets) -> tuple[int, int] | None:
    """Around the concurrency beyond which the targets are missed."""
    for below, above in pairwise(ranked):
        if not targets.kept(above):
            return below.concurrency, above.concurrency
    return None


def _peak(ranked: Sequence[Level], targets: Targets) -> tuple[int, int] | None:
    """Where more throughput than was measured may hide."""
    kept = [level for level in ranked if targets.kept(level)]
    top = max(kept, key=lambda level: level.throughput)
    enough = (1 - EQUAL) * top.throughput
    for below, above in pairwise(kept):
        falls = below is top and above.throughput < enough
        level = min(below.throughput, above.throughput) >= enough
        if falls or (level and above.concurrency > _FAR * below.concurrency):
            return below.concurrency, above.concurrency
    return None


def _knee(ranked: Sequence[Level], targets: Targets) -> tuple[int, int] | None:
    """Below the best, where throughput is still smaller."""
    found = best(ranked, targets)
    below = [level for level in ranked if found and level.concurrency < found.concurrency]
    return (below[-1].concurrency, found.concurrency) if found and below else None


def _middle(low: int, high: int, closeness: int) -> int | None:
    """Strictly between both; None where they are near enough."""
    if high - low <= max(1, high // closeness):
        return None
    return min(high - 1, max(low + 1, round(math.sqrt(low * high))))
