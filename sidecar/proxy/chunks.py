"""Sends an array of inputs that is too long for one call as several, and joins their answers."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import replace

from sidecar.errors import DeadlineError, ShedError, VectorsError
from sidecar.outcomes import ShedReason
from sidecar.proxy.collected import CollectedAnswer
from sidecar.proxy.embedding_request import EmbeddingRequest, with_body
from sidecar.proxy.pipeline import Ask, Service
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.sharing.embedding_answer import EmbeddingAnswer, WrongVectorsError, checked, joined
from sidecar.sharing.embedding_call import EmbeddingCall
from sidecar.sharing.embedding_limits import EmbeddingLimits, cut
from sidecar.upstream.transport import UpstreamRequest

_AT_ONCE = 16
"""Chunks of one request that are sent or queued at once: it must not fill the queue by itself."""


class _RefusedError(Exception):
    """The provider refused a chunk."""

    def __init__(self, answer: CollectedAnswer, record: RequestRecord) -> None:
        super().__init__()
        self.answer = answer
        self.record = record


class Chunks:
    """One request's."""

    def __init__(
        self,
        inner: Service,
        request: EmbeddingRequest,
        limits: EmbeddingLimits,
        record: RequestRecord,
    ) -> None:
        self._inner = inner
        self._ask = request.ask
        self._call = request.call
        self._limits = limits
        self._record = record
        self._loop = asyncio.get_running_loop()
        self._first = CollectedAnswer()
        """Whose head the whole answer gets, with its record."""
        self._first_record = record

    async def run(self, sink: AppSink) -> AnsweredResponse:
        """Send all chunks and answer: as one, or as the provider refused one of them.

        Raises SidecarError for the first chunk that got no answer.
        """
        call = self._call
        chunks = [call.part(where) for where in cut(call.weights, self._limits)]
        try:
            async with asyncio.timeout_at(self._ask.exchange_by):
                body = joined(await self._answers(chunks))
        except _RefusedError as refused:
            return await self._told(refused.answer.tell(sink), refused.record)
        except WrongVectorsError as error:
            raise VectorsError("twice") from error
        except TimeoutError as error:
            if self._record.sent is None:
                raise ShedError(ShedReason.DEADLINE) from error
            raise DeadlineError("the deadline passed before all answers were there") from error
        fields = ((b"x-sidecar-chunks", b"%d" % len(chunks)),)
        return await self._told(self._first.tell_instead(sink, fields, body), self._first_record)

    async def _told(
        self, telling: Awaitable[AnsweredResponse], part: RequestRecord
    ) -> AnsweredResponse:
        """Answer as a chunk was; until that is done the app may leave."""
        record = self._record
        record.http_status = part.http_status
        answered = await telling
        record.status, record.reason = part.status, part.reason
        return answered

    async def _answers(self, chunks: Sequence[EmbeddingCall]) -> list[EmbeddingAnswer]:
        """In the order of the inputs; a chunk that is answered wrongly is asked for input by input."""
        answers: list[EmbeddingAnswer] = []
        for chunk, answer in zip(chunks, await self._sent(chunks), strict=True):
            if answer is not None:
                answers.append(answer)
                continue
            singles = [chunk.part(slice(at, at + 1)) for at in range(len(chunk.inputs))]
            for single in await self._sent(singles):
                if single is None:
                    raise WrongVectorsError("by itself too")
                answers.append(single)
        return answers

    async def _sent(self, calls: Sequence[EmbeddingCall]) -> list[EmbeddingAnswer | None]:
        """Each call's answer, or None where it was a wrong one; the first failure ends all."""
        answers: list[EmbeddingAnswer | None] = [None] * len(calls)
        left = iter(enumerate(calls))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(_AT_ONCE, len(calls))):
                    group.create_task(self._work(left, answers))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return answers

    async def _work(
        self, left: Iterator[tuple[int, EmbeddingCall]], answers: list[EmbeddingAnswer | None]
    ) -> None:
        for place, call in left:
            answers[place] = await self._one(call)

    async def _one(self, call: EmbeddingCall) -> EmbeddingAnswer | None:
        """One call's answer; None where it is a wrong one."""
        whole, answer = self._record, CollectedAnswer()
        record = RequestRecord(
            method=whole.method,
            arrived=whole.arrived,
            upstream=whole.upstream,
            endpoint=whole.endpoint,
        )
        body = call.body()
        answer.expect(len(call.inputs), len(body))
        try:
            await self._inner.run(self._part(call, body, record), record, answer)
        finally:
            self._note(record)
        if not answer.served:
            raise _RefusedError(answer, record)
        try:
            vectors = checked(call.shape, answer.body, len(call.inputs))
        except WrongVectorsError:
            return None
        if not self._first.started:
            self._first, self._first_record = answer, record
        return vectors

    def _part(self, call: EmbeddingCall, body: bytes, part: RequestRecord) -> Ask:
        """The request with these inputs only, and their share of what is to be reserved."""
        ask = self._ask
        tokens = ask.call.tokens * call.tokens // self._call.tokens
        request = with_body(ask.request, body)

        async def prepare() -> UpstreamRequest:
            self._left(part)
            return request

        return replace(ask, request=request, call=replace(ask.call, tokens=tokens), prepare=prepare)

    def _left(self, part: RequestRecord) -> None:
        """A chunk has its place: with the first one the request is on its way, not in the queue."""
        record = self._record
        if record.sent is None:
            record.sent, record.first_wait = self._loop.time(), part.first_wait

    def _note(self, part: RequestRecord) -> None:
        """What a chunk used is used by the request; its times are the earliest and the longest."""
        record = self._record
        record.model = part.model
        record.attempts += part.attempts
        if part.queue_wait is not None and part.queue_wait > (record.queue_wait or 0.0):
            record.queue_wait = part.queue_wait
        if part.first_byte is not None:
            record.first_byte = min(part.first_byte, record.first_byte or part.first_byte)
        if part.usage is not None:
            record.used(part.usage)
        record.final = record.final or part.final
