"""What a limiter lends: the right to one attempt in flight."""

from collections.abc import Iterable
from types import TracebackType
from typing import Protocol, Self

from sidecar.control.allowance import Allowance
from sidecar.control.law import IGNORED, LatencyKind, Ticket, Verdict
from sidecar.control.rates import Reservation
from sidecar.outcomes import Priority


class Lender(Protocol):
    """Who gave the permit, and hears what comes of it: the limiter."""

    @property
    def listens(self) -> bool: ...

    def measure(self, ticket: Ticket, latency: float, kind: LatencyKind) -> None: ...

    def told(self, ticket: Ticket, allowances: Iterable[Allowance]) -> None: ...

    def settle(self, permit: "Permit", verdict: Verdict, used_tokens: int | None) -> None: ...

    def refund(self, permit: "Permit") -> None: ...


class Permit:
    """The right to one attempt in flight, held to the last byte.

    Leaving the context unsettled means IGNORED; settling twice is harmless.
    """

    __slots__ = ("_lender", "_settled", "priority", "reservation", "ticket")

    def __init__(
        self,
        lender: Lender,
        ticket: Ticket,
        reservation: Reservation | None,
        priority: Priority,
    ) -> None:
        self._lender = lender
        self._settled = False
        self.ticket = ticket
        self.reservation = reservation
        self.priority = priority

    def measure(self, latency: float, kind: LatencyKind) -> None:
        """Report a latency in seconds (or seconds per token); at most once, before `settle`."""
        self._lender.measure(self.ticket, latency, kind)

    @property
    def listens(self) -> bool:
        """Whether `told` is of use now."""
        return self._lender.listens

    def told(self, allowances: Iterable[Allowance]) -> None:
        """Report what the answer's headers say of the provider's rate limits; before `settle`."""
        self._lender.told(self.ticket, allowances)

    def settle(self, verdict: Verdict, *, used_tokens: int | None = None) -> None:
        """Report the attempt's ending and free its place.

        `used_tokens` replaces what was reserved; None = unknown, the reservation stands.
        """
        if not self._settled:
            self._settled = True
            self._lender.settle(self, verdict, used_tokens)

    def refund(self) -> None:
        """Give the place back unused: nothing was sent, so nothing of any ceiling was used."""
        if not self._settled:
            self._settled = True
            self._lender.refund(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.settle(IGNORED)
