"""How much of everything a run does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the measures; times in seconds."""

    rate: float = 200.0
    """Requests per second of the latency measure, in all its slices."""
    latency_slice: float = 1.0
    latency_rounds: int = 30
    provider_delays_ms: tuple[int, ...] = (0, 50)
    connections: int = 32
    """Of the saturated measure."""
    saturated_slice: float = 2.0
    saturated_rounds: int = 5
    streams: int = 1000
    events: int = 100
    """In each stream."""
    gap_ms: int = 100
    ramp: float = 1.0
    stream_rounds: int = 2
    starts: int = 5
    transfer_bytes: int = 50_000_000
    transfer_pause_ms: int = 1000
    departures: int = 100
    waiters: tuple[int, int] = (10, 10_000)
    admissions: int = 50_000
    counted_requests: int = 2000
    """Requests of the instruction count."""


FULL = Plan()

QUICK = Plan(
    latency_slice=0.5,
    latency_rounds=3,
    saturated_slice=0.7,
    saturated_rounds=2,
    events=25,
    stream_rounds=1,
    starts=2,
    transfer_pause_ms=400,
    departures=20,
    admissions=20_000,
    counted_requests=500,
)
