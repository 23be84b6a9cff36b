"""Collects an answer that no app is waiting for in this form."""

from collections.abc import Sequence

from sidecar.errors import AnswerTooLargeError
from sidecar.proxy.sink import KEEP_ALIVE, AnsweredResponse, AppSink
from sidecar.upstream.transport import RawHeaders, ResponseHead

_PLAIN = (b"", b"identity")

_BYTES = 1_048_576
"""Whatever was asked for: no error is larger."""
_BYTES_PER_INPUT = 262_144
"""A vector of 8,192 numbers, written at length; the largest known ones have 4,096."""


class CollectedAnswer:
    """One answer, kept whole; of bounded size. Implements AppSink."""

    def __init__(self) -> None:
        self.started = False
        self.head = ResponseHead(0, b"", (), None)
        """Meaningless until the answer was begun."""
        self.fields: RawHeaders = ()
        """The end-to-end fields."""
        self.pieces: list[bytes] = []
        """Of the body, as they came."""
        self._most = _BYTES
        self._size = 0
        self._trailers: RawHeaders = ()

    def __repr__(self) -> str:
        return f"<CollectedAnswer {self.head.status} {self._size} bytes>"

    def expect(self, inputs: int, request_bytes: int) -> None:
        """It may have a vector for each input, and repeat the texts of a request of this size."""
        self._most = _BYTES + _BYTES_PER_INPUT * inputs + 2 * request_bytes

    @property
    def served(self) -> bool:
        """Whether the provider did what it was asked for."""
        return 200 <= self.head.status < 300

    @property
    def readable(self) -> bool:
        """Whether the body came without a content coding, as it was asked for."""
        encoding = self.head.get(b"content-encoding")
        return encoding is None or encoding.strip().lower() in _PLAIN

    @property
    def body(self) -> bytes:
        """The body so far."""
        return b"".join(self.pieces)

    def start(self, head: ResponseHead, headers: RawHeaders) -> None:
        """Note the head."""
        self.started = True
        self.head = head
        self.fields = headers

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Keep the pieces; there is always room. Raises AnswerTooLargeError."""
        self._size += sum(map(len, pieces))
        if self._size > self._most:
            self.pieces.clear()
            raise AnswerTooLargeError(f"more than {self._most} bytes")
        self.pieces += pieces
        return True

    async def drain(self) -> None:
        """There is always room."""

    def finish(self, trailers: RawHeaders) -> AnsweredResponse:
        """The answer is whole."""
        self._trailers = trailers
        return KEEP_ALIVE

    def answer(
        self, status: int, reason: bytes, headers: RawHeaders, body: bytes
    ) -> AnsweredResponse:
        """Keep a whole answer of the sidecar's own."""
        length = (b"Content-Length", b"%d" % len(body))
        self.start(ResponseHead(status, reason, (), len(body)), [*headers, length])
        self.write([body])
        return self.finish(())

    async def tell(self, sink: AppSink) -> AnsweredResponse:
        """Give the whole answer to an app, as it came. Raises ClientGoneError."""
        sink.start(self.head, self.fields)
        if self.pieces and not sink.write(self.pieces):
            await sink.drain()
        return sink.finish(self._trailers)

    async def tell_instead(
        self, sink: AppSink, own_fields: RawHeaders, body: bytes
    ) -> AnsweredResponse:
        """Give an app another body under this answer's head. Raises ClientGoneError."""
        fields = [field for field in self.fields if field[0].lower() not in _ABOUT_BODY]
        fields += [*own_fields, (b"Content-Length", b"%d" % len(body))]
        sink.start(ResponseHead(self.head.status, self.head.reason, (), len(body)), fields)
        if not sink.write([body]):
            await sink.drain()
        return sink.finish(())


_ABOUT_BODY = frozenset(
    (b"content-length", b"content-encoding", b"content-md5", b"digest", b"content-digest", b"etag")
)
"""Fields that are true of the provider's own bytes only."""
