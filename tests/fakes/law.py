"""A law that does what the test says, and checks that it is used as `Law` demands."""

import math

from sidecar.control.law import LatencyKind, LimitChange, Ticket, Verdict
from sidecar.outcomes import LimitReason, WaitReason


class ScriptedLaw:
    """A limit that the test sets, pauses that the test begins."""

    def __init__(self, limit: int = 1) -> None:
        self.limit = limit
        self.p95: float | None = None
        self.baseline: float | None = None
        self.ceiling: float | None = None
        self.last_push_back_at: float | None = None
        self.pace: float | None = None
        self.reason = WaitReason.LIMIT
        """What a wait is said to come from outside of pauses."""
        self.held_until = -math.inf
        """Loop seconds until which nothing may start."""
        self.next_limit: int | None = None
        """The next `measure` or `settle` moves the limit here."""
        self.error: Exception | None = None
        """The next `settle` raises this."""
        self.asked = 0
        self.started: list[Ticket] = []
        self.start_waiting: list[int] = []
        self.measured: list[tuple[Ticket, float, LatencyKind]] = []
        self.settled: list[tuple[Ticket, Verdict]] = []
        self.draws: list[float] = []
        self.open: set[int] = set()
        """Generations of the tickets not yet settled."""

    def wait(self, in_flight: int, now: float) -> float:
        self.asked += 1
        if now < self.held_until:
            return self.held_until - now
        return 0.0 if in_flight < self.limit else math.inf

    def wait_reason(self, now: float) -> WaitReason:
        return WaitReason.PAUSE if now < self.held_until else self.reason

    def start(self, *, in_flight: int, waiting: int, now: float) -> Ticket:
        assert in_flight <= self.limit, "more in flight than the limit"
        assert now >= self.held_until, "started during a pause"
        ticket = Ticket(len(self.started), self.limit, in_flight, now)
        self.started.append(ticket)
        self.open.add(ticket.generation)
        self.start_waiting.append(waiting)
        return ticket

    def measure(
        self, ticket: Ticket, *, latency: float, kind: LatencyKind, now: float
    ) -> LimitChange | None:
        self.measured.append((ticket, latency, kind))
        return self._change()

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
        assert in_flight == len(self.open)
        self.open.remove(ticket.generation)  # KeyError: settled twice
        self.settled.append((ticket, verdict))
        self.draws.append(draw)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return self._change()

    def _change(self) -> LimitChange | None:
        if self.next_limit is None:
            return None
        before, self.limit, self.next_limit = self.limit, self.next_limit, None
        reason = LimitReason.PROBE if self.limit > before else LimitReason.OVERLOAD
        return LimitChange(before, self.limit, reason)
