"""An axis of a chart: where a value stands on it, and which values are written beside it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1, 2, 2.5, 5, 10)
"""What people count in, times a power of ten."""
_FEW = 6
"""Ticks that an axis has, at most about."""
_OCTAVES = 3.0
"""A range of more doublings than this is shown by ratio."""


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, drawn from `start` to `end`."""

    low: float
    high: float
    """Above `low`."""
    start: float
    end: float
    ticks: tuple[float, ...]
    by_ratio: bool = False
    """Whether equal ratios are equally far apart; `low` is above 0 then."""

    def at(self, value: float) -> float:
        """Where it stands."""
        low, high = self.low, self.high
        if self.by_ratio:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def amount_axis(values: Iterable[float], *, start: float, end: float) -> Axis:
    """From 0 to a round number that is not below any of them."""
    most = max(values, default=0.0) or 1.0
    step = _step(most)
    count = max(1, math.ceil(most / step - 1e-9))
    ticks = tuple(step * number for number in range(count + 1))
    return Axis(0.0, ticks[-1], start, end, ticks)


def concurrency_axis(lowest: int, highest: int, *, start: float, end: float) -> Axis:
    """From the lowest level to the highest; by ratio where they are far apart."""
    if lowest == highest:
        return Axis(lowest - 1, highest + 1, start, end, (lowest,))
    if math.log2(highest / lowest) > _OCTAVES:
        return Axis(lowest, highest, start, end, _doublings(lowest, highest), by_ratio=True)
    step = max(1, round(_step(highest - lowest)))
    first = math.ceil(lowest / step) * step
    return Axis(lowest, highest, start, end, tuple(range(first, highest + 1, step)))


def _step(span: float) -> float:
    """Of a round size, so that a few of them make the span."""
    power: float = 10.0 ** math.floor(math.log10(span / _FEW))
    return next(step * power for step in _STEPS if step * power * _FEW >= span * (1 - 1e-9))


def _doublings(lowest: int, highest: int) -> tuple[float, ...]:
    """Powers of two, every other one where there are many."""
    first, last = math.ceil(math.log2(lowest)), math.floor(math.log2(highest))
    every = 1 + (last - first) // 10
    return tuple(2.0**power for power in range(first, last + 1, every))
