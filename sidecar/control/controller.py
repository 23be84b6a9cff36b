"""The adaptive limit: additive increase, multiplicative decrease, with a memory.

A *round* is as many successes as the limit: about the time that one answer takes.

- START: grows with every first byte until the first push-back; the first cut is deeper.
- Afterwards a level is held for a plateau of rounds, then one place more is tried (a *probe*).
  A probe that is served is followed by larger steps, then by START again: capacity came back.
- One push-back, one cut: it begins a new *generation*, and what was sent before is not counted.

Places come whole, and whoever has one keeps it: a provider's free place is taken at once by the
attempt that follows the finished one. Sharers of a quota therefore stay as unequal as chance made
them unless each gives places up. How many must grow with what one has, or shares drift: so among
sharers a push-back costs two cuts (`decrease` twice) that are grown back slowly, and the shares
become equal. Alone, a rejected probe only gives its own place back: a cut would be wasted capacity.

Whether we are alone is found out on the way: places given up are either all still there when we
come back for them, three times in a row (alone), or not (shared). Now and then it is checked again.

Where the provider limits a rate instead, the pacer answers its push-back: starts are spaced, and the
limit only makes room for what that takes, unless latency rises (`pacer.py`).
"""

import math
from enum import Enum

from sidecar.control.config import LimitConfig
from sidecar.control.detector import Detector, Ruling
from sidecar.control.law import LatencyKind, LimitChange, Ticket, Verdict
from sidecar.control.memory import Memory
from sidecar.control.pacer import Pacer, room_for
from sidecar.control.pause import Pause
from sidecar.control.quantile import RecentLatencies
from sidecar.control.use import Use
from sidecar.outcomes import LimitReason, Outcome, RejectionKind, WaitReason

_FIRST_CUT = 0.75
"""The first push-back follows fast growth: the level is further above capacity than later ones."""

_START_STEP = 0.5
"""Places per first byte before anything is known: half as many again within one first-byte time."""

_CLIMB_STEP = 1.0
"""The same once probes found that capacity grew."""

_CLIMB_AFTER = 3
"""Served probes, each a place larger than the one before, until the limit climbs freely."""

_SERVED = 0.1
"""Part of the limit whose first bytes prove a probe served: some would be rejected by then."""

_RECOVERY = 1.0
"""Rounds until places given up by a check are asked back."""

_JITTER = 0.2
"""Part by which plateaus differ, lest pods probe in step."""

_RAMP_SPELL = 60.0
"""Seconds of slow growth after the provider found growth too fast."""

_RAMP_FACTOR = 0.25
"""Growth is multiplied by this meanwhile."""

_EPSILON = 1e-6
"""Below what any step is; sums of steps miss whole numbers by less."""


class Phase(Enum):
    """What the limit is doing."""

    START = "start"
    RECOVERY = "recovery"
    GROWTH = "growth"


class LimitController:
    """One (upstream, model)'s limit. Implements `ExportedLaw`."""

    def __init__(self, config: LimitConfig, *, now: float) -> None:
        self._config = config
        self._value = float(config.initial)
        self._generation = 0
        self._phase = Phase.START
        self._memory = Memory()
        self._pause = Pause()
        self._pacer = Pacer()
        self._latencies = RecentLatencies()
        self._detector = Detector(
            initial=config.initial,
            tolerance=config.latency_tolerance,
            target=config.latency_target,
        )
        self._use = Use()
        self._rounds = 0.0  # since the last cut
        self._jitter = 1.0
        self._served = 0  # first bytes of the present probe
        self._steps = 0  # probes served in a row
        self._slow_until = -math.inf
        self.last_push_back_at: float | None = None

    def __repr__(self) -> str:
        return f"<LimitController {self._value:.1f} in {self._phase.value}, {self._memory}>"

    @property
    def limit(self) -> int:
        """See Law."""
        return int(self._value + _EPSILON)

    @property
    def p95(self) -> float | None:
        """Of recent latencies, in seconds; None before there is a sample."""
        return self._latencies.p95

    @property
    def baseline(self) -> float | None:
        """What latency is held against, in seconds; None before there is a reference."""
        return self._detector.baseline

    @property
    def ceiling(self) -> float | None:
        """The level at which the provider last pushed back, or queued; None if it never did."""
        known = [level for level in (self._memory.ceiling, self._detector.ceiling) if level]
        return min(known, default=None)

    def wait(self, in_flight: int, now: float) -> float:
        """See Law."""
        hold = self._pause.wait(now)
        if hold > 0:
            return hold
        return self._pacer.wait(now) if in_flight < self.limit else math.inf

    @property
    def pace(self) -> float | None:
        """See ExportedLaw."""
        return self._pacer.pace

    def wait_reason(self, now: float) -> WaitReason:
        """See ExportedLaw."""
        if self._pause.wait(now) > 0:
            return WaitReason.PAUSE
        return WaitReason.LEARNED_RATE if self._pacer.wait(now) > 0 else WaitReason.LIMIT

    def start(self, *, in_flight: int, waiting: int, now: float) -> Ticket:
        """See Law."""
        self._use.started(in_flight=in_flight, waiting=waiting, limit=self.limit)
        number, probe = self._pacer.started(in_flight, waiting, now), self._pause.started()
        return Ticket(self._generation, self._value, in_flight, now, probe, number)

    def measure(
        self, ticket: Ticket, *, latency: float, kind: LatencyKind, now: float
    ) -> LimitChange | None:
        """See Law; the first byte is also the first proof that the attempt was served."""
        self._latencies.add(kind, latency)
        self._pause.accepted(ticket)
        if ticket.generation != self._generation:
            return None
        self._pacer.served(ticket)
        before = self.limit
        ruling = self._detector.observe(kind, latency, int(ticket.limit + _EPSILON))
        if ruling is not None:
            return self._obey(ruling, before)
        known = self._memory.ceiling is not None
        reason = LimitReason.PROBE if known else LimitReason.SLOW_START
        if not self._detector.testing and now >= self._slow_until:
            self._served_at(ticket)
        return self._change(before, reason)

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
        """See Law."""
        if verdict.outcome is Outcome.SUCCESS:
            self._pause.accepted(ticket)
            return self._succeeded(now)
        if verdict.outcome is Outcome.OVERLOAD:
            return self._rejected(ticket, verdict, now, draw)
        self._pause.told_nothing(ticket)
        if verdict.outcome is Outcome.FAILED:
            self._served = 0
        return None

    # -- growth ---------------------------------------------------------------------------------

    def _served_at(self, ticket: Ticket) -> None:
        """An attempt sent in this generation was served: climb, or take the next step of a probe."""
        if self._pacer.on:
            self._grow(max(0.0, room_for(ticket.in_flight) - self._value))
        elif self._phase is Phase.START:
            first = self._memory.ceiling is None
            needed = self._use.pressing if first else self._use.in_use
            if needed and ticket.in_flight >= int(ticket.limit):
                self._grow(_START_STEP if first else _CLIMB_STEP)
        elif self._phase is Phase.GROWTH and self._memory.alone and self._is_probe(ticket):
            self._served += 1
            if self._served >= max(1.0, self._value * _SERVED):
                self._next_step()

    def _is_probe(self, ticket: Ticket) -> bool:
        """Whether it was sent at the ceiling or beyond, under the present limit."""
        ceiling = self._memory.ceiling or 0.0
        return ticket.in_flight >= ceiling and ticket.limit >= int(self._value)

    def _next_step(self) -> None:
        self._served = 0
        self._steps += 1
        self._grow(self._steps)
        if self._steps > _CLIMB_AFTER:
            self._phase = Phase.START

    def _succeeded(self, now: float) -> LimitChange | None:
        rounds = 1 / self._value
        self._rounds += rounds
        if not self._use.in_use or self._detector.testing or self._phase is Phase.START:
            return None
        before = self.limit
        if now < self._slow_until:
            rounds *= _RAMP_FACTOR
        if self._phase is Phase.RECOVERY:
            self._recover(rounds)
            return self._change(before, LimitReason.RECOVERY)
        self._grow(self._memory.growth(self._value, self._jitter) * rounds)
        probing = self._value > self._memory.hold
        return self._change(before, LimitReason.PROBE if probing else LimitReason.RECOVERY)

    def _recover(self, rounds: float) -> None:
        """Ask back what a check gave up."""
        hold = min(self._memory.hold, self._detector.cap)
        self._grow(min(self._memory.given_up * rounds / _RECOVERY, hold - self._value))
        if self._value >= hold - _EPSILON:
            self._phase = Phase.GROWTH

    def _grow(self, amount: float) -> None:
        cap = self._detector.cap
        if self._value < cap:
            self._set(min(self._value + amount, cap))

    # -- cuts -----------------------------------------------------------------------------------

    def _rejected(
        self, ticket: Ticket, verdict: Verdict, now: float, draw: float
    ) -> LimitChange | None:
        self._pause.rejected(ticket, verdict.retry_after, now=now, draw=draw)
        self._pacer.rejected()
        if verdict.kind is RejectionKind.RAMP:
            self._slow_until = now + _RAMP_SPELL
        if ticket.probe or ticket.generation != self._generation:
            return None
        before = self.limit
        if verdict.kind is RejectionKind.RATE and self._pacer.push_back(
            ticket, alone=self._memory.alone, now=now
        ):
            # Nothing is cut, and nothing is learned of places.
            self._phase, self._memory.given_up = Phase.START, 0.0
        else:
            self._cut(ticket, draw)
        self._generation += 1
        self._rounds = 0.0
        self._served = self._steps = 0
        self._jitter = 1 + _JITTER * (2 * draw - 1)
        self._detector.void()
        self.last_push_back_at = now
        return self._change(before, LimitReason(str(verdict.kind)))

    def _cut(self, ticket: Ticket, draw: float) -> None:
        memory, level = self._memory, min(ticket.limit, float(ticket.in_flight))
        climbed = self._phase is Phase.START or self._steps >= 2
        taken = memory.learn(level, rounds=self._rounds, climbed=climbed)
        target = memory.target(level, self._config.decrease, taken=taken, draw=draw)
        self._phase = Phase.RECOVERY if memory.alone and target < memory.hold else Phase.GROWTH
        if self.last_push_back_at is None:
            target = min(target, level * _FIRST_CUT)
        # A cut lowers the enforced limit by one at least.
        self._set(min(target, self.limit - 1e-3))
        memory.given_up = max(0.0, memory.hold - self._value)

    def _obey(self, ruling: Ruling, before: int) -> LimitChange | None:
        """The detector moves the limit; a lower one begins a new generation."""
        if ruling.level < self._value:
            self._generation += 1
        self._set(ruling.level)
        self._phase = Phase.START
        return self._change(before, ruling.reason)

    def _set(self, value: float) -> None:
        self._value = min(max(value, self._config.minimum), self._config.maximum)

    def _change(self, before: int, reason: LimitReason) -> LimitChange | None:
        after = self.limit
        return LimitChange(before, after, reason) if after != before else None
