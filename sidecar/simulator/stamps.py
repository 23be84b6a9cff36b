"""Ids and dates of answers: fresh ones, or always the same for the same request."""

import random
from datetime import UTC, datetime
from email.utils import format_datetime

from sidecar.clock import Clock

_FIXED_TIME = datetime(2024, 1, 1, tzinfo=UTC)
_ID_BITS = 96


class Stamps:
    """Makes what would otherwise differ from one answer to the next."""

    def __init__(self, clock: Clock, dice: random.Random, *, deterministic: bool) -> None:
        self._clock = clock
        self._dice = dice
        self._deterministic = deterministic
        self._date_of = 0
        self._date = ""

    def wall(self) -> datetime:
        """The time of day, aware, UTC."""
        return _FIXED_TIME if self._deterministic else self._clock.wall()

    def new_id(self, seed: int) -> str:
        """24 hex digits."""
        bits = random.Random(seed).getrandbits(_ID_BITS) if self._deterministic else self._fresh()
        return f"{bits:024x}"

    def seed(self, seed: int) -> int | None:
        """The seed itself where everything depends on the request alone; else None."""
        return seed if self._deterministic else None

    def _fresh(self) -> int:
        return self._dice.getrandbits(_ID_BITS)

    def date(self, now: datetime) -> str:
        """The value of the `date` header; made once a second."""
        second = int(now.timestamp())
        if second != self._date_of:
            self._date_of = second
            self._date = format_datetime(now.replace(microsecond=0), usegmt=True)
        return self._date

    def millis(self, seconds: float) -> str:
        """A measured time for a header, in whole milliseconds."""
        return "10" if self._deterministic else str(int(seconds * 1000))
