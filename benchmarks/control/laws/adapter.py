"""Lets a rule of another system stand where the benchmark expects a law."""
# ruff: noqa: ARG002  # arguments are Law's

import math
from typing import Protocol

from sidecar.control.law import LatencyKind, LimitChange, Ticket, Verdict
from sidecar.outcomes import Outcome


class Rule(Protocol):
    """What differs between the other systems' laws. Times are seconds."""

    @property
    def limit(self) -> int:
        """Attempts that may be in flight at once; at least 1."""
        ...

    def wait(self, in_flight: int, now: float) -> float:
        """Seconds until one more attempt may start, see Law; infinity = not before one ends."""
        ...

    def sent(self, *, in_flight: int) -> None:
        """An attempt is being sent; `in_flight` counts it."""
        ...

    def succeeded(self, *, took: float, in_flight: int, now: float) -> None:
        """An answer came to its end `took` seconds after sending; `in_flight` is that of then."""
        ...

    def rejected(self, *, under: float, retry_after: float | None, now: float) -> None:
        """The provider pushed back; `under` is the limit when the attempt was sent.

        `retry_after` is None without a hint.
        """
        ...


def room(limit: int, in_flight: int) -> float:
    """The `wait` of a rule that only counts: 0 below the limit, infinity at it."""
    return 0.0 if in_flight < limit else math.inf


class Adapted:
    """A law (see `sidecar.control.law.Law`) that does what its rule says."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def __repr__(self) -> str:
        return f"<Adapted {type(self._rule).__name__}, limit {self.limit}>"

    @property
    def limit(self) -> int:
        """See Law."""
        return self._rule.limit

    def wait(self, in_flight: int, now: float) -> float:
        """See Law."""
        return self._rule.wait(in_flight, now)

    def start(self, *, in_flight: int, waiting: int, now: float) -> Ticket:
        """See Law."""
        self._rule.sent(in_flight=in_flight)
        return Ticket(0, self._rule.limit, in_flight, now)

    def measure(
        self, ticket: Ticket, *, latency: float, kind: LatencyKind, now: float
    ) -> LimitChange | None:
        """See Law; the other systems know nothing of first bytes."""
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
        """See Law. Changes are not reported: the benchmark reads `limit`."""
        if verdict.outcome is Outcome.SUCCESS:
            self._rule.succeeded(took=now - ticket.sent_at, in_flight=ticket.in_flight, now=now)
        elif verdict.outcome is Outcome.OVERLOAD:
            self._rule.rejected(under=ticket.limit, retry_after=verdict.retry_after, now=now)
        return None
