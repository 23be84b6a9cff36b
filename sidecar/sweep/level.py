"""What was measured at one concurrency, and whether that is good enough."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long requests took, in seconds."""

    mean: float
    p50: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times | None":
        """By nearest rank; None where there is nothing to sum up."""
        if not seconds:
            return None
        ranked = sorted(seconds)
        p50, p95 = (ranked[math.ceil(share * len(ranked)) - 1] for share in (0.5, 0.95))
        return cls(mean=math.fsum(ranked) / len(ranked), p50=p50, p95=p95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One concurrency's measurement, its warm-up left out."""

    concurrency: int
    """Requests in flight at once; 1 or more."""
    seconds: float
    """How long was measured; 0 or more."""
    succeeded: int
    latency: Times | None
    """Of successes: to the last byte, of a stream to its first. None without a success."""
    total: Times | None = None
    """Of streams: to the last byte. None for anything else."""
    errors: Mapping[str, int]
    """By kind: a status, or what happened to the connection."""
    output_tokens: int | None = None
    """LLM tokens that the answers said they are; None where they said nothing."""
    cut_short: bool = False
    """Whether it ended early because the errors were hopelessly many."""

    @property
    def requests(self) -> int:
        """All that ended."""
        return self.succeeded + sum(self.errors.values())

    @property
    def error_rate(self) -> float:
        """Share of requests that failed, 0 to 1; 1 where none ended."""
        return sum(self.errors.values()) / self.requests if self.requests else 1.0

    @property
    def throughput(self) -> float:
        """Successes per second."""
        return self.succeeded / self.seconds if self.seconds > 0 else 0.0

    @property
    def tokens_per_second(self) -> float | None:
        """Output LLM tokens per second, all requests together."""
        if self.output_tokens is None or self.seconds <= 0:
            return None
        return self.output_tokens / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What a level has to keep."""

    latency: float | None = None
    """Seconds that p95 may reach; above 0; None = any."""
    error_rate: float = 0.01
    """Share of requests that may fail, 0 to below 1."""

    def errors_kept(self, level: Level) -> bool:
        """Few enough requests failed. A single one may be chance, unless none is allowed."""
        if level.error_rate <= self.error_rate:
            return True
        return self.error_rate > 0 and level.requests - level.succeeded == 1 and level.succeeded > 0

    def latency_kept(self, level: Level) -> bool:
        """The answers were quick enough."""
        if level.latency is None:
            return False
        return self.latency is None or level.latency.p95 <= self.latency

    def kept(self, level: Level) -> bool:
        """Both."""
        return self.errors_kept(level) and self.latency_kept(level)
