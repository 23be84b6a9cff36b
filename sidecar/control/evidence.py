"""For and against: is it a rate that the provider limits, or the number in flight?

Looked at while attempts start at a steady pace and the concurrency limit is out of the way:

- An attempt that is served although more are in flight than were rejected before speaks for a rate.
- A rejection that comes after just as many attempts as the rate predicts does so as well, the more
  the longer it took: the number of slots that come free in a spell varies like its square root.
- Any other rejection speaks against it, much more so where as many are in flight as were rejected
  before, and at first, when the pace is below what was served already.

Sharers of slots can deceive each other for a while: they start to pace together, none of them needs
all of its slots, and all find it confirmed. What stays different is the moment of a rejection. A
bucket knows nothing of how many are in flight; slots reject when many happen to be. So also after
it was confirmed, every rejection is asked how crowded it was, beside the last minutes' average.
"""

import math

_ABOVE = 0.2
"""Served above the level of past rejections: slots would have rejected one in five of those."""

_BELOW = 0.03
_BELOW_MOST = 1.0
"""Served below it: little, and no more than makes up for one rejection."""

_REJECTED_ABOVE = 2.3
_REJECTED_BELOW = 1.0

_REFUTED = -1.0
_CONFIRMED = 3.0

_TRUST = 5.0
"""What a confirmed rate has to lose; an exact prediction restores it."""

_CROWDED = 0.4
"""Standard deviations above the mean: half-way between a bucket's rejections (0.1) and slots' (0.8)."""

_MOST_CROWDED = 2.0
"""More than that in one rejection is chance."""

_STORM = 8.0
"""Rejections in about a hundred starts: whatever it is, the pace does not hold it."""

_STORM_FADES = 0.99
"""Per start."""

_ROUNDS = 2.0
_SHORTEST = 20.0
"""Starts over which the mean of in flight is taken: so many rounds, and at least so many."""


class Evidence:
    """Of one trial, and of the pace that it led to."""

    def __init__(self, level: float) -> None:
        """`level`: in flight at the push-backs before, mean."""
        self._level = level
        self._score = 0.0
        self.confirmed = False
        """A rate it is, until further notice."""
        self._mean = level
        self._variance = level
        self._storm = 0.0

    def __repr__(self) -> str:
        state = "confirmed" if self.confirmed else "on trial"
        return f"<Evidence {state}, {self._score:.1f}>"

    def started(self, in_flight: int) -> None:
        """An attempt was sent."""
        delta = in_flight - self._mean
        weight = 1 / max(_SHORTEST, _ROUNDS * self._mean)
        self._mean += weight * delta
        self._variance += weight * (delta * delta - self._variance)
        self._storm *= _STORM_FADES

    def served(self, in_flight: int) -> None:
        """An attempt that was sent with so many in flight had its first byte."""
        if self.confirmed:
            return
        if in_flight >= self._level:
            self._score += _ABOVE
        elif self._score < _BELOW_MOST:
            self._score = min(self._score + _BELOW, _BELOW_MOST)
        if self._score >= _CONFIRMED:
            self.confirmed = True
            self._score = _TRUST

    def rejected(self, in_flight: int, *, predicted: int, steady: bool) -> bool:
        """The provider pushed back; tells whether that refutes a rate.

        `predicted`: as many attempts as were expected had been admitted; 0 = it was not predicted.
        `steady`: the pace was about the same for a while, so that a crowd would be of chance.
        """
        self._storm += 1
        if self.confirmed:
            if steady:
                self._ask_the_crowd(in_flight, predicted=predicted > 0)
            return self._score <= 0 or self._storm > _STORM
        if predicted:
            self._score += 0.5 * math.log(2 * math.pi * predicted) - math.log(4.0)
        if in_flight >= self._level:
            self._score -= _REJECTED_ABOVE
        elif not predicted:
            self._score -= _REJECTED_BELOW
        return self._score <= _REFUTED

    def _ask_the_crowd(self, in_flight: int, *, predicted: bool) -> None:
        crowd = (in_flight - self._mean) / math.sqrt(max(self._variance, 1.0))
        doubt = min(crowd, _MOST_CROWDED) - _CROWDED
        self._score = _TRUST if predicted else min(_TRUST, self._score - doubt)
