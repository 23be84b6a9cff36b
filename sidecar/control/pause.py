"""Holds a key after rejections, then lets one attempt test the water.

Three states: open; paused until a moment; half-open, when the pause is over and one attempt, the
probe, may go. What the provider accepts opens, a rejected probe pauses longer. A probe that tells
nothing leaves the door half-open for the next one, so a pause always ends.
"""

import math

from sidecar.control.law import Ticket

_SHORT_HINT = 1.0
"""Seconds: a hint up to here is obeyed at once; it costs less than finding out."""

_STREAK = 3
"""Rejections in a row that make a pause: one or two are the everyday way of finding a limit."""

_FIRST = 0.5
"""Seconds of the first pause; each further one is twice as long."""

_LONGEST = 5.0
"""Seconds: a provider that is back should not wait longer for us, whatever its hint says."""

_JITTER = 0.1
"""Part of a pause that is left to chance, lest many sidecars come back at once."""


class Pause:
    """Whether attempts may start at all."""

    def __init__(self) -> None:
        self._until = -math.inf
        self._half_open = False
        self._probing = False
        self._streak = 0
        self._pauses = 0
        self._last_rejection = -math.inf

    def __repr__(self) -> str:
        state = "half-open" if self._half_open else "open"
        return f"<Pause {state}, until {self._until:.1f} s, {self._streak} rejections in a row>"

    def wait(self, now: float) -> float:
        """Seconds until an attempt may start; infinity while a probe is under way."""
        if self._probing:
            return math.inf
        return max(0.0, self._until - now)

    def started(self) -> bool:
        """An attempt is being sent; tells whether it is a probe."""
        self._probing = self._half_open
        return self._probing

    def accepted(self, ticket: Ticket) -> None:
        """The provider served an attempt. What was sent before a rejection proves nothing."""
        if self._is_probe(ticket) or ticket.sent_at >= self._last_rejection:
            self._half_open = self._probing = False
            self._streak = self._pauses = 0

    def told_nothing(self, ticket: Ticket) -> None:
        """An attempt ended without a verdict on capacity."""
        if self._is_probe(ticket):
            self._probing = False

    def rejected(
        self, ticket: Ticket, retry_after: float | None, *, now: float, draw: float
    ) -> None:
        """The provider pushed back. Rejections of one burst count once, and none beside a probe."""
        if self._is_probe(ticket):
            self._probing = False
        elif self._half_open or ticket.sent_at < self._last_rejection:
            return
        self._last_rejection = now
        self._streak += 1
        if retry_after is not None and retry_after <= _SHORT_HINT:
            self._until = max(self._until, now + retry_after)
        elif self._streak >= _STREAK:
            self._hold(retry_after, now, draw)

    def _is_probe(self, ticket: Ticket) -> bool:
        """The one under way. That of an earlier pause may still be streaming, and knows nothing."""
        return self._probing and ticket.probe and ticket.sent_at >= self._until

    def _hold(self, retry_after: float | None, now: float, draw: float) -> None:
        length = min(_FIRST * 2.0**self._pauses, _LONGEST)
        if retry_after is not None:
            length = min(length, retry_after)
        self._pauses = min(self._pauses + 1, 10)
        self._until = now + length * (1 + _JITTER * draw)
        self._half_open = True
