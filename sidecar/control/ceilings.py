"""The rate ceilings that an operator sets and the sidecar keeps by itself.

A ceiling is kept to the letter: at most so many in *any* second or minute, all of them usable at
once, and no penalty for an app that was idle. A bucket would allow nearly twice as many in the
minute after an idle one; a window that jumps, the same around its jump.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields

from sidecar.outcomes import WaitReason

_SLOTS = 600
"""Most slots that a window remembers: bounds memory, at the price of 1/600 of the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingConfig:
    """Ceilings of one (upstream, model); the same numbers for all of them. None = no ceiling.

    A fraction is kept over as much longer a time as makes it whole: 0.5 requests a second are one
    in any two seconds.
    """

    requests_per_second: float | None = None
    """Attempts started in any second; above 0."""
    requests_per_minute: float | None = None
    """Attempts started in any minute; above 0."""
    tokens_per_minute: float | None = None
    """LLM tokens, as estimated from the requests and corrected by the answers; above 0."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                name = field.name.replace("_", " ")
                raise ValueError(f"a ceiling of {name} must be above 0 and finite, not {value}")


class _Slot:
    """What was taken at about the same time; it leaves the window as one."""

    __slots__ = ("amount", "first", "kept", "last")

    def __init__(self, now: float) -> None:
        self.first = now
        self.last = now
        self.amount = 0
        self.kept = True


class SlidingWindow:
    """At most `most` in any `length` seconds. Amounts are whole numbers: sums stay exact."""

    def __init__(self, rate: float, length: float) -> None:
        """Keep `rate` per `length` seconds."""
        self.most = math.ceil(rate)
        self.length = length * self.most / rate
        self._width = self.length / (_SLOTS - 1)  # what overlaps the window's ends needs one more
        self._slots: deque[_Slot] = deque()
        self._total = 0

    def __repr__(self) -> str:
        return f"<SlidingWindow {self._total}/{self.most} in {self.length:g} s>"

    def wait(self, amount: int, now: float) -> float:
        """Seconds until `amount` can be taken; 0 = now.

        More than the window ever allows is treated as all of it: otherwise it could never pass.
        """
        over = self._total + min(amount, self.most) - self.most
        free_at = now
        slots = iter(self._slots)
        while over > 0:  # what must leave before `amount` fits; at the latest all of it has
            slot = next(slots)
            over -= slot.amount
            free_at = slot.last + self.length
        return max(0.0, free_at - now)

    def take(self, amount: int, now: float) -> "Charge":
        """Take `amount`, whatever `wait` said."""
        slots = self._slots
        while slots and slots[0].last + self.length <= now:
            gone = slots.popleft()
            gone.kept = False
            self._total -= gone.amount
        if not slots or now - slots[-1].first >= self._width:
            slots.append(_Slot(now))
        slots[-1].last = now
        charge = Charge(self, slots[-1])
        charge.correct(min(amount, self.most))
        return charge

    def _add(self, slot: _Slot, amount: int) -> None:
        """Change what a slot holds; a slot that has left the window no longer counts."""
        slot.amount += amount
        if slot.kept:
            self._total += amount


class Charge:
    """What one attempt took from one window."""

    __slots__ = ("_amount", "_slot", "_window")

    def __init__(self, window: SlidingWindow, slot: _Slot) -> None:
        self._window = window
        self._slot = slot
        self._amount = 0

    def correct(self, amount: int) -> None:
        """It was `amount`, 0 or more, at the time when it was taken."""
        self._window._add(self._slot, amount - self._amount)  # noqa: SLF001  # two halves of one
        self._amount = amount


@dataclass(frozen=True, slots=True)
class Charges:
    """What one attempt took from all ceilings."""

    requests: tuple[Charge, ...]
    tokens: tuple[Charge, ...]


class Ceilings:
    """All ceilings of one (upstream, model)."""

    def __init__(self, config: CeilingConfig) -> None:
        self._requests: list[tuple[WaitReason, SlidingWindow]] = []
        self._tokens: list[tuple[WaitReason, SlidingWindow]] = []
        for rate, length, reason, windows in (
            (config.requests_per_second, 1, WaitReason.REQUESTS_PER_SECOND, self._requests),
            (config.requests_per_minute, 60, WaitReason.REQUESTS_PER_MINUTE, self._requests),
            (config.tokens_per_minute, 60, WaitReason.TOKENS_PER_MINUTE, self._tokens),
        ):
            if rate is not None:
                windows.append((reason, SlidingWindow(rate, length)))

    def __repr__(self) -> str:
        return f"<Ceilings {[window for _, window in self._requests + self._tokens]}>"

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._requests or self._tokens)

    def waits(self, tokens: int, now: float) -> Iterator[tuple[float, WaitReason]]:
        """Seconds until each ceiling lets an attempt with that reservation start; 0 = now."""
        for reason, window in self._requests:
            yield window.wait(1, now), reason
        for reason, window in self._tokens:
            yield window.wait(tokens, now), reason

    def wait(self, tokens: int, now: float) -> float:
        """The longest of these waits."""
        return max((wait for wait, _ in self.waits(tokens, now)), default=0.0)

    def started(self, tokens: int, now: float) -> Charges:
        """An attempt starts; `tokens` is its reservation, 0 or more."""
        return Charges(
            tuple(window.take(1, now) for _, window in self._requests),
            tuple(window.take(tokens, now) for _, window in self._tokens),
        )

    def settled(self, charges: Charges, used: int) -> None:
        """The attempt used so many tokens; a rejected one none, but it was a request."""
        for charge in charges.tokens:
            charge.correct(used)

    def refunded(self, charges: Charges) -> None:
        """The attempt was never sent."""
        for charge in charges.requests + charges.tokens:
            charge.correct(0)
