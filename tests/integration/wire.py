"""HTTP/1.1 as bytes, read strictly and independently of the code under test."""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

Fields = tuple[tuple[bytes, bytes], ...]

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    )
)
FRAMING = frozenset((b"content-length", b"transfer-encoding"))

_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response as it came over a wire."""

    start: bytes
    fields: Fields
    body: bytes = b""
    chunks: tuple[bytes, ...] | None = None
    """The HTTP chunks; None where the body was not chunked."""
    trailers: Fields = ()

    @property
    def status(self) -> int:
        """A response's status."""
        return int(self.start.split(b" ", 2)[1])

    @property
    def reason(self) -> bytes:
        """A response's words, which may be missing."""
        return b" ".join(self.start.split(b" ", 2)[2:])

    def all(self, name: str) -> list[bytes]:
        """Every value of a field."""
        return [value for key, value in self.fields if key.lower() == name.lower().encode()]

    def get(self, name: str) -> bytes | None:
        """The first value of a field."""
        return next(iter(self.all(name)), None)

    def end_to_end(self) -> Fields:
        """The fields that a proxy must leave alone, framing and `Host` excluded."""
        named = {
            token.strip().lower() for value in self.all("connection") for token in value.split(b",")
        }
        gone = HOP_BY_HOP | FRAMING | named | {b"host", b"expect"}
        return tuple(
            (name, value)
            for name, value in self.fields
            if name.lower() not in gone and not name.lower().startswith(b"x-sidecar-")
        )


def fields_of(lines: Iterable[bytes]) -> Fields:
    """Field lines, taken apart."""
    pairs = (line.partition(b":") for line in lines)
    return tuple((name, value.strip(b" \t")) for name, _, value in pairs)


async def read_head(reader: asyncio.StreamReader) -> Message:
    """Start line and fields. Raises IncompleteReadError where the other side leaves first."""
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[:-2]
    return Message(lines[0], fields_of(lines[1:]))


async def read_chunk(reader: asyncio.StreamReader) -> bytes:
    """One HTTP chunk; empty at the end of the body, whose trailers are still unread then."""
    size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
    if not size:
        return b""
    data = await reader.readexactly(size + 2)
    assert data.endswith(b"\r\n")
    return data[:-2]


async def read_body(
    reader: asyncio.StreamReader, head: Message, *, until_end: bool = False
) -> Message:
    """The body behind a head; `until_end`: it lasts as long as the connection if nothing frames it."""
    if (head.get("transfer-encoding") or b"").lower() == b"chunked":
        chunks = []
        while chunk := await read_chunk(reader):
            chunks.append(chunk)
        lines = []
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            lines.append(line[:-2])
        trailers = fields_of(lines)
        return Message(head.start, head.fields, b"".join(chunks), tuple(chunks), trailers)
    length = head.get("content-length")
    if length is not None:
        return Message(head.start, head.fields, await reader.readexactly(int(length)))
    return Message(head.start, head.fields, await reader.read(-1) if until_end else b"")


class Client:
    """An app made of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, *, receive_buffer: int | None = None) -> Self:
        """Connect; a small `receive_buffer` makes back-pressure arrive early."""
        sock = socket.socket()
        sock.setblocking(False)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=sock, limit=receive_buffer or _BUFFER))

    def post(self, data: bytes) -> None:
        """Write without waiting."""
        self.writer.write(data)

    async def send(self, data: bytes) -> None:
        """Write and wait until the kernel has (nearly) taken it."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> Message:
        """The next response's head."""
        return await read_head(self.reader)

    async def answer(self, method: str = "GET") -> Message:
        """The next final response; interim ones are skipped."""
        head = await self.head()
        while head.status < 200:
            head = await self.head()
        if method == "HEAD" or head.status in (204, 304):
            return head
        return await read_body(self.reader, head, until_end=True)

    async def ask(self, data: bytes, method: str = "GET") -> Message:
        """Send a request, read its answer."""
        self.post(data)
        return await self.answer(method)

    async def chunk(self) -> bytes:
        """The next HTTP chunk."""
        return await read_chunk(self.reader)

    async def ended(self) -> bytes:
        """What still comes until the other side closes, by FIN or reset."""
        rest = b""
        try:
            while data := await self.reader.read(65536):
                rest += data
        except ConnectionError:
            pass
        return rest

    @property
    def untaken(self) -> int:
        """Bytes that have not reached the other side's kernel (on Linux)."""
        unsent = self.writer.transport.get_write_buffer_size()
        sock = self.writer.get_extra_info("socket")
        (queued,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
        return unsent + int(queued)

    def close(self) -> None:
        """Leave with a FIN."""
        self.writer.close()

    def reset(self) -> None:
        """Leave with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def post(
    body: bytes = b'{"model":"m"}',
    *,
    path: str = "/v1/chat/completions",
    extra: bytes = b"",
    method: str = "POST",
) -> bytes:
    """A JSON call; `extra` holds further field lines, each with its CR LF."""
    return (
        b"%b %b HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
        % (method.encode(), path.encode(), extra, len(body))
    ) + body


def get(path: str = "/v1/models", *, extra: bytes = b"", method: str = "GET") -> bytes:
    """A call without a body."""
    return b"%b %b HTTP/1.1\r\nHost: app\r\n%b\r\n" % (method.encode(), path.encode(), extra)


def ok(body: bytes = b'{"ok":true}', *, extra: bytes = b"", status: bytes = b"200 OK") -> bytes:
    """An answer with a length."""
    return (
        b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
        % (status, extra, len(body))
    ) + body


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
"""The head of a streamed answer."""

LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)
