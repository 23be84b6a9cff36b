"""Who waits, in which order: three classes, in each of them retries ahead of new arrivals.

First out, last out and out of the middle all cost the same with 10 waiters and with 10,000: every
line is an OrderedDict, and nothing is ever searched.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sidecar.admission.fair_share import CLASSES, FairShare
from sidecar.outcomes import Priority

T = TypeVar("T")

Tokens = int | Callable[[], int]
"""LLM tokens (0 or more); a call that others may still join tells them anew each time."""


@dataclass(eq=False, slots=True)
class Waiter(Generic[T]):
    """One request that waits for a T."""

    future: asyncio.Future[T]
    priority: Priority
    wanted: Tokens
    again: bool
    """It is a retry."""

    @property
    def tokens(self) -> int:
        """LLM tokens that it wants to reserve, as of now."""
        return self.wanted if isinstance(self.wanted, int) else self.wanted()


_Line = OrderedDict[Waiter[T], None]


class WaitingLine(Generic[T]):
    """The queue. What is done already (its task was cancelled and has not run since) counts in
    `total` until it leaves, but is never the head."""

    __slots__ = ("_arrivals", "_retries", "_share", "total")

    def __init__(self, share: FairShare) -> None:
        self.total = 0
        self._share = share
        self._retries: list[_Line[T]] = [OrderedDict() for _ in CLASSES]
        self._arrivals: list[_Line[T]] = [OrderedDict() for _ in CLASSES]

    def __repr__(self) -> str:
        waiting = ", ".join(f"{self.count(p)} {p.name.lower()}" for p in CLASSES)
        return f"<WaitingLine {waiting}>"

    def count(self, priority: Priority) -> int:
        """How many of this class wait."""
        return len(self._retries[priority]) + len(self._arrivals[priority])

    def join(self, waiter: Waiter[T], now: float) -> None:
        """Stand in line: a retry behind the retries of its class, all others at its very end."""
        if not self.total:
            self._share.begin(now)
        elif not self.count(waiter.priority):
            self._share.join(waiter.priority, now)
        self._line(waiter)[waiter] = None
        self.total += 1

    def leave(self, waiter: Waiter[T]) -> None:
        """Stand in line no longer, from whatever place; whoever does not is not missed."""
        line = self._line(waiter)
        if waiter in line:
            del line[waiter]
            self.total -= 1

    def take(self, waiter: Waiter[T], now: float) -> None:
        """The head is let in."""
        self._share.turn(waiter.priority, now)
        self.leave(waiter)

    def head(self, now: float) -> Waiter[T] | None:
        """Who goes next: the first in line of the class whose turn it is; None = nobody waits."""
        heads = [first for p in CLASSES if (first := self._first(p)) is not None]
        if len(heads) < 2:
            return heads[0] if heads else None
        turn = self._share.next([head.priority for head in heads], now)
        return next(head for head in heads if head.priority is turn)

    def last_below(self, priority: Priority) -> Waiter[T] | None:
        """Who gives way to a newcomer of this class: the last in line of the lowest class below."""
        for lower in reversed(CLASSES[priority + 1 :]):
            for lines in (self._arrivals, self._retries):
                if lines[lower]:
                    return next(reversed(lines[lower]))
        return None

    def _line(self, waiter: Waiter[T]) -> _Line[T]:
        return (self._retries if waiter.again else self._arrivals)[waiter.priority]

    def _first(self, priority: Priority) -> Waiter[T] | None:
        """The first who is not done; those before it leave."""
        for line in (self._retries[priority], self._arrivals[priority]):
            while line:
                waiter = next(iter(line))
                if not waiter.future.done():
                    return waiter
                self.leave(waiter)
        return None
