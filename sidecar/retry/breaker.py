"""Remembers who is out of quota, so that calls which cannot succeed are not made.

A breaker is *open* from a quota rejection until its time is over, then *half-open*: one call, the
probe, may try. What the provider serves closes it, another quota rejection opens it again.
A probe that tells nothing leaves the door half-open for the next one.
"""

import math
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")

_FIRST = 15.0
_LONGEST = 60.0
"""Seconds a breaker stays open where the provider states no reset: twice as long each time, up to a
minute, for money can be paid in at any moment."""

_LONGEST_STATED = 3600.0
"""Seconds: a reset further away is tried for every hour; limits are raised by hand, too."""

_FORGOTTEN = 3600.0
"""Seconds after its time in which a breaker must have been probed; who never came back is gone."""

_MOST = 256
"""Breakers at once: credentials are client input."""


class _Breaker(Generic[Answer]):
    __slots__ = ("answer", "length", "probing", "until")

    def __init__(self) -> None:
        self.answer: Answer
        self.length = _FIRST / 2
        self.until = math.inf
        self.probing = False


class QuotaBreakers(Generic[Key, Answer]):
    """Breakers by key (who calls what); only those that are not closed exist."""

    def __init__(self) -> None:
        self._breakers: dict[Key, _Breaker[Answer]] = {}

    def __repr__(self) -> str:
        return f"<QuotaBreakers {len(self._breakers)} open>"

    def __bool__(self) -> bool:
        """Whether any is open: the question of every call."""
        return bool(self._breakers)

    def refusal(self, key: Key, now: float) -> Answer | None:
        """The provider's own refusal while the breaker is open or being probed; None = go on."""
        breaker = self._breakers.get(key)
        if breaker is None or (now >= breaker.until and not breaker.probing):
            if breaker is not None and now >= breaker.until + _FORGOTTEN:
                del self._breakers[key]
            return None
        return breaker.answer

    def retry_after(self, key: Key, now: float) -> float:
        """Seconds until a probe may go, 0 or more."""
        breaker = self._breakers.get(key)
        return max(0.0, breaker.until - now) if breaker else 0.0

    def sending(self, key: Key) -> bool:
        """A call that was not refused is being sent; tells whether it is the probe."""
        breaker = self._breakers.get(key)
        if breaker is None:
            return False
        breaker.probing = True
        return True

    def exhausted(self, key: Key, answer: Answer, reset: float | None, now: float) -> bool:
        """The provider refused for want of quota; `reset` = seconds until it is there again.

        Tells whether the breaker opened (again); what was sent before it did is no news.
        """
        breaker = self._breakers.get(key)
        if breaker is None:
            self._make_room(now)
            breaker = self._breakers[key] = _Breaker()
        elif now < breaker.until and not breaker.probing:
            return False
        breaker.length = min(breaker.length * 2, _LONGEST)
        breaker.until = now + (breaker.length if reset is None else min(reset, _LONGEST_STATED))
        breaker.answer = answer
        breaker.probing = False
        return True

    def _make_room(self, now: float) -> None:
        for key, breaker in list(self._breakers.items()):
            if now >= breaker.until + _FORGOTTEN:
                del self._breakers[key]
        if len(self._breakers) >= _MOST:
            del self._breakers[next(iter(self._breakers))]

    def served(self, key: Key) -> None:
        """The probe was answered with anything but a quota rejection: closed."""
        self._breakers.pop(key, None)

    def told_nothing(self, key: Key) -> None:
        """The probe ended without an answer: the next call is the probe."""
        breaker = self._breakers.get(key)
        if breaker is not None:
            breaker.probing = False
