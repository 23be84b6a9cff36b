"""What the tests of exchanges share: requests, sinks, and waiting without a clock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from sidecar.upstream.transport import (
    Origin,
    RawHeaders,
    ResponseHead,
    Transport,
    UpstreamRequest,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Sink:
    """Keeps what it is given, read by read."""

    def __init__(self) -> None:
        self.writes: list[list[bytes]] = []
        self.wrote = asyncio.Event()

    @property
    def pieces(self) -> list[bytes]:
        return [piece for pieces in self.writes for piece in pieces]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def write(self, pieces: Sequence[bytes]) -> bool:
        self.writes.append(list(pieces))
        self.wrote.set()
        return True

    async def drain(self) -> None:
        raise AssertionError("this sink is never full")


class SlowSink(Sink):
    """Full after each write, until `drained` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.draining = asyncio.Event()
        self.drained = asyncio.Event()
        self.drains = 0

    def write(self, pieces: Sequence[bytes]) -> bool:
        super().write(pieces)
        return False

    async def drain(self) -> None:
        self.drains += 1
        self.draining.set()
        await self.drained.wait()


class FailingSink(Sink):
    """Raises at its first write."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, pieces: Sequence[bytes]) -> bool:
        raise self.error


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    head: ResponseHead
    pieces: list[bytes]
    trailers: RawHeaders

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


def get(origin: Origin, *, method: str = "GET", headers: RawHeaders = ()) -> UpstreamRequest:
    """A request without a body."""
    return UpstreamRequest(origin, method, b"/v1", headers, None)


def post(
    origin: Origin, body: bytes | AsyncIterator[bytes] = b"{}", *, length: int | None = None
) -> UpstreamRequest:
    """A request with one."""
    return UpstreamRequest(origin, "POST", b"/v1", (), body, length)


async def fetch(transport: Transport, request: UpstreamRequest) -> Answer:
    """One whole exchange."""
    sink = Sink()
    async with transport.exchange(request) as response:
        await response.relay(sink)
        return Answer(response.head, sink.pieces, response.trailers)


async def settle(turns: int = 10) -> None:
    """Let everything happen that is ready to."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def steady(measure: Callable[[], int], *, turns: int = 200) -> int:
    """Wait until the measure stays the same for so many turns of the loop; give it."""
    last, same = measure(), 0
    while same < turns:
        await asyncio.sleep(0)
        now = measure()
        same = same + 1 if now == last else 0
        last = now
    return last


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    """A streamed body."""
    for piece in pieces:
        yield piece
