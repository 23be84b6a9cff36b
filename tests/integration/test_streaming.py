"""Streams pass as they come: no byte waits for the next one, and a slow app slows the provider."""

import asyncio

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import receive, rig
from tests.integration.wire import LAST_CHUNK, STREAM, chunk, get, post
from tests.upstream.exchanges import steady

MEGABYTE = 1 << 20


class Stepwise:
    """A script that sends a stream's parts one at a time, each when the test says so."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts
        self._steps = asyncio.Semaphore(0)

    def step(self) -> None:
        """Send the next part."""
        self._steps.release()

    async def __call__(self, peer: Peer) -> None:
        await receive(peer)
        for part in self._parts:
            await self._steps.acquire()
            await peer.send(part)
        await peer.left()


async def test_the_head_arrives_before_any_byte_of_the_body() -> None:
    script = Stepwise(STREAM, LAST_CHUNK)
    async with rig(script) as it:
        client = await it.connect()
        client.post(post())
        script.step()
        async with asyncio.timeout(2):
            head = await client.head()
        script.step()
        assert (head.status, await client.chunk()) == (200, b"")


async def test_each_chunk_arrives_before_the_next_one_is_sent() -> None:
    events = [b"data: %d\n\n" % n for n in range(20)]
    script = Stepwise(STREAM, *map(chunk, events), LAST_CHUNK)
    async with rig(script) as it:
        client = await it.connect()
        client.post(post(b'{"model":"m","stream":true}'))
        script.step()
        await client.head()
        async with asyncio.timeout(5):
            for event in events:
                script.step()
                assert await client.chunk() == event
        script.step()
        assert await client.chunk() == b""


@pytest.mark.parametrize("part", [b"d", b"\xf0\x9f", b": c", b"\r"], ids=repr)
async def test_a_part_of_an_event_is_not_held_back(part: bytes) -> None:
    script = Stepwise(STREAM + chunk(part), LAST_CHUNK)
    async with rig(script) as it:
        client = await it.connect()
        client.post(post())
        script.step()
        await client.head()
        async with asyncio.timeout(2):
            assert await client.chunk() == part
        script.step()


async def test_a_part_of_a_body_with_a_length_is_not_held_back() -> None:
    script = Stepwise(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", b"cd")
    async with rig(script) as it:
        client = await it.connect()
        client.post(get())
        script.step()
        await client.head()
        async with asyncio.timeout(2):
            assert await client.reader.readexactly(2) == b"ab"
        script.step()
        assert await client.reader.readexactly(2) == b"cd"


async def test_a_part_of_a_chunk_is_not_held_back() -> None:
    script = Stepwise(STREAM + b"4\r\nab", b"cd\r\n" + LAST_CHUNK)
    async with rig(script) as it:
        client = await it.connect()
        client.post(get())
        script.step()
        await client.head()
        async with asyncio.timeout(2):
            assert await client.chunk() == b"ab"
        script.step()
        assert await client.chunk() == b"cd"


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
async def test_a_slow_app_slows_the_provider(chunked: bool) -> None:
    piece, pieces = bytes(range(256)) * 256, 512  # 32 MiB
    size = len(piece) * pieces

    async def script(peer: Peer) -> None:
        await receive(peer)
        if chunked:
            peer.post(STREAM + chunk(piece) * pieces + LAST_CHUNK)
        else:
            peer.post(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + piece * pieces)
        await peer.left()

    async with rig(script) as it:
        client = await it.connect(receive_buffer=65536)
        client.post(post())
        head = await client.head()
        peer = await it.provider.peer()
        unsent = await steady(lambda: peer.unsent, turns=2000)
        got = 0
        if chunked:
            while data := await client.chunk():
                got += len(data)
        else:
            got = len(await client.reader.readexactly(size))
        await it.at_rest()

    assert head.status == 200
    assert unsent > size // 2
    assert got == size


async def test_a_slow_app_does_not_hold_others_up() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await receive(peer)
            peer.post(STREAM + chunk(bytes(MEGABYTE)) * 8 + LAST_CHUNK)

    async with rig(script) as it:
        slow, quick = await it.connect(receive_buffer=65536), await it.connect()
        slow.post(post())
        await slow.head()
        answer = await quick.ask(post())
        slow.close()

    assert len(answer.body) == 8 * MEGABYTE


async def test_many_streams_run_side_by_side() -> None:
    number = 200
    everybody = asyncio.Event()
    started: list[Peer] = []

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(b"data: 1\n\n"))
        started.append(peer)
        if len(started) == number:
            everybody.set()
        await everybody.wait()
        await peer.send(chunk(b"data: 2\n\n") + LAST_CHUNK)
        await peer.left()

    async with rig(script, limit_initial=number) as it:
        clients = [await it.connect() for _ in range(number)]
        for client in clients:
            client.post(post())
        async with asyncio.timeout(10):
            bodies = {(await client.answer()).body for client in clients}

    assert bodies == {b"data: 1\n\ndata: 2\n\n"}
