"""The HorizontalPodAutoscaler's arithmetic, without a cluster.

Formula and order are those of Kubernetes' `replica_calculator.go` and `horizontal.go` (1.36): the
replicas that one Pods metric asks for, then stabilisation, then policies, then the bounds. Whoever
asks has one reading per pod; pods that are going away do not count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

TOLERANCE = 0.1
"""Part by which usage may miss its target before anything is changed."""

_MILLI = 1000
"""The autoscaler counts in thousandths, and rounds the average down to them."""

Reading = float | None
"""One pod's metric; None = it has none yet."""


def desired(readings: Sequence[Reading], target: float) -> int:
    """Replicas for an average of `target` per pod; as many as there are where nothing is known."""
    known = [reading for reading in readings if reading is not None]
    if not known:
        return len(readings)
    ratio = _ratio(known, target)
    if len(known) == len(readings):
        return len(readings) if _near(ratio) else math.ceil(ratio * len(readings))
    # A missing reading never makes a change larger, nor turns it round.
    missing = len(readings) - len(known)
    filled = _ratio([*known, *[target if ratio < 1 else 0.0] * missing], target)
    if _near(filled) or (ratio < 1) != (filled < 1):
        return len(readings)
    return math.ceil(filled * len(readings))


def _ratio(readings: Sequence[float], target: float) -> float:
    return int(_MILLI * sum(readings)) // len(readings) / (_MILLI * target)


def _near(ratio: float) -> bool:
    return 1 - TOLERANCE <= ratio <= 1 + TOLERANCE


@dataclass(frozen=True, slots=True)
class Policy:
    """How much may change within a period."""

    type: Literal["Pods", "Percent"]
    value: int
    period: float
    """Seconds."""

    def most(self, replicas: int) -> int:
        """From so many at the beginning of the period."""
        if self.type == "Pods":
            return replicas + self.value
        return math.ceil(replicas * (1 + self.value / 100))

    def least(self, replicas: int) -> int:
        """From so many at the beginning of the period."""
        if self.type == "Pods":
            return replicas - self.value
        return int(replicas * (1 - self.value / 100))


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one direction; the policy that allows the most counts."""

    window: float
    """Seconds of stabilisation: the least change that was asked for within them is made."""
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class Behavior:
    """`spec.behavior` of an autoscaler."""

    up: Rules
    down: Rules


class Autoscaler:
    """Its memory: what was asked for and what was done."""

    def __init__(
        self, replicas: int, *, target: float, most: int, behavior: Behavior, now: float
    ) -> None:
        self.replicas = replicas
        self._target = target
        self._most = most
        self._behavior = behavior
        self._asked = [(now, replicas)]
        self._changes: list[tuple[float, int]] = []

    def __repr__(self) -> str:
        return f"<Autoscaler {self.replicas} of at most {self._most}>"

    def sync(self, readings: Sequence[Reading], now: float) -> int:
        """One decision; gives the new number of replicas."""
        self._asked.append((now, desired(readings, self._target)))
        bounded = min(max(self._limited(self._stabilised(now), now), 1), self._most)
        if bounded != self.replicas:
            self._changes.append((now, bounded - self.replicas))
            self.replicas = bounded
        return bounded

    def _stabilised(self, now: float) -> int:
        lowest = min(self._asked_within(self._behavior.up.window, now))
        highest = max(self._asked_within(self._behavior.down.window, now))
        return min(max(self.replicas, lowest), highest)

    def _asked_within(self, window: float, now: float) -> Sequence[int]:
        """What was asked for within the window; the newest always counts."""
        return [self._asked[-1][1], *(count for at, count in self._asked if at > now - window)]

    def _limited(self, replicas: int, now: float) -> int:
        if replicas > self.replicas:
            rules = self._behavior.up.policies
            most = max(policy.most(self._before(policy.period, now)) for policy in rules)
            return min(replicas, max(most, self.replicas))
        rules = self._behavior.down.policies
        least = min(policy.least(self._before(policy.period, now)) for policy in rules)
        return max(replicas, min(least, self.replicas))

    def _before(self, period: float, now: float) -> int:
        """Replicas at the beginning of the period."""
        return self.replicas - sum(change for at, change in self._changes if at > now - period)
