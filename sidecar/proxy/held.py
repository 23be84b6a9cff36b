"""A provider's error answer, held back until it is known what becomes of it.

Most are small: they are read to their end, and then either thrown away for another attempt, or
handed on byte for byte. One that is larger than any error document, or comes so slowly that nobody
should wait for its end, is let go: what is there is handed on, and the rest as it comes.
"""

from collections.abc import Callable, Sequence

from sidecar.dialects.base import ERROR_BODY_BYTES
from sidecar.metering.whole_answer import WholeAnswer
from sidecar.upstream.transport import BodySink, RawHeaders, ResponseHead


class HeldAnswer:
    """Head and body of one error answer. Implements BodySink."""

    def __init__(
        self, head: ResponseHead, begin: Callable[[], BodySink], *, now: Callable[[], float]
    ) -> None:
        """`begin` opens the way to the app; called at most once, when the answer is let go."""
        self.head = head
        self.trailers: RawHeaders = ()
        self.first_byte_at: float | None = None
        """Loop seconds; None while no body byte came."""
        self._begin = begin
        self._now = now
        self._pieces: list[bytes] = []
        self._size = 0
        self._sink: BodySink | None = None

    @property
    def gone(self) -> bool:
        """Whether it was let go: nothing else can be done with it any more."""
        return self._sink is not None

    @property
    def pieces(self) -> Sequence[bytes]:
        """The body as it came; of one that is `gone`, its beginning."""
        return self._pieces

    def document(self) -> bytes:
        """The decoded body; empty where it is incomplete and compressed, or cannot be decoded."""
        body = WholeAnswer(ERROR_BODY_BYTES)
        body.feed(self._pieces)
        encoding = self.head.get(b"content-encoding")
        return body.body(encoding and encoding.strip().lower()) or b""

    def let_go(self) -> bool:
        """Hand on what is there, and all that follows; False = full, `drain` first."""
        if self._sink is not None:
            return True
        self._sink = self._begin()
        return not self._pieces or self._sink.write(self._pieces)

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Keep, or pass on what is not kept."""
        if self.first_byte_at is None:
            self.first_byte_at = self._now()
        if self._sink is not None:
            return self._sink.write(pieces)
        self._pieces.extend(pieces)
        self._size += sum(map(len, pieces))
        return self._size <= ERROR_BODY_BYTES or self.let_go()

    async def drain(self) -> None:
        """Wait until the app has taken what is buffered for it."""
        if self._sink is not None:
            await self._sink.drain()
