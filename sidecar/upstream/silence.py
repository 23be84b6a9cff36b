"""The clock that runs while a provider owes us a byte."""

import asyncio
from collections.abc import Callable


class SilenceTimer:
    """Calls `expire` when nothing touched it for `timeout` seconds.

    Touching only notes the time. One timer handle stays in the event loop however many bytes and
    exchanges pass; when it fires it looks at the note and sleeps on, or expires. So a byte costs
    one read of the clock, and an exchange no timer at all.

    `excused` is asked when the handle fires: True = the silence is not the other side's fault now,
    sleep on. Whoever ends such a phase touches the timer, so the whole timeout starts again.
    """

    __slots__ = ("_excused", "_expire", "_handle", "_loop", "_timeout", "touched_at")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout: float,
        *,
        excused: Callable[[], bool],
        expire: Callable[[], None],
    ) -> None:
        self.touched_at = 0.0
        """Loop time in seconds; set it to touch the timer without a call."""
        self._loop = loop
        self._timeout = timeout
        self._excused = excused
        self._expire = expire
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Touch it, and see to it that there is a handle."""
        self.touched_at = self._loop.time()
        if self._handle is None:
            self._handle = self._loop.call_at(self.touched_at + self._timeout, self._fire)

    def touch(self) -> None:
        """The whole timeout begins anew."""
        self.touched_at = self._loop.time()

    def stop(self) -> None:
        """Never expire."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        now = self._loop.time()
        due = (now if self._excused() else self.touched_at) + self._timeout
        if due > now:
            self._handle = self._loop.call_at(due, self._fire)
        else:
            self._handle = None
            self._expire()
