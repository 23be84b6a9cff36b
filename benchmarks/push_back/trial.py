"""What was seen of a case. Pure."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """One call of the app; times are the provider's seconds."""

    model: str
    asked: float
    ended: float | None
    """None = still open long after everything else had ended."""
    status: int | None
    """HTTP status; None = no answer, or not a whole one."""
    reason: str | None = None
    """Where the sidecar answered by itself: why."""

    @property
    def seconds(self) -> float:
        """How long it took; infinite where it never ended."""
        return float("inf") if self.ended is None else self.ended - self.asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One moment of one model; counts are the provider's, since its start."""

    at: float
    """Provider's seconds."""
    accepted: float = 0
    accepted_tokens: float = 0
    """LLM tokens of the accepted requests, by the provider's own estimate."""
    finished: float = 0
    refused: float = 0
    """Attempts that were answered with an error."""
    busy_seconds: float = 0
    """Requests at work, summed up over time."""
    capacity: int | None = None
    """Requests that the provider runs at once; None = any number."""
    limit: int = 0
    """The sidecar's; 0 = it knows nothing of the model yet."""
    waiting: int = 0
    """In the sidecar's queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A case's samples and answers."""

    samples: Mapping[str, Sequence[Sample]]
    """By model, in order of time."""
    answers: Sequence[Answer]
    """In the order of asking."""
    retries: Mapping[str, float] = field(default_factory=dict)
    """The sidecar's own, by model."""
    client_retries: Mapping[str, float] = field(default_factory=dict)
    """Requests that said they were an SDK's retry, by model."""
    denied: float = 0.0
    """Seconds per second in which a process of ours wanted a core that others had."""

    def at(self, model: str, when: float) -> Sample:
        """The counts at a moment between two samples, in proportion; nothing before the first."""
        samples = self.samples[model]
        index = bisect_left(samples, when, key=lambda sample: sample.at)
        if index == len(samples):
            return samples[-1]
        after = samples[index]
        before = samples[index - 1] if index else Sample(at=min(when, after.at))
        return _between(before, after, when)

    def asked(self, model: str, since: float, until: float) -> list[Answer]:
        """The app's calls in that time."""
        return [
            answer
            for answer in self.answers
            if answer.model == model and since <= answer.asked < until
        ]


def attempts(since: Sample, until: Sample) -> float:
    """What the provider was asked between two moments."""
    return until.accepted + until.refused - since.accepted - since.refused


def _between(before: Sample, after: Sample, when: float) -> Sample:
    apart = after.at - before.at
    part = (when - before.at) / apart if apart > 0 else 1.0

    def count(name: str) -> float:
        first, last = getattr(before, name), getattr(after, name)
        return float(first + part * (last - first))

    return Sample(
        at=when,
        accepted=count("accepted"),
        accepted_tokens=count("accepted_tokens"),
        finished=count("finished"),
        refused=count("refused"),
        busy_seconds=count("busy_seconds"),
        capacity=after.capacity,
        limit=before.limit or after.limit,
        waiting=before.waiting,
    )
