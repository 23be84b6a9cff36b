"""One large body, up or down, past a receiver that takes nothing at first."""

import asyncio
import time
import zlib
from typing import cast

from benchmarks.dataplane.load.job import TransferJob, TransferResult
from benchmarks.dataplane.payloads import BLOCK, checksum, request, upload_pieces

_PATIENCE = 60.0


class _Transfer(asyncio.Protocol):
    """A connection for one exchange; counts and sums up what it reads."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        self.crc = 0
        self.received = 0
        self.length = -1  # of the answer's body; known with its head
        self.status = b""
        self.start = b""  # the answer's head, then the first bytes of its body
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    def data_received(self, data: bytes) -> None:
        if self.length < 0:
            head, gap, data = (self.start + data).partition(b"\r\n\r\n")
            if not gap:
                self.start = head
                return
            self.status, self.start = head[9:12], b""
            field = head.lower().partition(b"\r\ncontent-length:")[2]
            self.length = int(field.split(b"\r\n", 1)[0] or 0)
        self.start += data[: 16 - len(self.start)]
        self.crc = zlib.crc32(data, self.crc)
        self.received += len(data)
        if self.received >= self.length:
            self.over.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self.over.set()
        self.room.set()


async def transfer(job: TransferJob) -> TransferResult:
    """Send or fetch it."""
    loop, begin = asyncio.get_running_loop(), time.perf_counter()
    _, connection = await loop.create_connection(_Transfer, "127.0.0.1", job.target.port)
    try:
        async with asyncio.timeout(_PATIENCE):
            intact = await (_upload if job.upload else _download)(connection, job)
    except TimeoutError:
        intact = False
    connection.transport.abort()
    return TransferResult(intact, time.perf_counter() - begin)


async def _upload(connection: _Transfer, job: TransferJob) -> bool:
    pieces = upload_pieces(job.size)
    length = sum(map(len, pieces))
    connection.transport.write(request(f"take {job.pause_ms}", b"", length=length))
    for piece in pieces:
        connection.transport.write(piece)
        await connection.room.wait()
    await connection.over.wait()
    return connection.status == b"200" and connection.start == b"%d" % checksum(pieces)


async def _download(connection: _Transfer, job: TransferJob) -> bool:
    connection.transport.write(request(f"send {job.size}", b"{}"))
    connection.transport.pause_reading()
    await asyncio.sleep(job.pause_ms / 1000)
    connection.transport.resume_reading()
    await connection.over.wait()
    whole, rest = divmod(job.size, len(BLOCK))
    expected = checksum([BLOCK] * whole + [BLOCK[:rest]])
    return connection.status == b"200" and connection.crc == expected
