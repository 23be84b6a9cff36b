"""Grants permits under the current limit and rates; what exceeds them waits in line.

An attempt may start when the law has a place for it and the rates bear it. Who must wait stands in
the line of its class (`waiting_line`): retries ahead of new arrivals, both in order. Whose class's
turn it is, the shares say (`fair_share`); the first of that line is the *head*. The head alone
decides whether anybody may go: no smaller call overtakes a large one that waits for its tokens, or
that one would wait for ever.

Invariants, all of which hold between any two `await`s:

- `in_flight` counts the permits that the law has started and not yet settled, each with its place
  in the shares and its reservation; who has not started has reserved nothing;
- a waiter stands in line as long as its future is pending; a cancelled one perhaps a tick longer;
- nobody overtakes: who finds waiters, waits;
- when it was last asked, the head could not go yet, and if its time was known, an alarm is set no
  later than that.

The last one is `_admit`'s work, and whatever may change the answer ends there: a place given back,
a latency, headers, an alarm, a newcomer, and *a waiter that leaves*: the next one may want fewer
tokens. By time alone nothing gets worse than late: a turn may pass to another class while the head
waits, and is given to it at the next of these events, at the latest at the alarm.

Everything that changes state is synchronous, so the only interleavings that matter are those of a
waiter's future with its task:

- *Cancelled while waiting*: the future is cancelled with the task; the waiter leaves the line.
- *Cancelled in the tick of the hand-over*: the future already holds a permit, but the task will
  never see it. Nothing was sent: its reservation is refunded, and its place goes to the next.
- *Timed out, or displaced by a newcomer, in the tick of the hand-over*: it stands in line no
  longer, so nobody finds it there, and the permit stands.
- *Released, or displaced, in the tick of a cancel*: the cancelled future is still in line. It is
  never the head, and displacing it makes room but refuses nobody.
- *Cancelled in the tick of its refusal* (timed out, displaced): the refusal is never seen.
- *Timed out and displaced in one tick*: refused once, for what came first.
- *A pause ends between the question and the queueing*: whoever joins the line asks again. With
  nothing in flight nobody else would, and the line would stand for ever.
- *A retry, or a higher class, enters while an alarm is set*: it may be the head now. If its time
  comes earlier, so does the alarm; if later, the alarm rings for nothing and is set again.
- *Headers shorten or lengthen a wait while an alarm is set*: the same.
"""

import asyncio
import math
from collections.abc import Callable, Iterable

from sidecar.admission import LimitKey
from sidecar.admission.alarm import Alarm
from sidecar.admission.fair_share import FairShare
from sidecar.admission.permit import Permit
from sidecar.admission.queue_speed import QueueSpeed
from sidecar.admission.waiting_line import Tokens, Waiter, WaitingLine
from sidecar.control.allowance import Allowance
from sidecar.control.law import IGNORED, ExportedLaw, LatencyKind, LimitChange, Ticket, Verdict
from sidecar.control.rates import Rates
from sidecar.errors import ShedError
from sidecar.events import LimitChanged, Observer, RequestQueued
from sidecar.outcomes import Priority, ShedReason, WaitReason


class Limiter:
    """One (upstream, model)'s places in flight and its queue."""

    def __init__(
        self,
        key: LimitKey,
        law: ExportedLaw,
        rates: Rates,
        *,
        max_waiting: int,
        loop: asyncio.AbstractEventLoop,
        observer: Observer,
        draw: Callable[[], float],
    ) -> None:
        self.key = key
        self.law = law
        self.rates = rates
        self.in_flight = 0
        self.idle_since = loop.time()
        """Loop seconds since when nothing is in flight; meaningless while something is."""
        self._max_waiting = max_waiting
        self._loop = loop
        self._now = loop.time
        self._observer = observer
        self._draw = draw
        self._share = FairShare()
        self._line: WaitingLine[Permit] = WaitingLine(self._share)
        self._speed = QueueSpeed(loop.time())
        self._alarm = Alarm(loop, self._admit)

    def __repr__(self) -> str:
        return (
            f"<Limiter {self.key.upstream}/{self.key.model} {self.in_flight}/{self.law.limit}"
            f" in flight, {self.waiting} waiting>"
        )

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._line.total

    def waiting_by(self, priority: Priority) -> int:
        """Requests of one class in the queue."""
        return self._line.count(priority)

    @property
    def wait_reason(self) -> WaitReason | None:
        """What the head of the line waits for now; None when nobody waits."""
        now = self._now()
        wait = self.law.wait(self.in_flight, now)
        head = self._line.head(now)
        if head is None:
            return None
        if self.rates.wait(head.tokens, now) > wait:
            return self.rates.reason(head.tokens, now)
        return self.law.wait_reason(now)

    def free(self, tokens: int) -> bool:
        """Whether a request with so many LLM tokens to reserve would get a permit at once, now."""
        now = self._now()
        return (
            not self._line.total
            and self.law.wait(self.in_flight, now) <= 0
            and self.rates.wait(tokens, now) <= 0
        )

    async def acquire(
        self,
        *,
        max_wait: float,
        late: ShedReason,
        priority: Priority = Priority.NORMAL,
        tokens: Tokens = 0,
        again: bool = False,
    ) -> Permit:
        """A permit, at once or after waiting at most `max_wait` seconds; negative = it is too late.

        `tokens` are the LLM tokens to reserve when it is given; `again` = this is a retry.
        Raises ShedError: QUEUE_FULL, or `late` when the time is up.
        """
        if max_wait < 0:
            raise self._shed(late)
        now_wanted = tokens if isinstance(tokens, int) else tokens()
        if self.free(now_wanted):
            return self._start(now_wanted, priority, self._now())
        if max_wait == 0:
            raise self._shed(late)
        self._make_room(priority)
        waiter: Waiter[Permit] = Waiter(self._loop.create_future(), priority, tokens, again)
        return await self._queue(waiter, max_wait, late)

    def _make_room(self, priority: Priority) -> None:
        """In a full queue somebody of a lower class gives way, else the newcomer is refused."""
        if self._line.total < self._max_waiting:
            return
        last = self._line.last_below(priority)
        if last is None:
            raise self._shed(ShedReason.QUEUE_FULL)
        self._refuse(last, ShedReason.QUEUE_FULL)

    async def _queue(self, waiter: Waiter[Permit], max_wait: float, late: ShedReason) -> Permit:
        self._line.join(waiter, self._now())
        timer = self._loop.call_later(max_wait, self._expire, waiter, late)
        try:
            self._admit()  # asks again: see the essay
            if not waiter.future.done() and (reason := self.wait_reason):
                self._observer.notify(RequestQueued(*self.key, reason))
            return await waiter.future
        except BaseException:
            self._leave(waiter)
            raise
        finally:
            timer.cancel()

    def _leave(self, waiter: Waiter[Permit]) -> None:
        """The waiter's task goes without a permit; one that it holds already goes back."""
        future = waiter.future
        if future.cancelled() or not future.done():
            self._line.leave(waiter)
            self._admit()
        elif future.exception() is None:
            future.result().refund()

    def _expire(self, waiter: Waiter[Permit], late: ShedReason) -> None:
        if not waiter.future.done():
            self._refuse(waiter, late)
            self._admit()

    def _refuse(self, waiter: Waiter[Permit], reason: ShedReason) -> None:
        self._line.leave(waiter)
        if not waiter.future.done():
            waiter.future.set_exception(self._shed(reason))

    def _shed(self, reason: ShedReason) -> ShedError:
        return ShedError(reason, retry_after=self._speed.wait(self._line.total, self._now()))

    def _start(self, tokens: int, priority: Priority, now: float) -> Permit:
        in_flight = self.in_flight + 1  # it counts once nothing can fail any more
        ticket = self.law.start(in_flight=in_flight, waiting=self._line.total, now=now)
        permit = Permit(self, ticket, self.rates.started(tokens, now), priority)
        self.in_flight = in_flight
        self._share.started(priority, now)
        return permit

    def _admit(self) -> None:
        """Let in as many waiters as may go now, each when it is the head."""
        while self._line.total:
            now = self._now()
            wait = self.law.wait(self.in_flight, now)
            if wait == math.inf:  # what is in flight will settle; whose turn it is, is asked then
                return
            head = self._line.head(now)
            if head is None:
                return
            wait = max(wait, self.rates.wait(head.tokens, now))
            if wait > 0:  # perhaps nothing is in flight, and nobody else will ask
                self._alarm.ring_in(wait)
                return
            self._line.take(head, now)
            self._speed.admitted(now)
            head.future.set_result(self._start(head.tokens, head.priority, now))

    def measure(self, ticket: Ticket, latency: float, kind: LatencyKind) -> None:
        """Tell the law a latency; it may raise the limit at once."""
        change = self.law.measure(ticket, latency=latency, kind=kind, now=self._now())
        if change is not None:
            self._tell(change)
        self._admit()  # a probe's first byte may also have ended a pause

    @property
    def listens(self) -> bool:
        """Whether what an answer's headers say of rate limits is of use now."""
        return self.rates.listens(self._now())

    def told(self, ticket: Ticket, allowances: Iterable[Allowance]) -> None:
        """Tell the rates what the provider said; it may let the head go, or hold it longer."""
        self.rates.told(allowances, sent_at=ticket.sent_at, now=self._now())
        self._admit()

    def settle(self, permit: Permit, verdict: Verdict, used_tokens: int | None) -> None:
        """Tell law and rates an ending, free the place, let in the next under the new limit."""
        now = self._now()
        try:
            change = self.law.settle(
                permit.ticket,
                verdict,
                in_flight=self.in_flight,
                waiting=self._line.total,
                now=now,
                draw=self._draw(),
            )
            if permit.reservation is not None:  # most have none
                self.rates.settled(permit.reservation, used=used_tokens, now=now)
        finally:
            self.in_flight -= 1
            self._share.ended(permit.priority, now)
            self.idle_since = now
            self._admit()
        if change is not None:
            self._tell(change)

    def refund(self, permit: Permit) -> None:
        """Nothing was sent: what was reserved was not used."""
        reservation, permit.reservation = permit.reservation, None
        try:
            self.rates.refunded(reservation, self._now())
        finally:
            self.settle(permit, IGNORED, None)

    def _tell(self, change: LimitChange) -> None:
        event = LimitChanged(*self.key, change.before, change.after, change.reason)
        self._observer.notify(event)
