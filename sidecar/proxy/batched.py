"""Sends embeddings requests as fewer calls while places are scarce, and cuts what is too long.

A request that could start at once goes alone, untouched: merging it would only make it wait. Places
are scarce for `max_wait` seconds after it was last seen that somebody had to wait for one; without
that, each place that became free would go to whichever single request came next.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, replace

from sidecar.admission import LimitKey
from sidecar.admission.limiter import Limiter
from sidecar.admission.pool import LimiterPool
from sidecar.errors import DeadlineError, ShedError, VectorsError
from sidecar.events import Observer
from sidecar.outcomes import RequestStatus, ShedReason
from sidecar.proxy.batch import Alone, Batch, Member, Outcome, Share
from sidecar.proxy.body import BodyMemory
from sidecar.proxy.chunks import Chunks
from sidecar.proxy.collected import CollectedAnswer
from sidecar.proxy.embedding_request import (
    EmbeddingRequest,
    most_in,
    read_request,
    readable,
    shape_of,
)
from sidecar.proxy.pipeline import Ask, Service
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.proxy.whole_upload import WholeUpload
from sidecar.sharing.embedding_answer import WrongVectorsError, checked
from sidecar.sharing.embedding_limits import EmbeddingLimits, embedding_limits
from sidecar.sharing.embedding_shapes import EmbeddingShape


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """How embeddings requests are merged and cut."""

    max_size: int = 20
    """Inputs in one merged call at most; 1 or more."""
    max_wait: float = 0.02
    """Seconds in which a merged call gathers requests before it asks for its place."""
    max_inputs: int | None = None
    """A longer array is cut; None = at the provider's limit."""
    max_tokens: int | None = None
    """An array of more LLM tokens is cut; None = at the provider's limit."""


class Batched:
    """Merges and cuts. Implements Service."""

    def __init__(
        self,
        inner: Service,
        pool: LimiterPool,
        config: BatchConfig,
        *,
        memory: BodyMemory,
        observer: Observer,
    ) -> None:
        self._inner = inner
        self._pool = pool
        self._config = config
        self._memory = memory
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._open: dict[Hashable, Batch] = {}
        """Those that may take more members, by their requests' key."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._scarce_until: dict[LimitKey, float] = {}
        """Loop seconds."""

    def __len__(self) -> int:
        """Merged calls that are on their way, or being gathered."""
        return len(self._tasks)

    def __repr__(self) -> str:
        return f"<Batched {len(self._open)} open of {len(self)}>"

    async def close(self) -> None:
        """Cancel every merged call."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        """See Service."""
        shape = shape_of(ask)
        if shape is None:
            return await self._inner.run(ask, record, sink)
        config = self._config
        limits = embedding_limits(
            ask.route.upstream.dialect.name, inputs=config.max_inputs, tokens=config.max_tokens
        )
        if isinstance(ask.request.body, bytes):
            return await self._whole(ask, shape, limits, record, sink)
        if ask.request.body is None or limits.unknown:
            return await self._inner.run(ask, record, sink)
        with WholeUpload(self._memory) as upload:
            return await self._whole(await upload.read(ask), shape, limits, record, sink)

    async def _whole(
        self,
        ask: Ask,
        shape: EmbeddingShape,
        limits: EmbeddingLimits,
        record: RequestRecord,
        sink: AppSink,
    ) -> AnsweredResponse:
        """Pass on, merge or cut a request whose body is there."""
        limiter = self._pool.limiter(ask.route.upstream.name, ask.call.model)
        scarce = self._scarce(limiter, ask)
        request = read_request(ask, shape) if scarce or not _surely_fits(ask, limits) else None
        if request is None:
            return await self._inner.run(ask, record, sink)
        call = request.call
        if not limits.hold(len(call.inputs), call.tokens) and len(call.inputs) > 1:
            return await Chunks(self._inner, request, limits, record).run(sink)
        if not scarce or len(call.inputs) >= self._config.max_size:
            return await self._inner.run(ask, record, sink)
        record.model = limiter.key.model
        return await self._merged(request, limiter.key, limits, record, sink)

    def _scarce(self, limiter: Limiter, ask: Ask) -> bool:
        """Whether the request should be merged if it can."""
        now = self._loop.time()
        if not limiter.free(ask.call.tokens):
            self._scarce_until[limiter.key] = now + self._config.max_wait
            return True
        until = self._scarce_until.get(limiter.key)
        if until is None:
            return False
        if now >= until:
            del self._scarce_until[limiter.key]
        return now < until

    # -- merging ----------------------------------------------------------------------------------

    async def _merged(
        self,
        request: EmbeddingRequest,
        limit: LimitKey,
        limits: EmbeddingLimits,
        record: RequestRecord,
        sink: AppSink,
    ) -> AnsweredResponse:
        member = Member(request, record, self._loop)
        batch = self._batch_with(member, limit, limits)
        try:
            outcome = await self._outcome(batch, member)
        finally:
            batch.describe(member)
            batch.leave(member)
        if isinstance(outcome, Alone):
            if outcome.distrusted:
                return await self._distrusted(request, record, sink)
            return await self._inner.run(request.ask, record, sink)
        record.http_status = batch.answer.head.status
        if isinstance(outcome, Share):
            fields = (
                (b"x-sidecar-batched", b"%d" % outcome.requests),
                (b"x-sidecar-usage-estimated", b"1"),
            )
            answered = await outcome.answer.tell_instead(sink, fields, outcome.body)
        else:
            answered = await outcome.tell(sink)
        record.status, record.reason = batch.record.status, batch.record.reason
        return answered

    def _batch_with(self, member: Member, limit: LimitKey, limits: EmbeddingLimits) -> Batch:
        """The batch that it is in: the open one of its key, or a new one."""
        key = member.request.key
        batch = self._open.get(key)
        if batch is not None and batch.join(member):
            return batch
        config = self._config
        inputs = config.max_size if limits.inputs is None else min(config.max_size, limits.inputs)
        batch = self._open[key] = Batch(
            member,
            room=EmbeddingLimits(inputs, limits.tokens),
            loop=self._loop,
            observer=self._observer,
            placed=lambda: self._placed(limit),
        )
        task = self._loop.create_task(self._carry(batch))
        batch.carried_by(task)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, batch, key))
        return batch

    def _ended(self, task: asyncio.Task[None], batch: Batch, key: Hashable) -> None:
        """Forget it. A task that is cancelled before it began never gets to do so itself."""
        self._tasks.discard(task)
        if task.cancelled():
            batch.failed(ShedError(ShedReason.DRAINING))  # whoever is left is so by `close`
        if self._open.get(key) is batch:
            del self._open[key]

    def _placed(self, limit: LimitKey) -> None:
        """Somebody waited for a place until now."""
        self._scarce_until[limit] = self._loop.time() + self._config.max_wait

    async def _carry(self, batch: Batch) -> None:
        """Take a batch to the provider and its members their answers."""
        try:
            await batch.gather(self._config.max_wait)
            await self._inner.run(batch.ask(), batch.record, batch.answer)
            batch.answered()
        except Exception as error:  # noqa: BLE001  # the members' handlers know what to do with it
            batch.failed(error)

    async def _outcome(self, batch: Batch, member: Member) -> Outcome:
        """What the batch has for a member. Raises what became of it instead, or ShedError or
        DeadlineError when its own time is up.
        """
        try:
            async with asyncio.timeout_at(member.request.ask.exchange_by):
                return await member.future
        except TimeoutError as error:
            if batch.sent_at is None:
                raise ShedError(ShedReason.DEADLINE) from error
            raise DeadlineError("the deadline passed before the answer began") from error

    async def _distrusted(
        self, request: EmbeddingRequest, record: RequestRecord, sink: AppSink
    ) -> AnsweredResponse:
        """Send a request by itself to a provider that answered several inputs wrongly."""
        answer, ask = CollectedAnswer(), request.ask
        if isinstance(ask.request.body, bytes):
            answer.expect(len(request.call.inputs), len(ask.request.body))
        await self._inner.run(_readably(ask), record, answer)
        status, record.status = record.status, RequestStatus.CANCELLED  # until the app is told
        if answer.served and answer.readable:
            try:
                checked(request.call.shape, answer.body, len(request.call.inputs))
            except WrongVectorsError as error:
                raise VectorsError("twice") from error
        answered = await answer.tell(sink)
        record.status = status
        return answered


def _readably(ask: Ask) -> Ask:
    return replace(ask, request=readable(ask.request))


def _surely_fits(ask: Ask, limits: EmbeddingLimits) -> bool:
    """Whether its length alone says that it need not be cut."""
    body = ask.request.body
    return isinstance(body, bytes) and limits.hold(*most_in(body))
