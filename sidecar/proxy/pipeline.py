"""The only place that knows the order of one request's steps.

    ┌→ place in the limiter → exchange with the provider → relay → verdict → place given back
    └──────── wait ←──────── refused, and worth another attempt

- A permit is held from before the first byte to the provider until after the last byte from it;
  its context gives it back on every path, cancellation included.
- The verdict is settled before anything is counted, logged or waited for: no place is held meanwhile,
  and the limit hears of every push-back. A retry asks for a new permit, ahead of new arrivals.
- When the app leaves, its task is cancelled: leaving the exchange's context closes the connection
  to the provider, which stops a paid call within milliseconds, and the permit ends IGNORED.
- Once the sink has started nothing can be said to the app but the provider's own bytes: errors
  then end in an aborted connection (`handler`), never in JSON behind half an answer.
- When nothing more is tried, the provider's own last answer passes, unchanged but for a word to the
  app's SDK that more tries are useless: two layers of retries would multiply.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from sidecar.admission.limiter import Limiter
from sidecar.admission.permit import Permit
from sidecar.admission.pool import LimiterPool
from sidecar.dialects import Call
from sidecar.errors import ShedError, UpstreamError
from sidecar.outcomes import Priority, ShedReason
from sidecar.proxy.attempt import Attempt, Refused, Surroundings
from sidecar.proxy.exhausted import Exhausted
from sidecar.proxy.patience import Patience
from sidecar.proxy.record import RequestRecord, request_status
from sidecar.proxy.retries import Retries
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.retry.policy import GiveUp
from sidecar.upstream.headers import response_headers
from sidecar.upstream.routes import Route
from sidecar.upstream.transport import UpstreamRequest

_STOP = (b"x-should-retry", b"false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of the app, ready to be sent."""

    request: UpstreamRequest
    route: Route
    call: Call
    priority: Priority
    sdk_retries: int
    """Earlier tries of the same call by the app's own SDK."""
    admit_by: float | None
    """Loop time by which it must have a place; None = only the queue's timeout counts."""
    answer_by: float | None
    """Loop time by which its answer must have begun: no retry begins that would be too late."""
    exchange_by: float | None
    """Loop time by which the provider is given up, if it has not begun to answer."""
    own_deadline: bool
    """The app set these times itself; otherwise its SDK stops waiting then, and may try again."""
    prepare: Callable[[], Awaitable[UpstreamRequest]] | None = None
    """Makes the request to be sent in place of `request`, once the first attempt has its place."""
    reserve: Callable[[], int] | None = None
    """LLM tokens to reserve, in place of the call's: asked for again while it waits for its place."""
    together: Patience | None = None
    """What counts for retries in place of this request's own, where others share its call."""

    @property
    def patience(self) -> Patience:
        """What counts for retries, now."""
        own = Patience(self.sdk_retries, self.answer_by, self.own_deadline)
        return own if self.together is None else self.together


class Service(Protocol):
    """Serves requests: the pipeline, or what stands around it."""

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        """Serve one request.

        Raises SidecarError where the sink was not started, or must be aborted.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Takes requests through their steps. Implements Service."""

    pool: LimiterPool
    around: Surroundings
    retries: Retries
    exhausted: Exhausted
    queue_timeout: float
    """Longest wait for a place, in seconds."""

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        """See Service."""
        limiter = self.pool.limiter(ask.route.upstream.name, ask.call.model)
        record.model = limiter.key.model
        self.retries.request(limiter.key)
        return await _Run(self, ask, limiter, record, sink).serve()


class _Run:
    """One request on its way."""

    def __init__(
        self,
        house: Pipeline,
        ask: Ask,
        limiter: Limiter,
        record: RequestRecord,
        sink: AppSink,
    ) -> None:
        self._house = house
        self._ask = ask
        self._request: UpstreamRequest | None = None if ask.prepare else ask.request
        self._limiter = limiter
        self._record = record
        self._sink = sink
        self._now = house.around.clock.now

    async def serve(self) -> AnsweredResponse:
        """Attempt until there is something to tell the app."""
        refused: Refused | None = None
        while True:
            try:
                ending = await self._try(refused)
            except ShedError as error:
                if refused is None:
                    raise
                late = error.reason is ShedReason.DEADLINE
                return await self._give_up(refused, GiveUp.DEADLINE if late else GiveUp.NO_PLACE)
            if isinstance(ending, AnsweredResponse):
                return ending
            refused = ending
            wait = self._wait_after(refused)
            if isinstance(wait, GiveUp):
                return await self._give_up(refused, wait)
            await asyncio.sleep(wait)

    async def _try(self, refused: Refused | None) -> AnsweredResponse | Refused:
        """One attempt, after a refused one or the first, unless it is known that it cannot succeed.

        Raises ShedError.
        """
        exhausted, about = self._house.exhausted, (self._limiter.key, self._ask.request)
        answered = exhausted.refused(*about, self._sink, self._record)
        if answered is not None:
            return answered
        with await self._admit(again=refused is not None) as permit:
            answered = exhausted.refused(*about, self._sink, self._record)  # learned meanwhile
            if answered is not None:
                permit.refund()
                return answered
            if refused is not None:
                self._house.retries.started(refused.failure, self._limiter.key)
            dialect = self._ask.route.upstream.dialect
            attempt = Attempt(
                self._house.around,
                dialect,
                permit,
                self._record,
                self._sink,
                endpoint=self._ask.call.endpoint,
            )
            with exhausted.trial(*about) as trial:
                ending = await attempt.run(await self._prepared(), self._ask.exchange_by)
                trial.ended(ending, attempt.rejection)
                return ending

    async def _prepared(self) -> UpstreamRequest:
        """What is sent, by this attempt and all that follow."""
        if self._request is None:
            prepare = self._ask.prepare
            self._request = self._ask.request if prepare is None else await prepare()
        return self._request

    async def _admit(self, *, again: bool) -> Permit:
        """A permit, within the queue's timeout and the request's own deadline."""
        ask, asked = self._ask, self._now()
        max_wait, late = self._house.queue_timeout, ShedReason.QUEUE_TIMEOUT
        if ask.admit_by is not None and ask.admit_by - asked < max_wait:
            max_wait, late = ask.admit_by - asked, ShedReason.DEADLINE
        try:
            return await self._limiter.acquire(
                max_wait=max_wait,
                late=late,
                priority=ask.priority,
                tokens=ask.call.tokens if ask.reserve is None else ask.reserve,
                again=again,
            )
        finally:
            self._record.queued(self._now() - asked)

    def _wait_after(self, refused: Refused) -> float | GiveUp:
        """Seconds until the next attempt, or why there is none."""
        ask, patience = self._ask, self._ask.patience
        return self._house.retries.after(
            refused.failure,
            self._limiter.key,
            retries=self._record.attempts - 1,
            sdk_retries=patience.sdk_retries,
            replayable=not isinstance(ask.request.body, AsyncIterator),
            answer_by=patience.answer_by,
        )

    async def _give_up(self, refused: Refused, why: GiveUp) -> AnsweredResponse:
        """Tell the app how the last attempt ended."""
        record, sink, answer = self._record, self._sink, refused.answer
        if why is GiveUp.DEADLINE and not self._ask.patience.own_deadline:
            why = GiveUp.SDK_TIMEOUT
        retries = self._house.retries
        if isinstance(answer, UpstreamError):
            record.final = retries.stops_sdk(502, why)  # as `rescue` will answer
            raise answer
        head = answer.head
        record.http_status = head.status
        fields = list(response_headers(head.headers))
        if retries.stops_sdk(head.status, why):
            fields = [field for field in fields if field[0].lower() != _STOP[0]] + [_STOP]
        sink.start(head, fields)
        if answer.pieces and not sink.write(answer.pieces):
            await sink.drain()
        record.status = request_status(head.status, refused.failure.kind)
        return sink.finish(answer.trailers)
