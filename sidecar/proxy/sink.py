"""The app's end of the line: writes a response's bytes, ready-made, to the app's connection.

aiohttp parses the requests, but its response classes would decode, re-encode and re-frame what is
only passing. The sink writes to the connection itself and returns a response object that has
nothing left to do.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11
from aiohttp.web import BaseRequest, StreamResponse

from sidecar.errors import ClientGoneError
from sidecar.upstream.transport import RawHeaders, ResponseHead

_BODILESS = frozenset((204, 304))


class AnsweredResponse(StreamResponse):
    """Stands for an answer that was already written; one object serves all connections."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._open = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may carry another request."""
        return self._open

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Nothing is left to be written."""
        return None

    async def write_eof(self, data: Any = b"") -> None:
        """Nothing is left to be written."""


class AppSink(Protocol):
    """Where the answer to one request goes: to the app, or to whoever puts answers together."""

    started: bool
    """An answer was begun: nothing else can be said any more."""

    def start(self, head: ResponseHead, headers: RawHeaders) -> None:
        """Begin the answer; `headers` are the end-to-end fields."""
        ...

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Take body pieces; False = full, `drain` first. Raises ClientGoneError."""
        ...

    async def drain(self) -> None:
        """Wait until there is room again. Raises ClientGoneError."""
        ...

    def finish(self, trailers: RawHeaders) -> AnsweredResponse:
        """End the answer properly."""
        ...

    def answer(
        self, status: int, reason: bytes, headers: RawHeaders, body: bytes
    ) -> AnsweredResponse:
        """A whole answer of the sidecar's own."""
        ...


def _no_fields() -> RawHeaders:
    return ()


class ClientSink:
    """Where the answer to one request of the app goes. Implements AppSink and BodySink."""

    def __init__(
        self,
        request: BaseRequest,
        loop: asyncio.AbstractEventLoop,
        own_fields: Callable[[], RawHeaders] = _no_fields,
    ) -> None:
        """`own_fields` gives what every answer says of its way, when the answer begins."""
        self.started = False
        self.keep_alive = request.keep_alive
        self._request = request
        self._loop = loop
        self._own_fields = own_fields
        self._http11 = request.version >= HttpVersion11
        self._chunked = False
        self._head: bytes | None = None

    def start(self, head: ResponseHead, headers: RawHeaders) -> None:
        """Begin the answer: `headers` are the end-to-end fields, framing is added here.

        The head leaves together with the first bytes of the body if those are already there, and
        in the next turn of the loop if not.
        """
        self.started = True
        if head.status >= 300 and not self._request.content.at_eof():
            self.keep_alive = (
                False  # the rest of the upload is not wanted; a 2xx may come beside it
            )
        lines = [b"HTTP/1.1 %d %b" % (head.status, head.reason)]
        lines += [b"%b: %b" % field for field in headers]
        lines += [b"%b: %b" % field for field in self._own_fields()]
        lines += self._framing(head)
        lines.append(b"\r\n")
        self._head = b"\r\n".join(lines)
        self._loop.call_soon(self._flush_head)

    def _framing(self, head: ResponseHead) -> list[bytes]:
        """Connection and transfer fields; decides how the body is framed."""
        bodiless = head.status in _BODILESS or self._request.method == "HEAD"
        if not bodiless and head.content_length is None:
            if self._http11:
                self._chunked = True
                chunked = [b"Transfer-Encoding: chunked"]
                return chunked if self.keep_alive else [*chunked, b"Connection: close"]
            self.keep_alive = False  # HTTP/1.0: only the connection's end can end the body
        if not self.keep_alive:
            return [b"Connection: close"]
        return [] if self._http11 else [b"Connection: keep-alive"]

    def _flush_head(self) -> None:
        transport = self._request.transport
        if self._head is not None and transport is not None and not transport.is_closing():
            transport.write(self._head)
        self._head = None

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Send body pieces, each HTTP chunk as it came; False = full, `drain` first.

        Raises ClientGoneError when the app has closed its connection.
        """
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ClientGoneError("the app closed its connection")
        parts: list[bytes] = []
        if self._head is not None:
            parts.append(self._head)
            self._head = None
        if self._chunked:
            for piece in pieces:
                parts += (b"%x\r\n" % len(piece), piece, b"\r\n")
        else:
            parts += pieces
        transport.write(b"".join(parts) if len(parts) > 1 else parts[0])
        return not self._request.protocol.writing_paused

    async def drain(self) -> None:
        """Wait until the app has taken what is buffered for it."""
        try:
            await self._request.writer.drain()
        except ConnectionError as error:
            raise ClientGoneError("the app closed its connection") from error

    def finish(self, trailers: RawHeaders) -> AnsweredResponse:
        """End the answer properly."""
        transport = self._request.transport
        if transport is not None:
            if self._chunked:
                end = [b"0", *(b"%b: %b" % field for field in trailers), b"\r\n"]
                tail = b"\r\n".join(end)
                transport.write(tail if self._head is None else self._head + tail)
                self._head = None
            else:
                self._flush_head()
        return KEEP_ALIVE if self.keep_alive else CLOSE

    def abort(self) -> AnsweredResponse:
        """End an answer in mid-body so that the app cannot take it for a whole one."""
        transport = self._request.transport
        if transport is not None:
            self._flush_head()
            if self._chunked or self._http11:
                transport.close()  # sends what is buffered; the missing end says the rest
            else:
                _reset(transport)  # nothing else can tell an HTTP/1.0 client
        return CLOSE

    def answer(
        self, status: int, reason: bytes, headers: RawHeaders, body: bytes
    ) -> AnsweredResponse:
        """Send a whole answer of the sidecar's own; closes if the request was not read."""
        length = (b"Content-Length", b"%d" % len(body))
        self.start(ResponseHead(status, reason, (), len(body)), [*headers, length])
        if self._request.method != "HEAD":
            self.write([body])
        return self.finish(())


def _reset(transport: asyncio.Transport) -> None:
    """Cut the connection: without lingering, closing the socket sends RST instead of FIN."""
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


KEEP_ALIVE = AnsweredResponse(keep_alive=True)
CLOSE = AnsweredResponse(keep_alive=False)
