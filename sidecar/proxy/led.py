"""Of several requests with the same cold prompt prefix, lets one go ahead and fill the cache.

A provider has a prefix in its prompt cache only once an answer to it began: requests sent before
then each pay for writing it, and none reads it. The rest follow at the first byte of the one that
went ahead. They wait before they ask for a place, so none is held meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.events import BugFound, Observer, PrefixAwaited
from sidecar.metering.first_byte import FirstByte
from sidecar.metering.framing import framing_of
from sidecar.outcomes import Endpoint
from sidecar.proxy.credential import fingerprint
from sidecar.proxy.pipeline import Ask, Service
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.sharing.prompt_prefix import PromptPrefix, may_have_prefix, prompt_prefixes
from sidecar.sharing.warm_prefixes import Turn, WarmPrefixes
from sidecar.upstream.transport import RawHeaders, ResponseHead

_PROMPTS = frozenset((Endpoint.CHAT, Endpoint.RESPONSES, Endpoint.MESSAGES))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderFirst:
    """Holds followers back. Implements Service."""

    inner: Service
    warm: WarmPrefixes
    label: Callable[[str | None], str]
    """Bounds models' names."""
    salt: bytes
    """Keeps what is remembered of prompts and credentials from meaning anything elsewhere."""
    now: Callable[[], float]
    observer: Observer

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        """See Service."""
        prefixes = self._prefixes(ask)
        if not prefixes:
            return await self.inner.run(ask, record, sink)
        turn = self.warm.turn(prefixes) or await self._follow(prefixes, ask, record)
        try:
            return await self.inner.run(ask, record, _FirstByteSink(sink, turn))
        finally:
            turn.ended()

    def _prefixes(self, ask: Ask) -> Sequence[PromptPrefix]:
        """What a provider may keep of this request. One that makes us stumble passes all the same."""
        request, call = ask.request, ask.call
        body = request.body
        if (
            call.endpoint not in _PROMPTS
            or not isinstance(body, bytes)
            or not may_have_prefix(body)
        ):
            return ()
        upstream, model = ask.route.upstream.name.encode(), (call.model or "").encode()
        caller = fingerprint(request.headers, request.target, salt=self.salt)
        try:
            return prompt_prefixes(body, scope=(upstream, model, caller), salt=self.salt)
        except Exception as error:  # noqa: BLE001  # looking on must not fail a request
            self.observer.notify(BugFound(error))
            return ()

    async def _follow(
        self, prefixes: Sequence[PromptPrefix], ask: Ask, record: RequestRecord
    ) -> Turn:
        """Wait for the one that went ahead, or until waiting would cost more than it saves."""
        record.model = self.label(ask.call.model)
        self.observer.notify(PrefixAwaited(ask.route.upstream.name, record.model))
        asked = self.now()
        try:
            return await self.warm.wait(prefixes, longest=self._patience(ask, asked))
        finally:
            record.queued(self.now() - asked)

    def _patience(self, ask: Ask, now: float) -> float:
        """Seconds; half of the time that the request has is left for its own answer."""
        ends = [end for end in (ask.admit_by, ask.answer_by) if end is not None]
        return max(0.0, min([self.warm.max_wait, *((end - now) / 2 for end in ends)]))


class _FirstByteSink:
    """Hands an answer on and tells the turn when it really begins. Implements AppSink."""

    def __init__(self, sink: AppSink, turn: Turn) -> None:
        self.started = sink.started
        self._sink = sink
        self._turn = turn
        self._first: FirstByte | None = None
        """Set while a served answer has brought nothing but filling."""
        self._coded = False

    def start(self, head: ResponseHead, headers: RawHeaders) -> None:
        """Begin; an error warms nothing."""
        self.started = True
        if head.status < 300:
            self._first = FirstByte(framing_of(head.get(b"content-type")))
            self._coded = head.get(b"content-encoding") is not None
        self._sink.start(head, headers)

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Pass pieces on."""
        room = self._sink.write(pieces)
        if self._first is not None and (self._coded or any(map(self._first.feed, pieces))):
            self._first = None
            self._turn.began()
        return room

    async def drain(self) -> None:
        """Wait until the app has taken what is buffered for it."""
        await self._sink.drain()

    def finish(self, trailers: RawHeaders) -> AnsweredResponse:
        """End the answer properly."""
        return self._sink.finish(trailers)

    def answer(
        self, status: int, reason: bytes, headers: RawHeaders, body: bytes
    ) -> AnsweredResponse:
        """A whole answer of the sidecar's own, which warms nothing either."""
        self.started = True
        return self._sink.answer(status, reason, headers, body)
