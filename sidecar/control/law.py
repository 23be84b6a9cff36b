"""What a concurrency law looks like from outside: the seam between limit and limiter.

The limiter (`sidecar.admission`) counts what is in flight and waiting; a law only decides.
The control benchmark drives other systems' laws through the same five methods.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sidecar.outcomes import LimitReason, Outcome, RejectionKind, WaitReason


class LatencyKind(StrEnum):
    """What a latency was measured on; only samples of one kind are compared with each other."""

    FIRST_BYTE = "first_byte"
    """Streamed answer: seconds from sending the attempt to the first meaningful body byte."""
    PER_TOKEN = "per_token"  # noqa: S105  # a kind of latency, not a secret
    """Whole answer with usage: seconds divided by (output tokens + a constant for the prefill)."""
    TOTAL = "total"
    """Whole answer without usage (embeddings, for instance): seconds to the last byte."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an attempt carries from the moment it was sent until it is settled."""

    generation: int
    """The law's generation when the attempt was sent: grows with every cut."""
    limit: float
    """The limit in force then."""
    in_flight: int
    """Attempts in flight then, this one included (1 or more)."""
    sent_at: float
    """Loop seconds."""
    probe: bool = False
    """This attempt is the one that tests the water after a pause."""
    sequence: int = 0
    """Attempts that the law started before this one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended, as the law needs to know it."""

    outcome: Outcome
    kind: RejectionKind | None = None
    """Set where `outcome` is OVERLOAD."""
    retry_after: float | None = None
    """Seconds the provider asked to wait; None without such a hint."""


SUCCESS = Verdict(Outcome.SUCCESS)
FAILED = Verdict(Outcome.FAILED)
IGNORED = Verdict(Outcome.IGNORED)


@dataclass(frozen=True, slots=True)
class LimitChange:
    """The enforced limit moved."""

    before: int
    after: int
    reason: LimitReason


class Law(Protocol):
    """One (upstream, model)'s concurrency limit."""

    @property
    def limit(self) -> int:
        """Attempts that may be in flight at once; at least 1."""
        ...

    def wait(self, in_flight: int, now: float) -> float:
        """Seconds until one more attempt may start.

        0 = now; infinity = not before something in flight is settled; any other number = ask
        again then at the latest (a pause is running). Asking changes nothing.
        """
        ...

    def start(self, *, in_flight: int, waiting: int, now: float) -> Ticket:
        """An attempt is being sent (only after `wait` said 0); `in_flight` counts it already."""
        ...

    def measure(
        self, ticket: Ticket, *, latency: float, kind: LatencyKind, now: float
    ) -> LimitChange | None:
        """A latency is known: at the first byte of a stream, at the end of a whole answer.

        Called at most once per ticket, always before `settle`, never for rejections or failures.
        """
        ...

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
        """An attempt ended; `in_flight` still counts it. `draw` is uniform in [0, 1).

        Called exactly once per ticket.
        """
        ...


class ExportedLaw(Law, Protocol):
    """A law that also tells what metrics show; the sidecar's own laws do."""

    @property
    def p95(self) -> float | None:
        """95th percentile of recent latencies, in seconds; None before there is a sample."""
        ...

    @property
    def baseline(self) -> float | None:
        """What latency is held against, in seconds; None before there is a reference."""
        ...

    @property
    def ceiling(self) -> float | None:
        """The level at which the provider last pushed back; None if it never did."""
        ...

    @property
    def last_push_back_at(self) -> float | None:
        """Loop seconds of the last cut by push-back; None if there was none."""
        ...

    @property
    def pace(self) -> float | None:
        """Starts per second that the learned pacer allows now; None while it does not pace."""
        ...

    def wait_reason(self, now: float) -> WaitReason:
        """What a `wait` above 0 comes from at this moment: LIMIT, PAUSE or LEARNED_RATE."""
        ...
