"""What happened in a run, and the figures that the table shows."""

import math

from benchmarks.control.scenario import Scenario

Span = tuple[float, float]


def jain(shares: list[int]) -> float:
    """Jain's index of fairness: 1 = all equal, 1/n = one has everything."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


class _Goodput:
    """The part of a hidden capacity that was put to use within a span."""

    def __init__(self, span: Span) -> None:
        self.start, self.end = span
        self.used = 0.0
        self.offered = 0.0
        self.successes = 0

    def passed(self, since: float, until: float, running: int, slots: float) -> None:
        length = min(until, self.end) - max(since, self.start)
        if length > 0:
            self.used += length * min(running, slots)
            self.offered += length * slots


class Record:
    """Counts while a run goes on."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._from = scenario.counted_from
        self._goodput = _Goodput((self._from, scenario.duration))
        self._spans = {name: _Goodput(span) for name, span in scenario.spans.items()}
        self._goodputs = [self._goodput, *self._spans.values()]
        self._reached = math.inf
        self._successes = [0] * scenario.clients
        self._rejections = 0
        self._all_rejections = 0
        self._ttfts: list[float] = []
        self.limits: list[int] = []

    def passed(self, since: float, until: float, running: int, slots: float) -> None:
        """Nothing happened from `since` until `until`."""
        for goodput in self._goodputs:
            goodput.passed(since, until, running, slots)
        reach = self._scenario.reach
        if reach is not None and running >= reach.running and since >= reach.at:
            self._reached = min(self._reached, since)

    def first_byte(self, now: float, ttft: float) -> None:
        """An answer's first byte came."""
        if now >= self._from:
            self._ttfts.append(ttft)

    def success(self, now: float, client: int) -> None:
        """An answer's last byte came."""
        if now >= self._from:
            self._successes[client] += 1

    def rejection(self, now: float) -> None:
        """An attempt was turned away."""
        self._all_rejections += 1
        self._rejections += now >= self._from

    def figures(self) -> dict[str, float]:
        """Goodput in %, rejections per 100 successes, seconds, Jain's index, attempts."""
        successes = sum(self._successes)
        figures = {
            "goodput": self._percent(self._goodput, successes),
            "rejections": 100 * self._rejections / max(successes, 1),
            "all_rejections": float(self._all_rejections),
            "jain": jain(self._successes),
            "p95": _p95(self._ttfts),
            "limit": sum(self.limits) / max(len(self.limits), 1),
        }
        for name, goodput in self._spans.items():
            figures[name] = self._percent(goodput, 0)
        if self._scenario.reach is not None:
            reached = min(self._reached, self._scenario.duration)
            figures["reach"] = reached - self._scenario.reach.at
        return figures

    def _percent(self, goodput: _Goodput, successes: int) -> float:
        """Of a bucket: answers of what it allows; of slots: of the time they could be used."""
        bucket = self._scenario.plan.requests
        if bucket is not None:
            return 6000 * successes / (bucket.per_minute * (goodput.end - goodput.start))
        return 100 * goodput.used / goodput.offered if goodput.offered else 0.0


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * len(values))] if values else 0.0
