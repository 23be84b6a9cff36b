"""The last few push-backs, and the rates of admission between them.

A provider that limits a rate rejects when nothing is left of it. Between two push-backs it has
therefore admitted what came in meanwhile, give or take one attempt, however long the answers took.
Where it had more than it could keep (its bucket was full for a while), it admitted less; never more.
"""

from collections import deque
from dataclasses import dataclass

_KEPT = 6
"""Push-backs: a rate of long ago is none of today's."""

_APART = 8
"""Attempts admitted between two that are kept: where every other attempt is rejected, the last few
push-backs would tell of a moment only."""

LEAST = 20
"""Attempts admitted from which a rate is known well enough: to one in twenty."""

_COMPARABLE = 10.0
"""Attempts (half of them in each of two equal spells of forty) from which it says something that
two spells agree: by chance they would do so one time in six."""

_ROUNDING = 0.5
"""Attempts by which the count of a spell usually errs: a bucket need not be quite empty to reject."""


@dataclass(frozen=True, slots=True)
class PushBack:
    """One moment in which the provider took no more."""

    at: float
    """Seconds in which there was demand, until the rejection came."""
    admitted: int
    """Attempts sent before it and not rejected."""
    in_flight: int
    """When it was sent, itself included."""


class PushBacks:
    """Kept in order."""

    def __init__(self) -> None:
        self._kept: deque[PushBack] = deque(maxlen=_KEPT)

    def __repr__(self) -> str:
        return f"<PushBacks {len(self._kept)}>"

    def add(self, push_back: PushBack) -> None:
        """One more; the oldest is forgotten."""
        kept = self._kept
        if len(kept) > 1 and push_back.admitted - kept[-2].admitted < _APART:
            kept.pop()
        kept.append(push_back)

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()

    @property
    def last(self) -> PushBack:
        """The newest; there must be one."""
        return self._kept[-1]

    @property
    def level(self) -> float:
        """Attempts in flight at which they came, mean; there must be one."""
        return sum(one.in_flight for one in self._kept) / len(self._kept)

    @property
    def fastest(self) -> float | None:
        """The highest rate that the provider is proven to admit, per second; None if unknown."""
        rates = [
            (spell.admitted - 1) / spell.seconds
            for spell in self._spells()
            if spell.admitted >= LEAST
        ]
        return max(rates, default=None)

    @property
    def mean(self) -> float | None:
        """The rate over all of them, per second; None if unknown."""
        whole = Spell.between(self._kept[0], self._kept[-1])
        return whole.rate if whole.admitted >= LEAST and whole.seconds > 0 else None

    @property
    def agreed(self) -> float | None:
        """The rate per second that two successive spells have in common, the later one up to now."""
        newest = self._kept[-1]
        kept = list(self._kept)
        for middle in range(len(kept) - 2, 0, -1):
            late = Spell.between(kept[middle], newest)
            for old in range(middle - 1, -1, -1):
                early = Spell.between(kept[old], kept[middle])
                if early.agrees_with(late):
                    return Spell.between(kept[old], newest).rate
        return None

    def _spells(self) -> list["Spell"]:
        kept = list(self._kept)
        pairs = ((a, b) for index, a in enumerate(kept) for b in kept[index + 1 :])
        return [spell for a, b in pairs if (spell := Spell.between(a, b)).seconds > 0]


@dataclass(frozen=True, slots=True)
class Spell:
    """What happened between two push-backs."""

    admitted: int
    seconds: float

    @classmethod
    def between(cls, first: PushBack, second: PushBack) -> "Spell":
        """From the first, exclusive, to the second."""
        return cls(second.admitted - first.admitted, second.at - first.at)

    @property
    def rate(self) -> float:
        """Attempts admitted per second; `seconds` must be above 0."""
        return self.admitted / self.seconds

    def agrees_with(self, other: "Spell") -> bool:
        """Whether both went at one rate, more precisely than chance would have it."""
        if min(self.admitted, other.admitted) <= 0 or min(self.seconds, other.seconds) <= 0:
            return False
        together = self.admitted * other.admitted / (self.admitted + other.admitted)
        error = _ROUNDING * (1 / self.seconds + 1 / other.seconds)
        return together >= _COMPARABLE and abs(self.rate - other.rate) <= error
