"""The exported p95 of recent latencies."""

from collections import deque

from sidecar.control.law import LatencyKind

_KEPT = 256
"""Samples per kind: enough for 13 above the p95, and a few kilobytes at most."""


class RecentLatencies:
    """The last few hundred latencies of each kind; sorted only when somebody asks."""

    def __init__(self) -> None:
        self._samples: dict[LatencyKind, deque[float]] = {}
        self._kind: LatencyKind | None = None

    def __repr__(self) -> str:
        return f"<RecentLatencies {self._kind or 'empty'}, p95 {self.p95}>"

    def add(self, kind: LatencyKind, latency: float) -> None:
        """One more latency, in seconds (or seconds per token)."""
        samples = self._samples.get(kind)
        if samples is None:
            samples = self._samples[kind] = deque(maxlen=_KEPT)
            # The first of the kinds in use, in their order of trust, is the one that is shown.
            self._kind = min(self._samples, key=list(LatencyKind).index)
        samples.append(latency)

    @property
    def p95(self) -> float | None:
        """95th percentile of the kind shown; None before there is a sample."""
        if self._kind is None:
            return None
        ordered = sorted(self._samples[self._kind])
        return ordered[int(0.95 * len(ordered))]
