"""The only place that knows the order of one request's steps.

    place in the limiter → exchange with the provider → relay → verdict → place given back

- The permit is held from before the first byte to the provider until after the last byte from it;
  its context gives it back on every path, cancellation included.
- The verdict is settled before anything is counted or logged, so that no place is held meanwhile.
- When the app leaves, its task is cancelled: leaving the exchange's context closes the connection
  to the provider, which stops a paid call within milliseconds, and the permit ends IGNORED.
- Once the sink has started nothing can be said to the app but the provider's own bytes: errors
  then end in an aborted connection (`handler`), never in JSON behind half an answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sidecar.admission.limiter import Limiter, Permit
from sidecar.admission.pool import LimiterPool
from sidecar.clock import Clock
from sidecar.control.law import FAILED, IGNORED
from sidecar.dialects import Call
from sidecar.errors import ConnectError, DeadlineError, StreamBrokenError, UpstreamProtocolError
from sidecar.events import AttemptFinished, BugFound, Observer
from sidecar.outcomes import RejectionKind, RequestStatus, ShedReason
from sidecar.proxy.answer import AnswerTap
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, ClientSink
from sidecar.upstream.headers import response_headers
from sidecar.upstream.routes import Route
from sidecar.upstream.transport import (
    RawHeaders,
    Transport,
    UpstreamRequest,
    UpstreamResponse,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Takes requests through their steps."""

    pool: LimiterPool
    transport: Transport
    clock: Clock
    observer: Observer
    queue_timeout: float
    """Longest wait for a place, in seconds."""

    async def run(
        self,
        request: UpstreamRequest,
        route: Route,
        call: Call,
        *,
        admit_by: float | None,
        answer_by: float | None,
        record: RequestRecord,
        sink: ClientSink,
    ) -> AnsweredResponse:
        """Serve one request; the loop times by which it must have a place, and its answer begin.

        Raises SidecarError where the sink was not started, or must be aborted.
        """
        limiter = self.pool.limiter(route.upstream.name, call.model)
        record.model = limiter.key.model
        with await self._admit(limiter, admit_by, record) as permit:
            attempt = _Attempt(self, route, permit, record, sink)
            return await attempt.run(request, answer_by)

    async def _admit(
        self, limiter: Limiter, deadline: float | None, record: RequestRecord
    ) -> Permit:
        """A permit, within the queue's timeout and the request's own deadline."""
        asked = self.clock.now()
        max_wait, late = self.queue_timeout, ShedReason.QUEUE_TIMEOUT
        if deadline is not None and deadline - asked < max_wait:
            max_wait, late = deadline - asked, ShedReason.DEADLINE
        try:
            return await limiter.acquire(max_wait=max_wait, late=late)
        finally:
            record.queue_wait = self.clock.now() - asked


class _Attempt:
    """One exchange under one permit."""

    def __init__(
        self,
        pipeline: Pipeline,
        route: Route,
        permit: Permit,
        record: RequestRecord,
        sink: ClientSink,
    ) -> None:
        self._pipeline = pipeline
        self._dialect = route.upstream.dialect
        self._permit = permit
        self._record = record
        self._sink = sink
        self._tap: AnswerTap | None = None
        self._rejection: RejectionKind | None = None

    async def run(self, request: UpstreamRequest, deadline: float | None) -> AnsweredResponse:
        """Exchange, relay, settle."""
        self._record.attempts += 1
        self._record.sent = self._pipeline.clock.now()
        try:
            async with self._exchange(request, deadline) as response:
                self._start(response)
                tap = self._tap = self._watch(response)
                await response.relay(tap)
            self._settle(tap)
            return self._sink.finish(response.trailers)
        except (ConnectError, UpstreamProtocolError, StreamBrokenError):
            self._rejection = RejectionKind.TRANSIENT
            self._permit.settle(FAILED)
            raise
        finally:
            self._report()

    @asynccontextmanager
    async def _exchange(
        self, request: UpstreamRequest, deadline: float | None
    ) -> AsyncIterator[UpstreamResponse]:
        exchange = self._pipeline.transport.exchange(request)
        try:
            async with asyncio.timeout_at(deadline) as timeout, exchange as response:
                timeout.reschedule(None)
                yield response
        except TimeoutError as error:
            raise DeadlineError("the deadline passed before the answer began") from error

    def _start(self, response: UpstreamResponse) -> None:
        record = self._record
        record.http_status = response.head.status
        own: RawHeaders = (
            (b"x-sidecar-attempts", b"%d" % record.attempts),
            (b"x-sidecar-queue-ms", b"%d" % round((record.queue_wait or 0.0) * 1000)),
        )
        self._sink.start(response.head, [*response_headers(response.head.headers), *own])

    def _watch(self, response: UpstreamResponse) -> AnswerTap:
        now = self._pipeline.clock.now
        return AnswerTap(response.head, self._dialect, self._permit, self._sink, now)

    def _settle(self, tap: AnswerTap) -> None:
        try:
            verdict, self._rejection = tap.finish(self._pipeline.clock.wall())
            self._permit.settle(verdict)
        except Exception as error:  # noqa: BLE001  # the app has its answer; only the law goes without
            self._pipeline.observer.notify(BugFound(error))
            self._permit.settle(IGNORED)
        self._record.status = _status(self._record.http_status or 0, self._rejection)

    def _report(self) -> None:
        record = self._record
        first_byte = None if self._tap is None else self._tap.first_byte_at
        record.first_byte = first_byte
        sent = self._permit.ticket.sent_at
        self._pipeline.observer.notify(
            AttemptFinished(
                upstream=record.upstream,
                model=record.model,
                http_status=record.http_status,
                rejection=self._rejection,
                first_byte=None if first_byte is None else first_byte - sent,
            )
        )


def _status(http_status: int, rejection: RejectionKind | None) -> RequestStatus:
    """How a relayed answer counts for the app."""
    if rejection is RejectionKind.OVERLOAD:
        return RequestStatus.OVERLOADED
    if http_status == 429 or rejection in (RejectionKind.RATE, RejectionKind.RAMP):
        return RequestStatus.RATE_LIMITED
    if http_status >= 500 or (http_status < 400 and rejection is not None):
        return RequestStatus.SERVER_ERROR
    return RequestStatus.CLIENT_ERROR if http_status >= 400 else RequestStatus.OK
