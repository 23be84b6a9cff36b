"""Latencies summed up for comparison: mean and spread of their logarithms, kind by kind."""

import math
from dataclasses import dataclass

from sidecar.control.law import LatencyKind


class _Moments:
    """Count, mean and sum of squared deviations (Welford), updated in place."""

    __slots__ = ("count", "mean", "squares")

    def __init__(self) -> None:
        self.count = 0.0
        self.mean = 0.0
        self.squares = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.squares += delta * (value - self.mean)

    @property
    def variance(self) -> float:
        return self.squares / (self.count - 1) if self.count > 1 else 0.0

    def merge(self, other: "_Moments", weight: float) -> None:
        """Take in the other's samples; our own count only `weight` each from now on."""
        count = self.count * weight + other.count
        delta = other.mean - self.mean
        shared = self.count * weight * other.count / count
        self.squares = self.squares * weight + other.squares + delta * delta * shared
        self.mean += delta * other.count / count
        self.count = count


@dataclass(frozen=True, slots=True)
class Difference:
    """How much higher one window's latency is than another's."""

    rise: float
    """Difference of the mean logarithms: 0.7 = twice as slow."""
    error: float
    """Its standard error."""

    @property
    def significance(self) -> float:
        """The rise in standard errors."""
        return self.rise / self.error


_LEAST_SPREAD = 0.02
"""Standard deviation of a logarithm: measured times jitter by 2 % at least, whatever a few equal
samples pretend."""


_FEW = 5.0
"""With this many samples an error counts double (Student's t has wider tails than Gauss's)."""


class Window:
    """Latencies of attempts that were sent at about the same limit."""

    __slots__ = ("_kinds", "_log_level", "count")

    def __init__(self) -> None:
        self._kinds: dict[LatencyKind, _Moments] = {}
        self._log_level = 0.0
        self.count = 0

    def __repr__(self) -> str:
        return f"<Window of {self.count} at {self.level:.1f}>"

    def add(self, kind: LatencyKind, latency: float, level: float) -> None:
        """One latency in seconds, of an attempt sent under the limit `level`."""
        moments = self._kinds.get(kind)
        if moments is None:
            moments = self._kinds[kind] = _Moments()
        moments.add(math.log(max(latency, 1e-6)))
        self.count += 1
        self._log_level += (math.log(level) - self._log_level) / self.count

    @property
    def level(self) -> float:
        """The limit under which the attempts were sent: geometric mean."""
        return math.exp(self._log_level)

    def above(self, other: "Window") -> Difference | None:
        """Compare kind with kind; None where no kind has samples enough in both.

        The kinds' differences are averaged by their information, so a changing mix of kinds is
        not mistaken for a change of latency.
        """
        weights = rise = 0.0
        for kind, mine in self._kinds.items():
            theirs = other._kinds.get(kind)
            if theirs is None or mine.count < 2 or theirs.count < 2:
                continue
            weight = 1 / (_error(mine) + _error(theirs))
            weights += weight
            rise += weight * (mine.mean - theirs.mean)
        return Difference(rise / weights, weights**-0.5) if weights else None

    def absorb(self, other: "Window", *, keep: int) -> None:
        """Take in another window of the same level; older samples fade beyond `keep`."""
        weight = min(1.0, keep / self.count) if self.count else 0.0
        for kind, theirs in other._kinds.items():
            mine = self._kinds.get(kind)
            if mine is None:
                mine = self._kinds[kind] = _Moments()
            mine.merge(theirs, weight)
        total = self.count * weight + other.count
        self._log_level += (other._log_level - self._log_level) * other.count / total
        self.count = round(total)

    def copy(self) -> "Window":
        """A window of the same samples."""
        copy = Window()
        copy.absorb(self, keep=0)
        return copy

    @property
    def p95(self) -> float:
        """Of the kind with most samples, in seconds, as if they were log-normal; 0 if empty."""
        if not self._kinds:
            return 0.0
        moments = max(self._kinds.values(), key=lambda kind: kind.count)
        return math.exp(moments.mean + 1.645 * math.sqrt(moments.variance))


def _error(moments: _Moments) -> float:
    """Squared standard error of the mean, widened for the little that few samples tell of it."""
    spread = max(moments.variance, _LEAST_SPREAD**2)
    return spread / moments.count * (1 + _FEW / moments.count)
