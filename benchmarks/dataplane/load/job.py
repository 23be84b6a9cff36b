"""What the load generator can be told to do, and what it tells in return."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Where a load goes."""

    name: str
    port: int
    pids: list[int]
    """Processes whose processor time is that of the target; empty = not looked at."""


@dataclass(frozen=True, slots=True)
class PacedJob:
    """Open loop: requests leave at random moments, whether answers came or not."""

    targets: list[Target]
    rate: float
    """Requests per second."""
    slice_seconds: float
    rounds: int
    """Slices per target."""
    script: str


@dataclass(frozen=True, slots=True)
class PacedResult:
    """One target's."""

    seconds: list[float]
    """Latency of each answer."""
    lost: int
    """Requests with a wrong answer or none."""
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class SaturatedJob:
    """Closed loop: each connection asks again as soon as it was answered."""

    targets: list[Target]
    connections: int
    slice_seconds: float
    rounds: int


@dataclass(frozen=True, slots=True)
class SaturatedSlice:
    """One target, one slice."""

    requests: int
    seconds: float
    cpu_seconds: float
    waited_seconds: float
    """In which the target could have run, but others had its core."""
    load_cpu_seconds: float
    lost: int


@dataclass(frozen=True, slots=True)
class StreamsJob:
    """Many event streams open at once."""

    target: Target
    streams: int
    events: int
    gap_ms: int
    ramp: float
    """Seconds over which the streams are opened, one after the other."""


@dataclass(frozen=True, slots=True)
class StreamsResult:
    """All streams together."""

    whole: int
    """Streams that came to their end with every byte as it was sent."""
    most_open: int
    delays: list[float]
    """Seconds from the provider's sending an event to our having it, while all streams were open."""
    first_events: list[float]
    """Seconds from asking to the first event."""
    seconds: float
    """From the first request to the last stream's end."""
    plateau_cpu_seconds: float
    """The target's processor time while all streams were open."""


@dataclass(frozen=True, slots=True)
class TransferJob:
    """One large body, whose receiver takes nothing for a while after its start."""

    target: Target
    upload: bool
    size: int
    pause_ms: int


@dataclass(frozen=True, slots=True)
class TransferResult:
    """One body."""

    intact: bool
    seconds: float


Job = PacedJob | SaturatedJob | StreamsJob | TransferJob
