"""Which class of priority goes next: shares of place-time, so that none starves.

What is shared is the time for which places are held, not the number of starts: a place lent to a
long stream is gone for long. Each class has had so many place-seconds since the queue formed, those
still in flight counted up to now; divided by the class's weight that is its virtual time, and of
those who wait the class with the least goes next. While all three wait, 16, 4 and 1 of every 21
place-seconds are theirs, however long their calls are and however few places there are.

- *No credit for idleness*: a class that begins to wait starts at the level, which is the virtual
  time at which the last turn was given, unless it is ahead of that. The level is not that of the
  others who wait: a class whose only waiter was let in a moment ago comes back for what is due to
  it, while others may be far ahead by one long stream.
- *No debt from quiet times*: a queue that has emptied has served everybody; with the next waiter
  all accounts begin at zero. What is in flight by then counts from that moment on.
- *Bursts are shared too*: places that come free in one instant (a pause ends, the limit jumps) have
  cost no time yet, and by time alone one class would get them all. So every attempt in flight, and
  the one whose turn is in question, counts a second in advance; an ended one counts what it took.
"""

from collections.abc import Collection

from sidecar.outcomes import Priority

CLASSES = tuple(Priority)

WEIGHTS = (16.0, 4.0, 1.0)
"""Parts of the place-time, by priority: a class gets four times as much as the one below it."""

_ADVANCE = 1.0
"""Seconds that an attempt is taken to last from now on: a short LLM call."""


class FairShare:
    """The place-time of each class, in two numbers: every operation costs the same."""

    __slots__ = ("_held", "_level", "_starts")

    def __init__(self) -> None:
        self._held = [0] * len(CLASSES)
        """Places held now."""
        self._starts = [0.0] * len(CLASSES)
        """Sum of all starts less sum of all endings: `held * now - starts` is the place-time."""
        self._level = 0.0

    def __repr__(self) -> str:
        held = ", ".join(f"{p.name.lower()} {self._held[p]}" for p in CLASSES)
        return f"<FairShare holding {held}>"

    def started(self, priority: Priority, now: float) -> None:
        """One of this class takes a place."""
        self._held[priority] += 1
        self._starts[priority] += now

    def ended(self, priority: Priority, now: float) -> None:
        """One of this class gives its place back."""
        self._held[priority] -= 1
        self._starts[priority] -= now

    def begin(self, now: float) -> None:
        """A queue forms: all accounts are at zero."""
        self._starts = [held * now for held in self._held]
        self._level = 0.0

    def join(self, priority: Priority, now: float) -> None:
        """A class begins to wait where others do: behind the level it is lifted to it."""
        behind = self._level - self._virtual_time(priority, now)
        if behind > 0:
            self._starts[priority] -= behind * WEIGHTS[priority]

    def next(self, waiting: Collection[Priority], now: float) -> Priority:
        """Whose turn it is among these (1 or more)."""
        return min(waiting, key=lambda p: self._virtual_time(p, now, self._held[p] + 1))

    def turn(self, priority: Priority, now: float) -> None:
        """One of this class is let in from the queue; `started` follows."""
        self._level = self._virtual_time(priority, now)

    def _virtual_time(self, priority: Priority, now: float, in_advance: int = 0) -> float:
        """Place-seconds since the queue formed, per unit of weight."""
        had = self._held[priority] * now - self._starts[priority]
        return (had + in_advance * _ADVANCE) / WEIGHTS[priority]
