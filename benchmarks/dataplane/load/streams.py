"""Many event streams at once: each event's delay, and whether every byte came as it was sent."""

import asyncio
import time
import zlib
from typing import cast

import httptools

from benchmarks.dataplane.load.job import StreamsJob, StreamsResult
from benchmarks.dataplane.payloads import (
    STAMP,
    STAMP_DIGITS,
    STREAM_END,
    STREAM_END_BYTES,
    STREAMED_CHAT,
    request,
)
from benchmarks.dataplane.procfs import cpu_seconds

_PATIENCE = 30.0
"""Seconds beyond the streams' own length after which what is missing is lost."""


class _Counts:
    """What all streams have in common."""

    def __init__(self, expected: int) -> None:
        self.left = expected
        self.open = 0
        self.most_open = 0
        self.whole = 0
        self.delays: list[float] = []
        self.first_events: list[float] = []
        self.first_end = asyncio.Event()
        self.over = asyncio.Event()

    def opened(self) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)

    def ended(self, *, begun: bool, whole: bool) -> None:
        self.open -= begun
        self.whole += whole
        self.left -= 1
        self.first_end.set()
        if not self.left:
            self.over.set()


class _Stream(asyncio.Protocol):
    """One stream on a connection of its own."""

    __slots__ = (
        "_ask",
        "_asked_at",
        "_begun",
        "_counts",
        "_crc",
        "_done",
        "_last",
        "_parser",
        "_transport",
    )

    def __init__(self, counts: _Counts, ask: bytes) -> None:
        self._counts = counts
        self._crc = 0
        self._last = b""  # the bytes that may be the end's, kept out of the checksum
        self._begun = False
        self._done = False
        self._parser = httptools.HttpResponseParser(self)
        self._asked_at = time.perf_counter()
        self._ask = ask

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: ask."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._ask)

    def data_received(self, data: bytes) -> None:
        """Some events."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_body(self, piece: bytes) -> None:
        """A piece of the body: called by the parser."""
        now = time.monotonic_ns()
        if not self._begun:
            self._begun = True
            self._counts.opened()
            self._counts.first_events.append(time.perf_counter() - self._asked_at)
        at = piece.find(STAMP)
        while at >= 0:
            at += len(STAMP)
            stamp = piece[at : at + STAMP_DIGITS]
            if len(stamp) == STAMP_DIGITS:  # else it was split, which the checksum looks after
                self._counts.delays.append((now - int(stamp)) / 1e9)
            at = piece.find(STAMP, at)
        piece = self._last + piece
        self._crc = zlib.crc32(piece[:-STREAM_END_BYTES], self._crc)
        self._last = piece[-STREAM_END_BYTES:]

    def on_message_complete(self) -> None:
        """The stream's proper end."""
        right = self._parser.get_status_code() == 200 and self._last == STREAM_END % self._crc
        self._end(whole=right)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Too early, unless it had ended."""
        self._end(whole=False)

    def _end(self, *, whole: bool) -> None:
        if not self._done:
            self._done = True
            self._counts.ended(begun=self._begun, whole=whole)


async def streams(job: StreamsJob) -> StreamsResult:
    """Open the streams one after the other and read them all to their ends."""
    loop, counts = asyncio.get_running_loop(), _Counts(job.streams)
    ask = request(f"stream {job.events} {job.gap_ms}", STREAMED_CHAT)
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as opening:
        for number in range(job.streams):
            early = begin + job.ramp * number / job.streams - time.perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            opening.create_task(
                loop.create_connection(lambda: _Stream(counts, ask), "127.0.0.1", job.target.port)
            )
    counts.delays.clear()  # opening is another matter: `first_events`
    cpu = cpu_seconds(job.target.pids)
    await _wait(counts.first_end, job)
    delays, cpu = counts.delays.copy(), cpu_seconds(job.target.pids) - cpu
    await _wait(counts.over, job)
    return StreamsResult(
        whole=counts.whole,
        most_open=counts.most_open,
        delays=delays,
        first_events=counts.first_events,
        seconds=time.perf_counter() - begin,
        plateau_cpu_seconds=cpu,
    )


async def _wait(event: asyncio.Event, job: StreamsJob) -> None:
    """For the event, or until what is missing must be taken for lost."""
    try:
        async with asyncio.timeout(job.events * job.gap_ms / 1000 + _PATIENCE):
            await event.wait()
    except TimeoutError:
        return
