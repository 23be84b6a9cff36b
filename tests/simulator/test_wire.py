"""Answers go out byte by byte as they are made, whole or broken."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp.web import BaseRequest

from sidecar.simulator.wire import Sent, Wire
from tests.support import serving, settle, talk

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

Answering = Callable[[Wire], Awaitable[Sent]]


async def answers(answering: Answering, *requests: bytes) -> bytes:
    """Everything that a server says to these requests on one connection."""

    async def handle(request: BaseRequest) -> Sent:
        return await answering(Wire(request))

    async with serving(handle) as port:
        return await talk(port, *requests)


async def test_a_whole_answer_has_its_length() -> None:
    async def whole(wire: Wire) -> Sent:
        return await wire.whole(200, (("a", "b"), ("a", "c")), b"body")

    assert await answers(whole, LAST_GET) == (
        b"HTTP/1.1 200 OK\r\na: b\r\na: c\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"
    )


async def test_a_connection_is_kept_until_the_client_wants_it_closed() -> None:
    async def whole(wire: Wire) -> Sent:
        return await wire.whole(200, (), b"x")

    kept = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
    closed = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx"
    assert await answers(whole, GET, GET, LAST_GET) == kept + kept + closed


async def test_a_head_has_no_body_but_its_length() -> None:
    async def whole(wire: Wire) -> Sent:
        return await wire.whole(200, (), b"body")

    answer = await answers(whole, LAST_GET.replace(b"GET", b"HEAD"))

    assert answer.endswith(b"content-length: 4\r\nconnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (429, b"HTTP/1.1 429 Too Many Requests\r\n"),
        (529, b"HTTP/1.1 529 Overloaded\r\n"),
    ],
)
async def test_every_status_has_its_line(status: int, line: bytes) -> None:
    async def whole(wire: Wire) -> Sent:
        return await wire.whole(status, (), b"")

    assert (await answers(whole, LAST_GET)).startswith(line)


async def test_chunks_go_out_one_by_one_and_an_empty_one_does_not_end_the_body() -> None:
    async def chunks(wire: Wire) -> Sent:
        await wire.chunk(b"one", head=wire.head(200, (), None))
        await wire.chunk(b"")
        await wire.chunk(b"sixteen bytes...")
        return await wire.last_chunk(b"end")

    assert await answers(chunks, LAST_GET) == (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        b"3\r\none\r\n10\r\nsixteen bytes...\r\n3\r\nend\r\n0\r\n\r\n"
    )


async def test_the_last_chunk_may_be_nothing_but_the_end() -> None:
    async def chunks(wire: Wire) -> Sent:
        await wire.raw(wire.head(200, (), None))
        return await wire.last_chunk(b"")

    assert (await answers(chunks, LAST_GET)).endswith(b"\r\n\r\n0\r\n\r\n")


async def test_a_closed_connection_ends_after_what_was_written() -> None:
    async def close(wire: Wire) -> Sent:
        await wire.raw(wire.head(200, (), 100) + b"half")
        return wire.close()

    assert await answers(close, GET) == b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"


async def test_a_reset_is_a_reset() -> None:
    async def handle(request: BaseRequest) -> Sent:
        return Wire(request).reset()

    async with serving(handle) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_who_is_gone_cannot_be_written_to() -> None:
    gone = asyncio.Event()
    seen: list[type[BaseException]] = []

    async def handle(request: BaseRequest) -> Sent:
        wire = Wire(request)
        try:
            await gone.wait()
        except asyncio.CancelledError:
            for write in (wire.whole(200, (), b""), wire.raw(b"x"), wire.last_chunk(b"")):
                try:
                    await write
                except ConnectionResetError as error:
                    seen.append(type(error))
            gone.set()
            raise
        raise AssertionError("not cancelled")

    async with serving(handle) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await writer.drain()
        await asyncio.sleep(0)
        writer.close()
        await asyncio.wait_for(gone.wait(), 5)

    assert seen == [ConnectionResetError] * 3


async def test_a_client_that_does_not_read_is_waited_for() -> None:
    written = 0

    async def handle(request: BaseRequest) -> Sent:
        nonlocal written
        wire = Wire(request)
        await wire.raw(wire.head(200, (), None))
        while written < 64_000_000:
            await wire.chunk(b"x" * 65_536)
            written += 65_536
        return await wire.last_chunk(b"")

    async with serving(handle) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        before = -1
        while before != written:
            before = written
            for _ in range(20):
                await settle()
        assert written < 64_000_000
        assert await reader.readexactly(1_000_000)
        writer.transport.abort()
