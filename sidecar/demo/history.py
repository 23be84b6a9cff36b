"""What the demo measured over time, and what it adds up to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

_SETTLING = 0.4
"""Share of a phase that the limit gets to find the capacity before it is judged."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment."""

    at: float
    """Seconds since the start."""
    capacity: int | None
    """Calls that the provider really runs at once; hidden from the sidecar. None = any number."""
    limit: int
    in_flight: int
    waiting: int
    succeeded: int
    """Since the start, like `rejected`."""
    rejected: int
    """Rejections by the provider."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A time of constant capacity, once the limit had time to settle."""

    start: float
    end: float
    capacity: int | None
    limit: float
    """Mean over the settled part."""
    throughput: float
    """Answers per second over the settled part."""

    @property
    def found(self) -> float | None:
        """The limit as a share of the capacity; None where there is no such share."""
        return self.limit / self.capacity if self.capacity else None


def phases(samples: Sequence[Sample]) -> list[Phase]:
    """The run, cut where the capacity changed; phases too short to say anything are left out."""
    return [phase for part in _runs(samples) if (phase := _phase(part)) is not None]


def _runs(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    for _, run in groupby(samples, key=lambda sample: sample.capacity):
        yield list(run)


def _phase(part: Sequence[Sample]) -> Phase | None:
    settled = part[int(len(part) * _SETTLING) :]
    if len(settled) < 2 or settled[-1].at <= settled[0].at:
        return None
    first, last = settled[0], settled[-1]
    return Phase(
        start=part[0].at,
        end=last.at,
        capacity=last.capacity,
        limit=sum(sample.limit for sample in settled) / len(settled),
        throughput=(last.succeeded - first.succeeded) / (last.at - first.at),
    )


def rate(samples: Sequence[Sample], seconds: float = 2.0) -> float:
    """Answers per second lately."""
    if len(samples) < 2:
        return 0.0
    last = samples[-1]
    first = next(s for s in samples if s.at >= last.at - seconds or s is last)
    passed = last.at - first.at
    return (last.succeeded - first.succeeded) / passed if passed > 0 else 0.0
