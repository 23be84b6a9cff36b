"""How fast a queue moves, for an honest Retry-After."""

import math

_WINDOW = 10.0
"""Seconds: long enough to hold several admissions of a slow queue, short enough to be current."""

LONGEST = 60.0
"""Seconds: SDKs ignore longer hints or give up on them (groq and together from 60 s on)."""


class QueueSpeed:
    """Admissions per second over the last 10 to 20 seconds, in two counters."""

    __slots__ = ("_before", "_count", "_since")

    def __init__(self, now: float) -> None:
        self._since = now
        self._count = 0
        self._before = 0

    def admitted(self, now: float) -> None:
        """One waiter was let in."""
        self._turn(now)
        self._count += 1

    def per_second(self, now: float) -> float:
        """Admissions per second; 0 when there were none lately."""
        self._turn(now)
        return (self._before + self._count) / (_WINDOW + now - self._since)

    def wait(self, ahead: int, now: float) -> float:
        """Whole seconds until a newcomer behind `ahead` others could expect a place: 1 to 60."""
        speed = self.per_second(now)
        if speed <= 0:
            return LONGEST if ahead else 1.0
        return float(min(LONGEST, max(1, math.ceil((ahead + 1) / speed))))

    def _turn(self, now: float) -> None:
        passed = now - self._since
        if passed >= _WINDOW:
            self._before = self._count if passed < 2 * _WINDOW else 0
            self._count = 0
            self._since = now
