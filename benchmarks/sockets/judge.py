"""What came of a trial, phase by phase, against the targets. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.sockets.case import Case
from benchmarks.sockets.trial import Sample, Trial

SETTLED_USE = 0.95
"""Part of the capacity that must be in use once the limit has settled, and from when on it has."""
SETTLED_WITHIN = 20.0
"""Seconds from the phase's begin."""
MOST_REJECTIONS = 1.0
"""Per 100 successes, once settled."""

_WINDOW = 3.0
"""Seconds over which use is averaged to tell when the limit has settled: longer than a sawtooth."""
_SLACK = 1.1
"""A settled limit is at most so much more than the capacity, or one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One phase of one trial."""

    case: Case
    capacity: int
    settled: float | None
    """Seconds from the phase's begin; None = never."""
    use: float
    """Share of the capacity in use; from settling to the phase's end, or, where the limit never
    settled, over the last half."""
    rejections: float
    """Per 100 successes, over the same time."""
    late_use: float
    """Share of the capacity in use over the phase's last half, settled or not."""
    limit: int
    """At the phase's end."""
    denied: float
    """Seconds per second in which a process of ours wanted a core that others had."""

    @property
    def met(self) -> bool:
        """All targets."""
        return (
            self.settled is not None
            and self.settled <= SETTLED_WITHIN
            and self.use >= SETTLED_USE
            and self.rejections <= MOST_REJECTIONS
        )


def judge(trial: Trial) -> list[Result]:
    """A result for each phase."""
    phases = [list(part) for _, part in groupby(trial.samples, key=lambda sample: sample.capacity)]
    return [_phase(trial.case, part) for part in phases]


def _phase(case: Case, samples: Sequence[Sample]) -> Result:
    at = _settling(samples)
    middle, last = samples[len(samples) // 2], samples[-1]
    first = middle if at is None else samples[at]
    return Result(
        case=case,
        capacity=last.capacity,
        settled=None if at is None else samples[at].at - samples[0].at,
        use=_use(first, last),
        rejections=100 * (last.rejected - first.rejected) / max(1, last.finished - first.finished),
        late_use=_use(middle, last),
        limit=last.limit,
        denied=(last.denied - samples[0].denied) / max(1e-9, last.at - samples[0].at),
    )


def _settling(samples: Sequence[Sample]) -> int | None:
    """Where the first window begins in which the limit was where it belongs."""
    for index, first in enumerate(samples):
        window = [sample for sample in samples[index:] if sample.at <= first.at + _WINDOW]
        if window[-1] is samples[-1]:
            return None
        limit = sum(sample.limit for sample in window) / len(window)
        most = max(first.capacity * _SLACK, first.capacity + 1)
        if _use(first, window[-1]) >= SETTLED_USE and limit <= most:
            return index
    return None


def _use(first: Sample, last: Sample) -> float:
    passed = last.at - first.at
    busy = last.busy_seconds - first.busy_seconds
    return busy / passed / first.capacity if passed > 0 else 0.0
