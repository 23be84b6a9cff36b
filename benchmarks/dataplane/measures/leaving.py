"""How soon the provider is rid of a call whose app has left."""

import asyncio
import time
from statistics import median

import uvloop

from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.processes import SidecarProcess
from benchmarks.dataplane.rows import Row

_MOST_MS = 100.0

_PATIENCE = 10.0
"""Seconds for anything to happen."""

_REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: sidecar\r\n"
    b"Content-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    b'{"model":"m"}'
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT = b'f\r\ndata: {"n": 1}\n\r\n'


class _Provider:
    """Takes one call after the other, says `words`, and waits until the caller is gone."""

    def __init__(self, words: bytes) -> None:
        self._words = words
        self.asked: asyncio.Queue[None] = asyncio.Queue()
        self.left: asyncio.Queue[float] = asyncio.Queue()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'{"model":"m"}')
        writer.write(self._words)
        self.asked.put_nowait(None)
        await reader.read()
        self.left.put_nowait(time.perf_counter())
        writer.close()


def leaving(plan: Plan) -> list[Row]:
    """The app closes its connection before the first byte, and in the middle of a stream."""
    return [
        _row("before the first byte", b"", plan.departures),
        _row("in mid-stream", _HEAD + _EVENT, plan.departures),
    ]


def _row(moment: str, words: bytes, times: int) -> Row:
    took = uvloop.run(_departures(words, times))
    return Row(
        measure=f"the app leaves {moment}: until the provider notices, {times} times",
        sidecar=f"{median(took):.2f} ms",
        change=f"{max(took):.2f} ms at most",
        target=f"<= {_MOST_MS:g} ms",
        met=max(took) <= _MOST_MS,
        values={"median_ms": median(took), "most_ms": max(took)},
    )


async def _departures(words: bytes, times: int) -> list[float]:
    provider = _Provider(words)
    async with await asyncio.start_server(provider, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with SidecarProcess(port) as sidecar:
            return [await _departure(provider, sidecar.port, words) for _ in range(times)]


async def _departure(provider: _Provider, port: int, words: bytes) -> float:
    """Milliseconds from the app's close to the provider's end of file."""
    async with asyncio.timeout(_PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_REQUEST)
        await provider.asked.get()
        if words:
            await reader.readuntil(b'{"n": 1}')
        left = time.perf_counter()
        writer.close()
        noticed = await provider.left.get()
        await writer.wait_closed()
        return (noticed - left) * 1e3
