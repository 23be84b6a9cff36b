"""A provider that costs next to nothing: `python -m benchmarks.dataplane.provider`.

Prints its port and serves until its standard input ends, so that it cannot outlive its parent.
Obeys the `x-bench` field of a request; see `payloads`.
"""

import asyncio
import sys
import time
import zlib
from typing import cast

import uvloop

from benchmarks.dataplane.payloads import (
    ANSWER,
    BLOCK,
    EVENT,
    STREAM_END,
    answer_head,
)

_BACKLOG = 4096

_WHOLE_ANSWER = answer_head(b"application/json", len(ANSWER)) + ANSWER
_STREAM_HEAD = answer_head(b"text/event-stream", None)


class Provider(asyncio.Protocol):
    """One connection: reads a request, does what its script says, waits for the next one."""

    __slots__ = ("_crc", "_data", "_left", "_loop", "_room", "_script", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._data = b""
        self._left = 0  # bytes of the body still to come
        self._script: list[bytes] = []
        self._crc = 0
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection."""
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """The reader of a large body is slow."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It took some."""
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Let a large body in its middle find out."""
        self._room.set()

    def data_received(self, data: bytes) -> None:
        """A part of a request, or all of it."""
        if self._left:
            self._take_body(data)
            return
        data = self._data + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._data = data
            return
        self._data = b""
        head = data[:end].lower()
        self._left = _number(head, b"\r\ncontent-length:")
        at = head.find(b"\r\nx-bench:")
        self._script = (
            head[at + 10 :].split(b"\r\n", 1)[0].split() if at >= 0 else [b"answer", b"0"]
        )
        self._crc = 0
        if self._script[0] == b"take" and self._script[1] != b"0":
            self._transport.pause_reading()
            self._loop.call_later(int(self._script[1]) / 1000, self._transport.resume_reading)
        self._take_body(data[end + 4 :])

    def _take_body(self, data: bytes) -> None:
        self._left -= len(data)
        if self._script[0] == b"take":
            self._crc = zlib.crc32(data, self._crc)
        if self._left <= 0:
            self._answer()

    def _answer(self) -> None:
        kind, *numbers = self._script
        if kind == b"answer" and numbers == [b"0"]:
            self._transport.write(_WHOLE_ANSWER)
        elif kind == b"answer":
            self._loop.call_later(int(numbers[0]) / 1000, self._transport.write, _WHOLE_ANSWER)
        elif kind == b"stream":
            self._transport.write(_STREAM_HEAD)
            Stream(self._loop, self._transport, int(numbers[0]), int(numbers[1]) / 1000).tick()
        elif kind == b"take":
            body = b"%d" % self._crc
            self._transport.write(answer_head(b"application/json", len(body)) + body)
        else:
            self._loop.create_task(self._send(int(numbers[0]))).add_done_callback(_raise)

    async def _send(self, size: int) -> None:
        self._transport.write(answer_head(b"audio/mpeg", size))
        while size and not self._transport.is_closing():
            piece = BLOCK[:size]
            self._transport.write(piece)
            size -= len(piece)
            await self._room.wait()


class Stream:
    """Sends stamped events at a steady pace, then a checksum of them all."""

    __slots__ = ("_crc", "_due", "_gap", "_left", "_loop", "_transport")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        events: int,
        gap: float,
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._left = events
        self._gap = gap
        self._due = loop.time()
        self._crc = 0

    def tick(self) -> None:
        """One event, and a timer for the next one."""
        if self._transport.is_closing():
            return
        if not self._left:
            end = STREAM_END % self._crc
            self._transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(end), end))
            return
        self._left -= 1
        self._due += self._gap
        event = EVENT % time.monotonic_ns()
        self._crc = zlib.crc32(event, self._crc)
        self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))
        self._loop.call_at(self._due, self.tick)


def _number(head: bytes, field: bytes) -> int:
    at = head.find(field)
    return int(head[at + len(field) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _raise(task: asyncio.Task[None]) -> None:
    task.result()


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(loop), "127.0.0.1", 0, backlog=_BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()


if __name__ == "__main__":
    uvloop.run(main())
