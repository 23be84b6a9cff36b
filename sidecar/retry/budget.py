"""How many retries there may be: a share of the requests, so that an outage is not multiplied."""

from collections import deque

_SPAN = 60.0
"""Seconds that are looked back on."""

_SLOT = 5.0
"""Seconds counted together: memory stays bounded, and the minute is exact to a twelfth."""

_AT_LEAST = 10
"""Retries a minute that are always allowed: a share of little traffic would be none."""


class RetryBudget:
    """Counts requests and retries of the last minute."""

    def __init__(self, share: float) -> None:
        """`share` of the requests may be retries, 0 to 1."""
        self._share = share
        self._requests = _Recent()
        self._retries = _Recent()

    def __repr__(self) -> str:
        return f"<RetryBudget {self._retries.total} retries of {self._requests.total} requests>"

    def request(self, now: float) -> None:
        """The app made a request."""
        self._requests.add(now)

    def spend(self, now: float) -> bool:
        """Take one retry out of the budget; False where there is none left."""
        requests, retries = self._requests.count(now), self._retries.count(now)
        if retries >= max(_AT_LEAST, self._share * requests):
            return False
        self._retries.add(now)
        return True


class _Recent:
    """A count over the last minute."""

    __slots__ = ("_slots", "total")

    def __init__(self) -> None:
        self._slots: deque[list[float]] = deque()  # [begin of the slot, count]
        self.total = 0

    def add(self, now: float) -> None:
        if not self._slots or now >= self._slots[-1][0] + _SLOT:
            self._expire(now)
            self._slots.append([now, 0])
        self._slots[-1][1] += 1
        self.total += 1

    def count(self, now: float) -> int:
        self._expire(now)
        return self.total

    def _expire(self, now: float) -> None:
        while self._slots and now >= self._slots[0][0] + _SPAN:
            self.total -= int(self._slots.popleft()[1])
