"""Several requests for embeddings that go to the provider as one call.

A batch *gathers* for a moment, *waits* for its place as one entry of the limiter's queue, and takes
members all that while; when it has its place its members stand fast and it is sent. What interleaves:

- *A member leaves before that*: it is taken out, its inputs are not sent.
- *A member leaves later*: the others do not notice. Its answer is thrown away.
- *The last one leaves*: nobody can join any more in the same tick, and the call is cancelled.
- *The limiter sheds the batch, or its answer breaks off*: every member hears that error; nothing
  was said to any of them yet.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sidecar.events import Observer, RequestsBatched
from sidecar.outcomes import RejectionKind
from sidecar.proxy.collected import CollectedAnswer
from sidecar.proxy.embedding_request import EmbeddingRequest, with_body
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.sharing.embedding_answer import WrongVectorsError, checked
from sidecar.sharing.embedding_call import merged
from sidecar.sharing.embedding_limits import EmbeddingLimits
from sidecar.sharing.embedding_usage import divided_usage
from sidecar.tokens import Usage
from sidecar.upstream.transport import UpstreamRequest

_PERHAPS_ONE = (400, 403, 413, 422, 500)
"""Statuses with which providers refuse a call because of a single input: OpenRouter's moderation
says 403, and local servers say 500 where a text is too long for the model."""


@dataclass(frozen=True, slots=True)
class Share:
    """A member's part of the answer."""

    answer: CollectedAnswer
    body: bytes
    requests: int
    """How many were served by that call."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A member has to be sent by itself."""

    distrusted: bool
    """The provider answered several inputs wrongly: its next answer is looked at too."""


Outcome = Share | Alone | CollectedAnswer
"""A CollectedAnswer is the provider's own, for every member alike."""


class Member:
    """One request in a batch."""

    __slots__ = ("future", "joined_at", "record", "request", "usage")

    def __init__(
        self, request: EmbeddingRequest, record: RequestRecord, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.request = request
        self.record = record
        self.future: asyncio.Future[Outcome] = loop.create_future()
        self.joined_at = loop.time()
        self.usage: Usage | None = None
        """Its share of what the call used, once that is known."""

    @property
    def inputs(self) -> int:
        """How many vectors it waits for."""
        return len(self.request.call.inputs)

    @property
    def tokens(self) -> int:
        """LLM tokens of its inputs."""
        return self.request.call.tokens

    def sent(self, now: float) -> None:
        """Its inputs go to the provider (loop seconds)."""
        self.record.queued(now - self.joined_at)
        self.record.sent = now


class Batch:
    """One call for its members."""

    def __init__(
        self,
        first: Member,
        *,
        room: EmbeddingLimits,
        loop: asyncio.AbstractEventLoop,
        observer: Observer,
        placed: Callable[[], None],
    ) -> None:
        """`placed` is called when it has its place: it takes nobody any more."""
        self.answer = CollectedAnswer()
        self.record = RequestRecord(
            method=first.record.method,
            arrived=first.record.arrived,
            upstream=first.record.upstream,
            model=first.record.model,
            endpoint=first.record.endpoint,
        )
        self.sent_at: float | None = None
        """Loop seconds."""
        self._ask = first.request.ask
        self._room = room
        self._loop = loop
        self._observer = observer
        self._placed = placed
        self._members: dict[Member, None] = {first: None}
        self._sent: Sequence[Member] = ()
        """Everybody whose inputs are in the call, gone or not."""
        self._closed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "sent" if self.sent_at is not None else "closed" if self.closed else "open"
        return f"<Batch {len(self._members)} requests, {state}>"

    @property
    def closed(self) -> bool:
        """Whether it takes nobody any more."""
        return self._closed.is_set()

    @property
    def inputs(self) -> int:
        """Of all members."""
        return sum(member.inputs for member in self._members)

    @property
    def tokens(self) -> int:
        """LLM tokens to reserve for all whose inputs are in the call."""
        return sum(member.request.ask.call.tokens for member in self._sent or self._members)

    def join(self, member: Member) -> bool:
        """Take a member, or none any more: without room for one it is as full as it gets."""
        if self.closed:
            return False
        inputs = self.inputs + member.inputs
        tokens = sum(other.tokens for other in self._members) + member.tokens
        fits = self._room.hold(inputs, tokens)
        if fits:
            self._members[member] = None
        if not fits or inputs == self._room.inputs:
            self._closed.set()
        return fits

    def leave(self, member: Member) -> None:
        """A member goes, served or not; with the last one the call ends."""
        self._members.pop(member, None)
        if not self._members:
            self._closed.set()
            if self._task is not None:
                self._task.cancel()

    def carried_by(self, task: asyncio.Task[None]) -> None:
        """The task that runs the call: it ends with the last member."""
        self._task = task

    async def gather(self, seconds: float) -> None:
        """Wait for members for so long, if it is not full before."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    def ask(self) -> Ask:
        """What goes through the pipeline in place of the members.

        It has no deadline: each member leaves at its own.
        """
        return replace(
            self._ask,
            admit_by=None,
            answer_by=None,
            exchange_by=None,
            own_deadline=False,
            reserve=lambda: self.tokens,
            prepare=self._prepare,
        )

    async def _prepare(self) -> UpstreamRequest:
        """It has its place: who is a member now, is in the call."""
        self._closed.set()
        self.sent_at = self._loop.time()
        self._sent = tuple(self._members)
        for member in self._sent:
            member.sent(self.sent_at)
        self._placed()
        request = self._sent[0].request.ask.request
        if len(self._sent) > 1:
            call = merged([member.request.call for member in self._sent])
            request = with_body(request, call.body())
            self._observer.notify(
                RequestsBatched(self.record.upstream, self.record.model, len(self._sent))
            )
        if isinstance(request.body, bytes):
            self.answer.expect(self.inputs, len(request.body))
        return request

    # -- its end ----------------------------------------------------------------------------------

    def answered(self) -> None:
        """The answer is whole: every member gets what is its own."""
        self._closed.set()
        self._share_usage()
        for member, outcome in self._outcomes():
            if not member.future.done():
                member.future.set_result(outcome)

    def failed(self, error: Exception) -> None:
        """There is no whole answer: every member hears why."""
        self._closed.set()
        self._share_usage()
        for member in self._members:
            if not member.future.done():
                member.future.set_exception(error)

    def describe(self, member: Member) -> None:
        """Write how the call went so far into a member's own record; not what the member was told."""
        record, of_call = member.record, self.record
        if record.sent is None:
            record.queued(self._loop.time() - member.joined_at)
        else:  # what it waited for later attempts
            record.queued((of_call.queue_wait or 0.0) - of_call.first_wait)
        record.attempts, record.first_byte = of_call.attempts, of_call.first_byte
        record.final = of_call.final
        if member.usage is not None:
            record.used(member.usage)

    def _share_usage(self) -> None:
        """What the call used is used by those who are still there, together."""
        here, usage = list(self._members), self.record.usage
        if usage is not None and here:
            shares = divided_usage(usage, [member.tokens for member in here])
            for member, share in zip(here, shares, strict=True):
                member.usage = share

    def _outcomes(self) -> list[tuple[Member, Outcome]]:
        answer = self.answer
        alike: Outcome = answer
        if len(self._sent) > 1:
            if self._too_much() or (answer.served and not answer.readable):
                alike = Alone(distrusted=False)
            elif answer.served:
                try:
                    return self._shares()
                except WrongVectorsError:
                    alike = Alone(distrusted=True)
        return [(member, alike) for member in self._members]

    def _too_much(self) -> bool:
        """Whether the provider may serve some of the members, or all of them one by one."""
        head, dialect = self.answer.head, self._ask.route.upstream.dialect
        if head.status < 400 or head.status in _PERHAPS_ONE:
            return head.status >= 400
        return dialect.classify_document(self.answer.body) is RejectionKind.TOO_LARGE

    def _shares(self) -> list[tuple[Member, Outcome]]:
        sent = self._sent
        counts = [member.inputs for member in sent]
        weights = [member.tokens for member in sent]
        shape = sent[0].request.call.shape
        bodies = checked(shape, self.answer.body, sum(counts)).divided(counts, weights)
        return [
            (member, Share(self.answer, body, len(sent)))
            for member, body in zip(sent, bodies, strict=True)
        ]
