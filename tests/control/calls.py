"""Attempts under a law, made by hand: what is in flight is counted, whatever a test does."""

import math
from collections.abc import Callable

from sidecar.control.law import SUCCESS, LatencyKind, Law, LimitChange, Ticket, Verdict
from sidecar.outcomes import Outcome, RejectionKind

LATENCY = 0.3
"""Seconds to a first byte."""
SERVICE = 3.0
"""Seconds that an answer takes."""

Figure = float | Callable[[], float]
"""A number, or what tells it anew each time."""


class Calls:
    """What a limiter does with a law, without a queue; there is always somebody waiting."""

    def __init__(self, law: Law, *, now: float = 0.0) -> None:
        self.law = law
        self.now = now
        self.open: list[Ticket] = []
        self.changes: list[LimitChange] = []
        self.rejections = 0

    @property
    def room(self) -> bool:
        """Whether one more may start now."""
        return self.law.wait(len(self.open), self.now) == 0

    def send(self) -> Ticket:
        """One attempt more, which must be allowed."""
        assert self.room
        ticket = self.law.start(in_flight=len(self.open) + 1, waiting=1, now=self.now)
        self.open.append(ticket)
        return ticket

    def fill(self, most: float = math.inf) -> list[Ticket]:
        """As many as may start, up to so many in flight."""
        sent = []
        while len(self.open) < most and self.room:
            sent.append(self.send())
        return sent

    def measure(
        self, ticket: Ticket, latency: float = LATENCY, kind: LatencyKind = LatencyKind.FIRST_BYTE
    ) -> LimitChange | None:
        """Its latency is known."""
        change = self.law.measure(ticket, latency=latency, kind=kind, now=self.now)
        return self._note(change)

    def settle(self, ticket: Ticket, verdict: Verdict, *, draw: float = 0.5) -> LimitChange | None:
        """It ends."""
        change = self.law.settle(
            ticket, verdict, in_flight=len(self.open), waiting=1, now=self.now, draw=draw
        )
        self.open.remove(ticket)
        return self._note(change)

    def serve(self, ticket: Ticket, latency: float = LATENCY) -> None:
        """A first byte and a whole answer."""
        self.measure(ticket, latency)
        self.settle(ticket, SUCCESS)

    def reject(
        self,
        ticket: Ticket,
        kind: RejectionKind = RejectionKind.RATE,
        *,
        hint: float | None = None,
        draw: float = 0.5,
    ) -> LimitChange | None:
        """The provider pushes back."""
        self.rejections += 1
        return self.settle(ticket, Verdict(Outcome.OVERLOAD, kind, hint), draw=draw)

    def play(
        self,
        slots: Figure,
        answers: int,
        *,
        most: Figure = math.inf,
        latency: Figure = LATENCY,
        draw: Callable[[], float] = lambda: 0.5,
    ) -> None:
        """A provider that serves up to `slots` at once and rejects beyond, for so many answers.

        Who was rejected is sent again after the next answer. `most` is the demand: attempts that
        the app wants in flight.
        """
        for _ in range(answers):
            self._demand(slots, most, latency, draw)
            if self.open:
                self.now += SERVICE / len(self.open)
                self.settle(self.open[0], SUCCESS)
            else:
                self.now += max(0.0, min(self.law.wait(0, self.now), SERVICE))

    def _demand(
        self, slots: Figure, most: Figure, latency: Figure, draw: Callable[[], float]
    ) -> None:
        while len(self.open) < _value(most) and self.room:
            ticket = self.send()
            if len(self.open) > _value(slots):
                self.now += 1e-3
                self.reject(ticket, draw=draw())
                return
            self.measure(ticket, _value(latency))

    def _note(self, change: LimitChange | None) -> LimitChange | None:
        if change is not None:
            assert change.after == self.law.limit
            self.changes.append(change)
        return change


def _value(figure: Figure) -> float:
    return figure() if callable(figure) else figure
