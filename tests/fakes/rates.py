"""Rates that the test sets; they check that every reservation ends exactly once."""

import math
from collections.abc import Iterable

from sidecar.control.allowance import Allowance, Unit
from sidecar.control.ceilings import CeilingConfig, Charges
from sidecar.control.rates import Rates, Reservation
from sidecar.outcomes import WaitReason


class ScriptedRates(Rates):
    """Attempts of so many LLM tokens wait until the moment that the test names."""

    def __init__(self) -> None:
        super().__init__(CeilingConfig(), feed_forward=False)
        self.until: dict[int, float] = {}
        """Loop seconds from which an attempt that reserves so many tokens may start."""
        self.next_until: dict[int, float] | None = None
        """The next `told` sets `until` to this."""
        self.error: Exception | None = None
        """The next `settled` or `refunded` raises this."""
        self.taken: list[int] = []
        """Tokens of every reservation, in order."""
        self.open: list[Reservation] = []
        """Reservations neither settled nor refunded."""
        self.used: list[int | None] = []
        self.refunds = 0
        self.left: dict[Unit, float] = {}
        """What is `remaining`."""
        self.heard: list[tuple[list[Allowance], float]] = []
        """Allowances with the time at which the attempt was sent that they answer."""

    def wait(self, tokens: int, now: float) -> float:
        return max(0.0, self.until.get(tokens, -math.inf) - now)

    def reason(self, tokens: int, now: float) -> WaitReason:
        assert self.wait(tokens, now) > 0, "asked why it waits, and it does not"
        return WaitReason.TOKENS_PER_MINUTE

    def started(self, tokens: int, now: float) -> Reservation | None:
        assert self.wait(tokens, now) == 0, "started before its time"
        self.taken.append(tokens)
        if not tokens:
            return None
        reservation = Reservation(tokens, now, Charges((), ()))
        self.open.append(reservation)
        return reservation

    def settled(self, reservation: Reservation | None, *, used: int | None, now: float) -> None:
        self._close(reservation)
        self.used.append(used)

    def refunded(self, reservation: Reservation | None, now: float) -> None:
        self._close(reservation)
        self.refunds += 1

    def told(self, allowances: Iterable[Allowance], *, sent_at: float, now: float) -> None:
        self.heard.append((list(allowances), sent_at))
        if self.next_until is not None:
            self.until, self.next_until = self.next_until, None

    def remaining(self, unit: Unit, now: float) -> float | None:
        return self.left.get(unit)

    def _close(self, reservation: Reservation | None) -> None:
        if reservation is None:
            return
        mine = [known is reservation for known in self.open]
        del self.open[mine.index(True)]  # ValueError: ended twice
        if self.error is not None:
            error, self.error = self.error, None
            raise error
