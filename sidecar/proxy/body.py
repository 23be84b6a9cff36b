"""The app's request body: read whole where it is small, streamed through where it is not.

What is held in memory is bounded per body and over all requests together; the bounds are checked
before a byte is read.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import StreamReader
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import BaseRequest, RequestPayloadError

from sidecar.dialects.request_model import PREFIX_BYTES
from sidecar.errors import BadRequestError, BodyTooLargeError, ClientGoneError, ShedError
from sidecar.outcomes import ShedReason

BUFFERED_BYTES = 1_048_576
"""Bodies up to 1 MiB are held, so that they can be sent again; larger ones stream through."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class BodyConfig:
    """Bounds on request bodies."""

    max_bytes: int = 67_108_864
    """Largest body; a larger one is refused with 413 before it is read where it says its length."""
    max_held_bytes: int = 268_435_456
    """All bodies held at once; beyond it requests are shed before their body is read."""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """A body as it goes to the provider."""

    content: bytes | AsyncIterator[bytes] | None
    length: int | None
    """Set where `content` is a stream of known length."""
    beginning: bytes
    """All of a held body, the first bytes of a streamed one."""

    @property
    def whole(self) -> bool:
        """Whether `beginning` is all of it."""
        return not isinstance(self.content, AsyncIterator)


class BodyMemory:
    """Counts the bytes of request bodies held at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def __repr__(self) -> str:
        return f"<BodyMemory {self.held}/{self._limit} bytes>"

    def take(self, size: int) -> None:
        """Reserve; raises ShedError(BUFFER_FULL)."""
        if self.held + size > self._limit:
            raise ShedError(ShedReason.BUFFER_FULL, retry_after=1.0)
        self.held += size

    def give(self, size: int) -> None:
        """Give back what was reserved."""
        self.held -= size


class BodyReader:
    """Reads one request's body; a context, because it holds memory until the request's end."""

    def __init__(self, request: BaseRequest, memory: BodyMemory, config: BodyConfig) -> None:
        self._request = request
        self._memory = memory
        self._max_bytes = config.max_bytes
        self._reserved = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._memory.give(self._reserved)

    async def read(self) -> RequestBody:
        """The body, held or as a stream.

        Raises BodyTooLargeError, ShedError, BadRequestError (broken framing) or ClientGoneError.
        """
        length = self._request.content_length
        if not self._request.body_exists:
            # `Content-Length: 0` is a body, an empty one; no framing at all is none.
            return RequestBody(None if length is None else b"", None, b"")
        self._check_coding()
        self._check(length or 0)
        streamed = length is not None and length > BUFFERED_BYTES
        self._reserve(PREFIX_BYTES if streamed else min(length or BUFFERED_BYTES, BUFFERED_BYTES))
        self._answer_expectation()
        return await self._read(PREFIX_BYTES if streamed else BUFFERED_BYTES, length)

    def _check_coding(self) -> None:
        """Chunks are taken off here; a coding below them would go on without its name."""
        coding = self._request.headers.get("Transfer-Encoding", "chunked")
        if coding.strip().lower() != "chunked":
            raise BadRequestError("a transfer coding other than chunked")

    def _reserve(self, size: int) -> None:
        self._memory.take(size)
        self._reserved += size

    def _answer_expectation(self) -> None:
        request = self._request
        expected = request.headers.get("Expect", "").lower() == "100-continue"
        if expected and request.version >= HttpVersion11 and request.transport is not None:
            request.transport.write(_CONTINUE)

    async def _read(self, enough: int, length: int | None) -> RequestBody:
        """Read to the end, or until more than `enough` bytes are there: then the rest streams."""
        content = self._request.content
        pieces: list[bytes] = []
        size = 0
        while piece := await _next(content):
            pieces.append(piece)
            size += len(piece)
            self._check(size)
            if size > enough:
                beginning = b"".join(pieces)
                return RequestBody(self._stream(beginning), length, beginning[:PREFIX_BYTES])
        body = b"".join(pieces)
        self._reserve(size - self._reserved)  # a chunked body reserved the most that it could be
        return RequestBody(body, None, body)

    async def _stream(self, beginning: bytes) -> AsyncIterator[bytes]:
        yield beginning
        size = len(beginning)
        del beginning
        while piece := await _next(self._request.content):
            size += len(piece)
            self._check(size)
            yield piece

    def _check(self, size: int) -> None:
        """A chunked body says its size only by being too large."""
        if size > self._max_bytes:
            raise BodyTooLargeError(f"the request body is larger than {self._max_bytes} bytes")


async def _next(content: StreamReader) -> bytes:
    """What has arrived, at least one byte; empty at the end."""
    try:
        return await content.readany()
    except (RequestPayloadError, HttpProcessingError) as error:
        raise BadRequestError("the request body's framing is broken") from error
    except ConnectionError as error:
        raise ClientGoneError("the app closed its connection in mid-body") from error
