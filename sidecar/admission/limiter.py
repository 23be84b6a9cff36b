"""Grants permits under the current limit; what exceeds it waits in arrival order.

Invariants, all of which hold between any two `await`s:

- `in_flight` counts the tickets that the law has started and not yet settled;
- a waiter is in `_waiters` exactly as long as its future is pending;
- a request never overtakes: who finds waiters, waits.

Everything that changes state is synchronous, so the only interleavings that matter are those of a
waiter's future with its task:

- *Cancelled while waiting*: the future is cancelled with the task; the waiter leaves the queue.
- *Cancelled in the tick of the hand-over*: the future already holds a ticket, but the task will
  never see it. `acquire` gives the ticket back, and the place goes to the next waiter.
- *Timed out in the tick of the hand-over*: `_admit` has taken the waiter out of the queue, so
  `_expire` finds nothing to do and the ticket stands.
- *Released in the tick of a cancel*: the cancelled future is still queued; `_admit` skips it.
- *A pause ends between the question and the queueing*: whoever joins the queue asks again. With
  nothing in flight nobody else would, and the queue would stand for ever.

Waiters stand in an OrderedDict: first out and removal from the middle are both O(1), so that
admitting one costs the same with 10 waiters and with 10,000.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sidecar.admission import LimitKey
from sidecar.admission.queue_speed import QueueSpeed
from sidecar.control.law import (
    IGNORED,
    ExportedLaw,
    LatencyKind,
    LimitChange,
    Ticket,
    Verdict,
)
from sidecar.errors import ShedError
from sidecar.events import LimitChanged, Observer
from sidecar.outcomes import ShedReason

_Waiter = asyncio.Future[Ticket]


class Permit:
    """The right to one attempt in flight, held to the last byte.

    Leaving the context unsettled means IGNORED; settling twice is harmless.
    """

    __slots__ = ("_limiter", "_settled", "ticket")

    def __init__(self, limiter: "Limiter", ticket: Ticket) -> None:
        self._limiter = limiter
        self._settled = False
        self.ticket = ticket

    def measure(self, latency: float, kind: LatencyKind) -> None:
        """Report a latency in seconds (or seconds per token); at most once, before `settle`."""
        self._limiter.measure(self.ticket, latency, kind)

    def settle(self, verdict: Verdict) -> None:
        """Report the attempt's ending and free its place."""
        if not self._settled:
            self._settled = True
            self._limiter.settle(self.ticket, verdict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.settle(IGNORED)


class Limiter:
    """One (upstream, model)'s places in flight and its queue."""

    def __init__(
        self,
        key: LimitKey,
        law: ExportedLaw,
        *,
        max_waiting: int,
        loop: asyncio.AbstractEventLoop,
        observer: Observer,
        draw: Callable[[], float],
    ) -> None:
        self.key = key
        self.law = law
        self.in_flight = 0
        self.idle_since = loop.time()
        """Loop seconds since when nothing is in flight; meaningless while something is."""
        self._max_waiting = max_waiting
        self._loop = loop
        self._now = loop.time
        self._observer = observer
        self._draw = draw
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._speed = QueueSpeed(loop.time())
        self._alarm: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return (
            f"<Limiter {self.key.upstream}/{self.key.model} {self.in_flight}/{self.law.limit}"
            f" in flight, {self.waiting} waiting>"
        )

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiters)

    async def acquire(self, *, max_wait: float, late: ShedReason) -> Permit:
        """A permit, at once or after waiting at most `max_wait` seconds; negative = it is too late.

        Raises ShedError: QUEUE_FULL at once, or `late` when the time is up.
        """
        if max_wait < 0:
            raise self._shed(late)
        if not self._waiters:
            now = self._now()
            if self.law.wait(self.in_flight, now) <= 0:
                return Permit(self, self._start(now))
        return Permit(self, await self._queue(max_wait, late))

    async def _queue(self, max_wait: float, late: ShedReason) -> Ticket:
        if len(self._waiters) >= self._max_waiting:
            raise self._shed(ShedReason.QUEUE_FULL)
        if max_wait <= 0:
            raise self._shed(late)
        waiter: _Waiter = self._loop.create_future()
        self._waiters[waiter] = None
        timer = self._loop.call_later(max_wait, self._expire, waiter, late)
        self._admit()  # asks again: the wait that led here may be over, and nobody else would ask
        try:
            return await waiter
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        finally:
            timer.cancel()

    def _leave(self, waiter: _Waiter) -> None:
        """The waiter's task was cancelled; a ticket that it already holds goes back."""
        if waiter.cancelled():
            self._waiters.pop(waiter, None)
        elif waiter.exception() is None:
            self.settle(waiter.result(), IGNORED)

    def _expire(self, waiter: _Waiter, late: ShedReason) -> None:
        if not waiter.done():
            del self._waiters[waiter]
            waiter.set_exception(self._shed(late))

    def _shed(self, reason: ShedReason) -> ShedError:
        return ShedError(reason, retry_after=self._speed.wait(len(self._waiters), self._now()))

    def _start(self, now: float) -> Ticket:
        self.in_flight += 1
        return self.law.start(in_flight=self.in_flight, waiting=len(self._waiters), now=now)

    def _admit(self) -> None:
        """Let in as many waiters as may go now, in order."""
        while self._waiters:
            now = self._now()
            wait = self.law.wait(self.in_flight, now)
            if wait > 0:
                self._set_alarm(now, wait)
                return
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                self._speed.admitted(now)
                waiter.set_result(self._start(now))

    def _set_alarm(self, now: float, wait: float) -> None:
        """While a pause runs nothing settles: have somebody ask again when it ends.

        A later pause may be the shorter one: of two alarms the earlier one counts, and on ringing
        it sets the next.
        """
        if wait == math.inf:  # what is in flight will settle
            return
        if self._alarm is not None:
            if self._alarm.when() <= now + wait:
                return
            self._alarm.cancel()
        self._alarm = self._loop.call_later(wait, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._admit()

    def measure(self, ticket: Ticket, latency: float, kind: LatencyKind) -> None:
        """Tell the law a latency; it may raise the limit at once."""
        change = self.law.measure(ticket, latency=latency, kind=kind, now=self._now())
        if change is not None:
            self._tell(change)
        self._admit()  # a probe's first byte may also have ended a pause

    def settle(self, ticket: Ticket, verdict: Verdict) -> None:
        """Tell the law an ending, free the place, let the next ones in under the new limit."""
        now = self._now()
        try:
            change = self.law.settle(
                ticket,
                verdict,
                in_flight=self.in_flight,
                waiting=len(self._waiters),
                now=now,
                draw=self._draw(),
            )
        finally:
            self.in_flight -= 1
            self.idle_since = now
            self._admit()
        if change is not None:
            self._tell(change)

    def _tell(self, change: LimitChange) -> None:
        self._observer.notify(
            LimitChanged(
                self.key.upstream, self.key.model, change.before, change.after, change.reason
            )
        )
