"""A provider made of bytes: what it reads and writes is what the test says, to the byte.

    async def script(peer: Peer) -> None:
        request = await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async with RawServer(script) as server:
        ...  # talk to server.port
        await server.all_gone()

The script runs once for each connection. A script that fails, fails the test when the server closes.
"""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

from sidecar.upstream.transport import Origin


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as it came."""

    head: bytes
    """With its empty line."""
    body: bytes
    """As on the wire: chunk framing included."""

    @property
    def lines(self) -> list[bytes]:
        """Request line and fields."""
        return self.head.split(b"\r\n")[:-2]


class Peer:
    """The server's end of one connection."""

    def __init__(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.number = number
        """0 for the server's first connection, then 1, 2, …"""
        self.requests: list[RawRequest] = []
        self.asked = asyncio.Event()
        """Set when `request` has read one."""
        self.gone = asyncio.Event()
        """Set when the client's end is closed, by FIN or reset, and the script looked."""
        self._reader = reader
        self._writer = writer

    async def head(self) -> bytes:
        """Read a request's head. Raises EOFError (IncompleteReadError) when the client leaves."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def request(self) -> RawRequest:
        """Read a whole request, framed by Content-Length or chunked."""
        head = await self.head()
        body = b""
        if length := re.search(rb"(?i)\r\ncontent-length: (\d+)\r\n", head):
            body = await self._reader.readexactly(int(length[1]))
        elif re.search(rb"(?i)\r\ntransfer-encoding: chunked\r\n", head):
            while not body.endswith(b"0\r\n\r\n"):
                body += await self._reader.readuntil(b"\r\n")
        request = RawRequest(head, body)
        self.requests.append(request)
        self.asked.set()
        return request

    async def read(self, size: int) -> bytes:
        """Read that many bytes."""
        return await self._reader.readexactly(size)

    async def send(self, data: bytes) -> None:
        """Write and wait until the client's kernel has taken (nearly) all."""
        self._writer.write(data)
        await self._writer.drain()

    def post(self, data: bytes) -> None:
        """Write without waiting, however much it is; see `unsent`."""
        self._writer.write(data)

    @property
    def unsent(self) -> int:
        """Bytes that the client's side has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    def stop_reading(self) -> None:
        """Take nothing more from the client, for good."""
        # A StreamReader resumes its transport by itself, but only while somebody reads.
        cast("asyncio.ReadTransport", self._writer.transport).pause_reading()

    def end(self) -> None:
        """Send FIN; go on reading."""
        self._writer.write_eof()

    def close(self) -> None:
        """Send FIN and read no more."""
        self._writer.close()

    def reset(self) -> None:
        """Send RST."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The server's end of the TLS session."""
        found: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return found

    async def left(self) -> None:
        """Wait until the client closes its end."""
        try:
            while await self._reader.read(65536):
                pass
        except ConnectionError:
            pass
        self.gone.set()


Script = Callable[[Peer], Awaitable[None]]
"""What one connection does, from its first byte to its last."""


def answers(*responses: bytes) -> Script:
    """Each connection answers its first request with the first response, and so on; then listens."""

    async def script(peer: Peer) -> None:
        for response in responses:
            await peer.request()
            await peer.send(response)
        await peer.left()

    return script


def in_turn(*scripts: Script) -> Script:
    """The first connection follows the first script, and so on; the last one serves the rest too."""

    async def script(peer: Peer) -> None:
        await scripts[min(peer.number, len(scripts) - 1)](peer)

    return script


class RawServer:
    """Listens on a free port of 127.0.0.1 and runs a script for each connection."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.peers: list[Peer] = []
        """One for each connection, in order."""
        self.port = 0
        self._script = script
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []
        self._changed = asyncio.Condition()

    @property
    def origin(self) -> Origin:
        """Where it is; over TLS by the name `localhost`."""
        tls = self._tls is not None
        return Origin(tls=tls, host="localhost" if tls else "127.0.0.1", port=self.port)

    @property
    def requests(self) -> Sequence[RawRequest]:
        """All requests read with `Peer.request`, by connection."""
        return [request for peer in self.peers for request in peer.requests]

    async def peer(self, number: int = 0) -> Peer:
        """That connection, once it is there."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.peers) > number)
        return self.peers[number]

    async def all_gone(self) -> None:
        """Wait until every connection's script has ended."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._tasks)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await self.all_gone()
        await self._server.wait_closed()
        if self._failures and exc is None:
            raise ExceptionGroup("scripts failed", self._failures)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(len(self.peers), reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.peers.append(peer)
        try:
            async with self._changed:
                self._changed.notify_all()
            await self._script(peer)
        except asyncio.CancelledError:
            pass  # the server closes
        except (EOFError, ConnectionError):
            peer.gone.set()  # the client left in the middle: the test knows
        except Exception as exc:  # noqa: BLE001 - raised when the server closes
            self._failures.append(exc)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)
            async with self._changed:
                self._changed.notify_all()
