"""Asks for the usage of streams that tell it only on request, without the app noticing.

The chunk that then comes in addition is for the metering, which stands nearer to the provider; it is
taken out on the way to the app. The other chunks of such a stream say `"usage":null` now, and that
stays.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from sidecar.dialects.request_model import JSON
from sidecar.dialects.stream_options import asking_for_usage
from sidecar.errors import ClientGoneError, ShedError, UpstreamError
from sidecar.events import BugFound, Observer
from sidecar.metering.framing import Framing, framing_of
from sidecar.metering.stream_usage import WithoutUsage
from sidecar.proxy.body import BodyMemory
from sidecar.proxy.pipeline import Ask, Service
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.upstream.headers import lookup, uncompressed
from sidecar.upstream.transport import RawHeaders, ResponseHead, UpstreamRequest

_PATH = "/completions"
"""How the paths of OpenAI-shaped chat, and of the completions before it, end."""

_SIGNED = (b"content-digest", b"content-md5", b"digest", b"x-amz-content-sha256")
"""Fields that hold for the very bytes of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageAsked:
    """Asks where the app does not. Implements Service."""

    inner: Service
    memory: BodyMemory
    observer: Observer

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        """See Service."""
        request = self._asking(ask)
        if request is None:
            return await self.inner.run(ask, record, sink)
        with self._held(request) as held:
            if not held:
                return await self.inner.run(ask, record, sink)
            quiet = _WithoutUsageSink(sink)
            try:
                return await self.inner.run(replace(ask, request=request), record, quiet)
            except UpstreamError:
                quiet.let_go()
                raise

    def _asking(self, ask: Ask) -> UpstreamRequest | None:
        """The request to be made in place of the app's own, if there is one."""
        request = ask.request
        if not isinstance(request.body, bytes) or not ask.route.path.endswith(_PATH):
            return None
        if not ask.route.upstream.dialect.usage_on_request or not _may_change(request):
            return None
        try:
            body = asking_for_usage(request.body)
        except Exception as error:  # noqa: BLE001  # looking on must not fail a request
            self.observer.notify(BugFound(error))
            return None
        return (
            None
            if body is None
            else replace(request, body=body, headers=uncompressed(request.headers))
        )

    @contextmanager
    def _held(self, request: UpstreamRequest) -> Iterator[bool]:
        """The new body is held beside the app's own; False = there is no memory for it."""
        size = len(request.body) if isinstance(request.body, bytes) else 0
        try:
            self.memory.take(size)
        except ShedError:
            yield False
            return
        try:
            yield True
        finally:
            self.memory.give(size)


def _may_change(request: UpstreamRequest) -> bool:
    """Whether it is JSON, and nobody has signed it as it is."""
    get = lookup(request.headers)
    kind = (get(b"content-type") or b"").partition(b";")[0].strip().lower()
    signed = (get(b"authorization") or b"").startswith(b"AWS4-")
    return kind == JSON and not signed and not any(map(get, _SIGNED))


class _WithoutUsageSink:
    """Hands an answer on without the chunk that was asked for in addition. Implements AppSink."""

    def __init__(self, sink: AppSink) -> None:
        self.started = sink.started
        self._sink = sink
        self._stream: WithoutUsage | None = None

    def start(self, head: ResponseHead, headers: RawHeaders) -> None:
        """Begin; an answer that is no stream, or cannot be read, passes as it is."""
        self.started = True
        if _is_readable(head):
            self._stream = WithoutUsage()
            head = replace(head, content_length=None)
            headers = [field for field in headers if field[0].lower() != b"content-length"]
        self._sink.start(head, headers)

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Pass on what passes; nothing at all is not written, for an empty chunk ends a body."""
        if self._stream is None:
            return self._sink.write(pieces)
        passed = self._stream.feed(pieces)
        return self._sink.write(passed) if passed else True

    async def drain(self) -> None:
        """Wait until the app has taken what is buffered for it."""
        await self._sink.drain()

    def let_go(self) -> None:
        """The stream broke: what was held back is the app's."""
        rest = b"" if self._stream is None else self._stream.finish()
        if rest:
            with suppress(ClientGoneError):
                self._sink.write([rest])

    def finish(self, trailers: RawHeaders) -> AnsweredResponse:
        """End the answer properly."""
        rest = b"" if self._stream is None else self._stream.finish()
        if rest:
            self._sink.write([rest])
        return self._sink.finish(trailers)

    def answer(
        self, status: int, reason: bytes, headers: RawHeaders, body: bytes
    ) -> AnsweredResponse:
        """A whole answer of the sidecar's own."""
        self.started = True
        return self._sink.answer(status, reason, headers, body)


def _is_readable(head: ResponseHead) -> bool:
    coding = (head.get(b"content-encoding") or b"identity").strip().lower()
    framing = framing_of(head.get(b"content-type"))
    return head.status < 300 and framing is Framing.EVENTS and coding == b"identity"
