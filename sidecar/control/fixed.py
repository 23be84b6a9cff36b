"""The two modes that do not adapt what is enforced: `fixed` and `observe`."""

import math

from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.law import LatencyKind, LimitChange, Ticket, Verdict
from sidecar.control.quantile import RecentLatencies
from sidecar.outcomes import Outcome, WaitReason


class FixedLimit:
    """Stays at the initial limit, pauses for nobody, and still measures."""

    def __init__(self, config: LimitConfig, *, now: float) -> None:
        self.limit = config.initial
        self.baseline: float | None = None
        self.ceiling: float | None = None
        self.last_push_back_at: float | None = None
        self.pace: float | None = None
        self._latencies = RecentLatencies()
        self._created_at = now

    def __repr__(self) -> str:
        return f"<FixedLimit {self.limit}>"

    @property
    def p95(self) -> float | None:
        """Seconds; None before there is a sample."""
        return self._latencies.p95

    def wait(self, in_flight: int, now: float) -> float:
        """See Law."""
        return 0.0 if in_flight < self.limit else math.inf

    def wait_reason(self, now: float) -> WaitReason:
        """See ExportedLaw; it is always the limit."""
        return WaitReason.LIMIT

    def start(self, *, in_flight: int, waiting: int, now: float) -> Ticket:
        """See Law."""
        return Ticket(0, self.limit, in_flight, now)

    def measure(
        self, ticket: Ticket, *, latency: float, kind: LatencyKind, now: float
    ) -> LimitChange | None:
        """See Law; the limit stays."""
        self._latencies.add(kind, latency)
        return None

    def settle(
        self,
        ticket: Ticket,
        verdict: Verdict,
        *,
        in_flight: int,
        waiting: int,
        now: float,
        draw: float,
    ) -> LimitChange | None:
        """See Law; the limit stays."""
        if verdict.outcome is Outcome.OVERLOAD:
            self.last_push_back_at = now
        return None


class Observed(LimitController):
    """Computes and exports everything, and holds nobody back."""

    def wait(self, in_flight: int, now: float) -> float:
        """Always 0."""
        return 0.0
