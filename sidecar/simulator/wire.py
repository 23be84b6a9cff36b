"""One HTTP response, written straight to the connection in ready-made bytes.

aiohttp parses requests and keeps connections; its response classes are left aside because streams
of tiny events are most of what this server writes, and because broken answers have to be possible.
"""

import asyncio
import socket
import struct
from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from sidecar.simulator.encoding import Coder, Encoding, Plain, coder

_HIGH_WATER = 65_536
"""Bytes waiting for a slow client before the next write waits for it."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes closing a reset."""
_CLOSING = b"connection: close\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class Sent(web.StreamResponse):
    """Tells aiohttp that the answer was written already."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._reuse = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may carry another request."""
        return self._reuse

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Do nothing: the head is out."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the body is out."""


_REUSABLE = Sent(keep_alive=True)
_SPENT = Sent(keep_alive=False)


class Wire:
    """The way back to the client for one request."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._reuse = request.keep_alive
        self._coder: Coder = Plain()
        self._encoding = b""

    def compress(self, encoding: Encoding) -> None:
        """From here on, before the answer begins: compress it, if the client can take that."""
        accepted = self._request.headers.get("accept-encoding", "")
        if accepted.strip().lower() != "identity":
            self._coder = coder(encoding)
            self._encoding = b"content-encoding: %b\r\n" % encoding.value.encode()

    def _transport(self) -> asyncio.Transport:
        transport = self._request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        return transport

    async def _write(self, data: bytes) -> None:
        transport = self._transport()
        transport.write(data)
        if transport.get_write_buffer_size() > _HIGH_WATER:
            await self._request.writer.drain()

    def head(self, status: int, headers: Iterable[tuple[str, str]], length: int | None) -> bytes:
        """A response head; `length` None = in chunks."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1")
        framing = _CHUNKED if length is None else b"content-length: %d\r\n" % length
        reuse = b"" if self._reuse else _CLOSING
        first = _STATUS_LINES.get(status) or b"HTTP/1.1 %d Overloaded\r\n" % status
        return b"%b%b%b%b%b\r\n" % (first, lines, self._encoding, framing, reuse)

    async def whole(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Sent:
        """Send a complete answer."""
        body = self._coder.last(body)
        head = self.head(status, headers, len(body))
        await self._write(head if self._request.method == "HEAD" else head + body)
        return self.done

    async def half(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """Send the first half of an answer."""
        body = self._coder.last(body)
        await self._write(self.head(status, headers, len(body)) + body[: len(body) // 2])

    async def raw(self, data: bytes) -> None:
        """Send these bytes as they are."""
        await self._write(data)

    async def chunk(self, data: bytes, *, head: bytes = b"") -> None:
        """Send one chunk of a chunked body, behind a head if it is the first."""
        await self._write(head + _framed(self._coder.part(data)))

    async def last_chunk(self, data: bytes) -> Sent:
        """Send what is left of a chunked body and end it."""
        await self._write(_framed(self._coder.last(data)) + b"0\r\n\r\n")
        return self.done

    @property
    def done(self) -> Sent:
        """The answer is complete."""
        return _REUSABLE if self._reuse else _SPENT

    def close(self) -> Sent:
        """End the connection properly, after what was written."""
        self._transport().close()
        return _SPENT

    def reset(self) -> Sent:
        """Reset the connection."""
        transport = self._transport()
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
        return _SPENT


def _framed(data: bytes) -> bytes:
    # An empty chunk would end the body.
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
