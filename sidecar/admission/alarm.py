"""Wakes somebody once, at the earliest of the moments that were asked for."""

import asyncio
import math
from collections.abc import Callable

_TICK = 0.001
"""Seconds: uvloop's clock and timers know whole milliseconds. It takes a timer that is due within
half of one as due at once, and an alarm would ring hundreds of times before its moment comes."""


class Alarm:
    """One timer at most. It may ring for nothing, where a moment was later put off; never late."""

    __slots__ = ("_handle", "_loop", "_wake")

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._handle: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Alarm {'off' if self._handle is None else f'at {self._handle.when():.3f} s'}>"

    def ring_in(self, seconds: float) -> None:
        """Ring then at the latest; infinity = there is no need to."""
        if seconds == math.inf:
            return
        delay = math.ceil(seconds / _TICK) * _TICK
        if self._handle is not None:
            if self._handle.when() <= self._loop.time() + delay:
                return
            self._handle.cancel()
        self._handle = self._loop.call_later(delay, self._ring)

    def _ring(self) -> None:
        self._handle = None
        self._wake()
