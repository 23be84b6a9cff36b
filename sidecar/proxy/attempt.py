"""One exchange with a provider under one permit: send, look at the answer, settle.

What the provider serves goes to the app at once. What it refuses is held back and reported, for the
pipeline to decide whether to try again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from sidecar.admission.permit import Permit
from sidecar.clock import Clock
from sidecar.control.law import FAILED, IGNORED, Verdict
from sidecar.dialects import Dialect
from sidecar.dialects.base import BYTES_PER_TOKEN
from sidecar.errors import (
    ClientGoneError,
    ConnectError,
    ConnectTimeoutError,
    DeadlineError,
    NoAnswerError,
    StreamBrokenError,
    UpstreamError,
    UpstreamProtocolError,
)
from sidecar.events import AttemptFinished, BugFound, Observer
from sidecar.outcomes import Endpoint, RejectionKind, UsageSource
from sidecar.proxy.answer import AnswerTap, Ending, verdict_of
from sidecar.proxy.held import HeldAnswer
from sidecar.proxy.record import RequestRecord, request_status
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.retry.policy import Failure
from sidecar.tokens import Usage
from sidecar.upstream.headers import response_headers
from sidecar.upstream.transport import BodySink, Transport, UpstreamRequest, UpstreamResponse

_TRANSIENT = Failure(RejectionKind.TRANSIENT)

_YES_NO = {b"true": True, b"false": False}
"""What a provider's `x-should-retry` may say."""

_UNANSWERED = (ConnectError, ConnectTimeoutError, NoAnswerError)
"""No byte of an answer came: no connection, or one that was cut off. An answer that is no HTTP, like
silence, is none of these: that call may have been served, and paid for."""

_PATIENCE = 2.0
"""Seconds in which the body of an error answer must be complete to be held back."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt that failed before anything was said to the app."""

    failure: Failure
    answer: HeldAnswer | UpstreamError
    """The provider's, or why there is no whole one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every attempt of a sidecar uses."""

    transport: Transport
    clock: Clock
    observer: Observer


class Attempt:
    """One exchange under one permit."""

    def __init__(
        self,
        around: Surroundings,
        dialect: Dialect,
        permit: Permit,
        record: RequestRecord,
        sink: AppSink,
        *,
        endpoint: Endpoint,
    ) -> None:
        self._around = around
        self._dialect = dialect
        self._permit = permit
        self._record = record
        self._sink = sink
        self._endpoint = endpoint
        self._head_status: int | None = None
        self._first_byte_at: float | None = None
        self._rejection: RejectionKind | None = None
        self._usage: Usage | None = None
        self._usage_source: UsageSource | None = None
        self._timeout: asyncio.Timeout

    async def run(
        self, request: UpstreamRequest, deadline: float | None
    ) -> AnsweredResponse | Refused:
        """Exchange, then either relay or report why not; `deadline` is the loop time by which the
        answer must have begun.

        Raises SidecarError where nothing should be tried again, or the sink must be aborted.
        """
        record = self._record
        record.attempts += 1
        if record.sent is None:
            record.sent = self._around.clock.now()
        try:
            async with self._exchange(request, deadline) as response:
                self._head_status = response.head.status
                self._listen(response)
                if response.head.status >= 400:
                    return await self._refused(response)
                return await self._served(response, request)
        except _UNANSWERED as error:
            return self._unsent(error)
        except (UpstreamProtocolError, StreamBrokenError):
            self._rejection = self._rejection or RejectionKind.TRANSIENT
            self._settle(FAILED)
            raise
        finally:
            self._settle(IGNORED)  # if nothing did: the place is free before anybody is told
            self._report()

    @asynccontextmanager
    async def _exchange(
        self, request: UpstreamRequest, deadline: float | None
    ) -> AsyncIterator[UpstreamResponse]:
        exchange = self._around.transport.exchange(request)
        try:
            async with asyncio.timeout_at(deadline) as self._timeout, exchange as response:
                yield response
        except TimeoutError as error:
            raise DeadlineError("the deadline passed before the answer began") from error

    def _listen(self, response: UpstreamResponse) -> None:
        """What the head says about the provider's limits is for the limiter."""
        if not self._permit.listens:
            return
        try:
            wall = self._around.clock.wall()
            allowances = self._dialect.allowances(response.head.headers, wall)
            if allowances:
                self._permit.told(allowances)
        except Exception as error:  # noqa: BLE001  # looking on must not fail a request
            self._around.observer.notify(BugFound(error))

    # -- served -----------------------------------------------------------------------------------

    async def _served(
        self, response: UpstreamResponse, request: UpstreamRequest
    ) -> AnsweredResponse:
        self._begin(response)
        tap = AnswerTap(
            response.head,
            self._dialect,
            self._permit,
            self._sink,
            self._around.clock.now,
            endpoint=self._endpoint,
            prompt_tokens=_prompt_tokens(request),
        )
        try:
            await response.relay(tap)
        except BaseException:  # also that the app left: what was generated until then is paid for
            self._broke_off(tap)
            raise
        finally:
            self._first_byte_at = tap.first_byte_at
        self._end(tap)
        return self._sink.finish(response.trailers)

    def _begin(self, response: UpstreamResponse) -> BodySink:
        """Begin the answer to the app: from here on there is no way back."""
        self._timeout.reschedule(None)
        record, head = self._record, response.head
        record.http_status = head.status
        self._sink.start(head, response_headers(head.headers))
        return self._sink

    def _end(self, tap: AnswerTap) -> None:
        try:
            ending = tap.finish()
        except Exception as error:  # noqa: BLE001  # the app has its answer; only the law goes without
            self._around.observer.notify(BugFound(error))
            ending = Ending(IGNORED)
        self._rejection = ending.rejection
        self._usage, self._usage_source = ending.usage, ending.usage_source
        self._settle(ending.verdict, used_tokens=ending.tokens)
        self._record.status = request_status(self._record.http_status or 0, self._rejection)

    def _broke_off(self, tap: AnswerTap) -> None:
        try:
            self._usage = tap.broken()
        except Exception as error:  # noqa: BLE001  # counting must not hide why it broke off
            self._around.observer.notify(BugFound(error))
            return
        if self._usage is not None:
            self._usage_source = UsageSource.ESTIMATED

    # -- refused ----------------------------------------------------------------------------------

    async def _refused(self, response: UpstreamResponse) -> AnsweredResponse | Refused:
        """Hold the answer back, for a while at most: the head is there, and with it the deadline met."""
        now, deadline = self._around.clock.now(), self._timeout.when()
        self._timeout.reschedule(None)
        patience = _PATIENCE if deadline is None else min(_PATIENCE, max(0.0, deadline - now))
        held = HeldAnswer(
            response.head, lambda: self._let_go(response, held), now=self._around.clock.now
        )
        timer = asyncio.get_running_loop().call_later(patience, _hurry, held)
        try:
            await response.relay(held)
        except StreamBrokenError as error:
            if held.gone:
                raise
            return Refused(self._judge(held), error)
        finally:
            timer.cancel()
            self._first_byte_at = held.first_byte_at
        held.trailers = response.trailers
        if held.gone:
            self._record.status = request_status(held.head.status, self._rejection)
            return self._sink.finish(held.trailers)
        return Refused(self._judge(held), held)

    def _let_go(self, response: UpstreamResponse, held: HeldAnswer) -> BodySink:
        """It is judged by what is there, so that the limit hears of it at once."""
        self._judge(held)
        return self._begin(response)

    def _judge(self, held: HeldAnswer) -> Failure:
        """What the refusal means: for the law, which is told, and for a retry."""
        failure = self._failure(held)
        broken = held.head.status >= 500
        verdict = verdict_of(failure.kind, broken=broken, retry_after=failure.retry_after)
        self._settle(verdict, used_tokens=0)
        return failure

    def _failure(self, held: HeldAnswer) -> Failure:
        head, wall = held.head, self._around.clock.wall()
        said = _YES_NO.get(head.get(b"x-should-retry") or b"")
        try:
            rejection = self._dialect.classify(head.status, head.get, held.document(), wall=wall)
        except Exception as error:  # noqa: BLE001  # an answer that makes us stumble passes all the same
            self._around.observer.notify(BugFound(error))
            return Failure(None)
        if rejection is None:
            return Failure(None, None, said)
        self._rejection = rejection.kind
        return Failure(rejection.kind, rejection.retry_after, said)

    def _unsent(self, error: UpstreamError) -> Refused:
        """Not a byte of an answer came; nothing was used unless the request was sent."""
        self._rejection = RejectionKind.TRANSIENT
        connected = isinstance(error, NoAnswerError)
        self._settle(FAILED, used_tokens=None if connected else 0)
        return Refused(_TRANSIENT, error)

    # -- both -------------------------------------------------------------------------------------

    @property
    def rejection(self) -> RejectionKind | None:
        """What the provider rejected it for, in an answer that went to the app too."""
        return self._rejection

    def _settle(self, verdict: Verdict, *, used_tokens: int | None = None) -> None:
        """Free the place; what goes wrong in the law is no reason to fail the request."""
        try:
            self._permit.settle(verdict, used_tokens=used_tokens)
        except Exception as error:  # noqa: BLE001
            self._around.observer.notify(BugFound(error))

    def _report(self) -> None:
        record, first_byte = self._record, self._first_byte_at
        record.first_byte = first_byte
        if self._usage is not None:
            record.used(self._usage)
        self._around.observer.notify(
            AttemptFinished(
                upstream=record.upstream,
                model=record.model,
                http_status=self._head_status,
                rejection=self._rejection,
                first_byte=None if first_byte is None else first_byte - self._permit.ticket.sent_at,
                usage=self._usage,
                usage_source=self._usage_source,
            )
        )


def _prompt_tokens(request: UpstreamRequest) -> int:
    """A guess from the body's size; 0 for uploads that stream through."""
    body = request.body
    return len(body) // BYTES_PER_TOKEN if isinstance(body, bytes) else 0


def _hurry(held: HeldAnswer) -> None:
    """The app has waited long enough for a whole error answer."""
    with suppress(ClientGoneError):  # it did not: its task is being cancelled
        held.let_go()
