"""How fast may attempts start, beside how many may be in flight: what is known, not learned.

Composes the operator's ceilings and what the provider's headers tell.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.control.allowance import Allowance, Unit
from sidecar.control.ceilings import CeilingConfig, Ceilings, Charges
from sidecar.control.feed_forward import FeedForward
from sidecar.outcomes import WaitReason


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an attempt took when it started, to be settled or refunded; doing neither lets it stand."""

    tokens: int
    started_at: float
    """Loop seconds."""
    charges: Charges


class Rates:
    """One (upstream, model)'s known rates."""

    __slots__ = ("_ceilings", "_feed_forward", "_free", "_listening")

    def __init__(self, ceilings: CeilingConfig, *, feed_forward: bool) -> None:
        self._ceilings = Ceilings(ceilings)
        self._feed_forward = FeedForward()
        self._listening = feed_forward
        self._free = not self._ceilings
        """Nothing is configured and nothing was told: the way of most requests, kept short."""

    def __repr__(self) -> str:
        return f"<Rates {self._ceilings} {self._feed_forward}>"

    def wait(self, tokens: int, now: float) -> float:
        """Seconds until an attempt that reserves so many tokens (0 or more) may start; 0 = now.

        Always finite: ask again then at the latest. Asking changes nothing.
        """
        if self._free:
            return 0.0
        return max(self._ceilings.wait(tokens, now), self._feed_forward.wait(tokens, now))

    def reason(self, tokens: int, now: float) -> WaitReason:
        """What makes the longest wait; only meaningful while there is one."""
        waits = [
            *self._ceilings.waits(tokens, now),
            (self._feed_forward.wait(tokens, now), WaitReason.PROVIDER_HEADERS),
        ]
        return max(waits, key=lambda wait: wait[0])[1]

    def started(self, tokens: int, now: float) -> Reservation | None:
        """An attempt starts, whatever `wait` said; None while there is nothing to settle."""
        if self._listening:
            self._feed_forward.started(tokens, now)
        if self._free:
            return None
        return Reservation(tokens, now, self._ceilings.started(tokens, now))

    def settled(self, reservation: Reservation | None, *, used: int | None, now: float) -> None:
        """The attempt ended, having used so many tokens; None = unknown: the reservation stands.

        A rejected one used none, and still was a request.
        """
        if reservation is not None and used is not None:
            self._ceilings.settled(reservation.charges, used)

    def refunded(self, reservation: Reservation | None, now: float) -> None:
        """The attempt was never sent: as if it had not started."""
        if reservation is not None:
            self._ceilings.refunded(reservation.charges)
            self._feed_forward.refunded(reservation.tokens, reservation.started_at)

    def listens(self, now: float) -> bool:
        """Whether `told` wants to hear what an answer's headers say now: reading them takes time."""
        return self._listening and self._feed_forward.wants_news(now)

    def told(self, allowances: Iterable[Allowance], *, sent_at: float, now: float) -> None:
        """An answer's headers, at once when they arrive; `sent_at` is the `now` of `started`."""
        if self._listening:
            self._feed_forward.told(allowances, sent_at=sent_at, now=now)
            self._free = not (self._ceilings or self._feed_forward)

    def remaining(self, unit: Unit, now: float) -> float | None:
        """What the provider has left for us by what it told; None = it does not tell."""
        return self._feed_forward.remaining(unit, now)
