"""Inspect AI's adaptive connections.

Source: github.com/UKGovernmentBEIS/inspect_ai, src/inspect_ai/util/_concurrency.py
(`AdaptiveConcurrencyController`), read at commit 05f2212. The bounds 4, 20 and 100 are those of its
pull request 3820; at that commit they are 1, 20 and 200. The published table fits the former.

A round is as many successes as the limit, at least 4. Until the first retry each round doubles the
limit, afterwards it adds 5 %; limits from 10 on are multiples of 5. A retry cuts to 80 % and starts
15 s in which successes do not count and further retries do not cut.

Inspect sleeps before a retry without giving its connection back, so a rejected attempt occupies its
place for the Retry-After. Not checked: how long it sleeps without a hint (exponential, with jitter;
here always 3 s), and that the success of a retry does not count (here it does).
"""
# ruff: noqa: ARG002  # arguments are Rule's

import heapq
import math

from benchmarks.control.laws.adapter import room

_START = 20
_MINIMUM = 4
_MAXIMUM = 100
_DECREASE = 0.8
_COOLDOWN = 15.0
"""Seconds."""
_SHORTEST_ROUND = 4
_STEP = 0.05
_BACKOFF = 3.0
"""Seconds that a rejected attempt keeps its place where no hint says how long."""


class InspectAi:
    """See the module; a Rule."""

    def __init__(self) -> None:
        self.limit = _START
        self._successes = 0
        self._retried = False
        self._cool_at = -math.inf
        self._sleeping: list[float] = []

    def wait(self, in_flight: int, now: float) -> float:
        """See Rule."""
        while self._sleeping and self._sleeping[0] <= now:
            heapq.heappop(self._sleeping)
        if self._sleeping and self.limit > in_flight >= self.limit - len(self._sleeping):
            return self._sleeping[0] - now
        return room(self.limit, in_flight)

    def sent(self, *, in_flight: int) -> None:
        """See Rule."""

    def succeeded(self, *, took: float, in_flight: int, now: float) -> None:
        """See Rule."""
        if now < self._cool_at:
            return
        self._successes += 1
        if self._successes >= max(self.limit, _SHORTEST_ROUND):
            self._successes = 0
            self.limit = min(self._grown(), _MAXIMUM)

    def rejected(self, *, under: float, retry_after: float | None, now: float) -> None:
        """See Rule."""
        heapq.heappush(self._sleeping, now + (retry_after or _BACKOFF))
        self._successes = 0
        self._retried = True
        if now >= self._cool_at:
            self._cool_at = now + _COOLDOWN
            self.limit = max(_floor(int(self.limit * _DECREASE)), _MINIMUM)

    def _grown(self) -> int:
        if not self._retried:
            return self.limit * 2
        return _ceil(self.limit + max(1, round(self.limit * _STEP)))


def _ceil(limit: int) -> int:
    """Up to a multiple of 5, from 10 on."""
    return limit if limit < 10 else -(-limit // 5) * 5


def _floor(limit: int) -> int:
    """Down to a multiple of 5, from 10 on."""
    return limit if limit < 10 else limit // 5 * 5
