"""What a simulated provider's capacity is, as data: plain names, documented units.

Times are seconds since the provider started. The defaults describe an unlimited provider.
"""

from dataclasses import dataclass

from sidecar.outcomes import RejectionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotStep:
    """From this moment on so many requests run at once."""

    at: float
    """Seconds since the start."""
    slots: int
    """0 or more; 0 runs nothing."""

    def __post_init__(self) -> None:
        if self.at < 0 or self.slots < 0:
            raise ValueError(f"a slot step needs at >= 0 and slots >= 0, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlan:
    """How many requests run at once, and what happens to one too many."""

    steps: tuple[SlotStep, ...]
    """In ascending order of `at`, the first at 0."""
    queue: int | None = 0
    """Requests that wait for a slot: 0 = none, beyond the slots comes 429; None = any number,
    never a rejection; otherwise beyond slots and queue comes 503."""
    retry_after: float | None = None
    """Seconds stated with each such rejection; None = no hint."""

    def __post_init__(self) -> None:
        times = [step.at for step in self.steps]
        if not times or times[0] != 0 or times != sorted(times):
            raise ValueError("the steps of a slot plan must ascend from at = 0")
        if self.queue is not None and self.queue < 0:
            raise ValueError(f"a queue cannot hold {self.queue} requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlan:
    """A token bucket: `burst` at once, then `per_minute`, refilled continuously."""

    per_minute: float
    """Requests, or LLM tokens, per minute; above 0."""
    burst: float
    """What a full bucket holds; above 0."""
    hint: bool = True
    """Whether a rejection states exactly when the bucket will allow the request."""

    def __post_init__(self) -> None:
        if self.per_minute <= 0 or self.burst <= 0:
            raise ValueError(f"a bucket needs per_minute > 0 and burst > 0, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A window in which requests are rejected or fail, whatever the capacity."""

    start: float
    """Seconds since the start, inclusive."""
    end: float
    """Seconds since the start, exclusive."""
    status: int = 429
    kind: RejectionKind = RejectionKind.RATE
    retry_after: float | None = None
    """Seconds stated with each rejection; None = no hint."""
    share: float = 1.0
    """Part of the requests that is hit, 0 to 1; below 1 it is a brown-out."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end or not 0 <= self.share <= 1:
            raise ValueError(f"an outage needs 0 <= start < end and 0 <= share <= 1, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowSpell:
    """A window in which the provider is slow for everybody."""

    start: float
    """Seconds since the start, inclusive."""
    end: float
    """Seconds since the start, exclusive."""
    factor: float
    """Times to first byte are multiplied by this; above 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end or self.factor <= 0:
            raise ValueError(f"a slow spell needs 0 <= start < end and factor > 0, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityPlan:
    """Everything that limits one (provider, model)."""

    slots: SlotPlan | None = None
    """None = any number at once."""
    requests: BucketPlan | None = None
    """Requests per minute."""
    llm_tokens: BucketPlan | None = None
    """LLM tokens per minute, taken at arrival by the request's own estimate."""
    outages: tuple[Outage, ...] = ()
    slow_spells: tuple[SlowSpell, ...] = ()
