"""Vector's adaptive request concurrency.

Source: github.com/vectordotdev/vector, src/sinks/util/adaptive_concurrency/controller.rs, with the
defaults of mod.rs beside it and the statistics of `vector_lib::stats`; read at commit 05b56b7.

A window closes with the first answer after about one mean round trip. Then the limit grows by 1 if
it was reached, nobody pushed back and the window's mean time is not above the past mean; it falls
to 90 % if somebody pushed back or the mean exceeds the past mean by 2.5 deviations. Past mean and
deviation are exponentially weighted over the windows. Times are those of whole answers.
"""
# ruff: noqa: ARG002  # arguments are Rule's

import math
from dataclasses import dataclass

from benchmarks.control.laws.adapter import room

_MAXIMUM = 200
_DECREASE = 0.9
_ALPHA = 0.4
"""Weight of the newest window in the past mean and variance."""
_DEVIATIONS = 2.5


@dataclass(frozen=True, slots=True)
class _Past:
    """Exponentially weighted mean (seconds) and variance of the windows' means."""

    mean: float
    variance: float = 0.0

    def with_window(self, mean: float) -> "_Past":
        difference = mean - self.mean
        step = _ALPHA * difference
        return _Past(self.mean + step, (1 - _ALPHA) * (self.variance + difference * step))


class VectorArc:
    """See the module; a Rule."""

    def __init__(self) -> None:
        self.limit = 1
        self._past: _Past | None = None
        self._closes_at = -math.inf
        self._total = 0.0
        self._samples = 0
        self._pushed_back = False
        self._reached = False

    def wait(self, in_flight: int, now: float) -> float:
        """See Rule."""
        return room(self.limit, in_flight)

    def sent(self, *, in_flight: int) -> None:
        """See Rule."""
        self._reached = self._reached or in_flight >= self.limit

    def succeeded(self, *, took: float, in_flight: int, now: float) -> None:
        """See Rule."""
        self._total += took
        self._samples += 1
        self._answered(now)

    def rejected(self, *, under: float, retry_after: float | None, now: float) -> None:
        """See Rule."""
        self._pushed_back = True
        self._answered(now)

    def _open_window(self) -> None:
        self._total = 0.0
        self._samples = 0
        self._pushed_back = False
        self._reached = False

    def _answered(self, now: float) -> None:
        mean = self._total / self._samples if self._samples else None
        if self._past is None:
            if mean is not None:
                self._past = _Past(mean)
                self._closes_at = now + mean
        elif now >= self._closes_at:
            self._close(self._past, mean)
            self._past = self._past if mean is None else self._past.with_window(mean)
            self._closes_at = now + self._past.mean
            self._open_window()

    def _close(self, past: _Past, mean: float | None) -> None:
        calm = not self._pushed_back and mean is not None and mean <= past.mean
        if calm and self._reached and self.limit < _MAXIMUM:
            self.limit += 1
        elif self._pushed_back or (mean or 0.0) >= past.mean + _DEVIATIONS * past.variance**0.5:
            self.limit = max(1, int(self.limit * _DECREASE))
