"""What advice is given on: one limit's last minute."""

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.outcomes import RejectionKind, ShedReason, WaitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """One limit's last minute, and what is needed of the minute before."""

    upstream: str
    model: str
    limit: int
    """Now, as the next five; 0 where the limiter was forgotten."""
    in_flight: int = 0
    waiting: int = 0
    upstream_limited: bool = False
    wait_reason: WaitReason | None = None
    learned_rate: float | None = None
    """Starts per second."""
    requests: int = 0
    succeeded: int = 0
    succeeded_before: int = 0
    """In the minute before."""
    client_errors: int = 0
    """Requests answered with a 4xx that is no push-back."""
    server_errors: int = 0
    """Requests that failed otherwise."""
    cancelled: int = 0
    """Requests that the app left before their answer was whole."""
    attempts: int = 0
    rejections: Mapping[RejectionKind, int]
    shed: Mapping[ShedReason, int]
    first_bytes: int = 0
    slow_first_bytes: int = 0
    worst_p95: float = 0.0
    """Seconds: the highest of the samples' 95th percentiles."""
    mean_waiting: float = 0.0
    mean_waiting_before: float = 0.0
    """In the minute before."""
