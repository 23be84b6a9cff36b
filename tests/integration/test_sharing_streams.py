"""A shared answer that takes its time: everybody has it from the start, at his own pace."""

import asyncio

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import eventually, receive, rig
from tests.integration.sharing import askers, embed, joined
from tests.integration.wire import LAST_CHUNK, STREAM, chunk, get, post
from tests.upstream.exchanges import steady

MEGABYTE = 1 << 20
STREAMED = post(b'{"model":"m","messages":[],"temperature":0,"stream":true}')


class Stepwise:
    """A script: streams one chunk after the other, each when the test says so."""

    def __init__(self) -> None:
        self.received = 0
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, *data: bytes) -> None:
        """Chunks; they go to whichever connection asks first."""
        for one in data:
            self.chunks.put_nowait(chunk(one))

    def end(self, tail: bytes = LAST_CHUNK) -> None:
        """The last chunk."""
        self.chunks.put_nowait(tail)

    def cut(self) -> None:
        """The connection ends without one."""
        self.chunks.put_nowait(None)

    async def __call__(self, peer: Peer) -> None:
        while True:
            await receive(peer)
            self.received += 1
            await peer.send(STREAM)
            data: bytes | None = b""
            while data is not None and not data.startswith(b"0\r\n"):
                data = await self.chunks.get()
                if data is not None:
                    await peer.send(data)
            if data is None:
                peer.reset()
                return


async def test_who_joins_in_the_middle_has_it_from_the_start() -> None:
    script = Stepwise()
    async with rig(script, dedup_mode="deterministic") as it:
        (first,) = await askers(it, 1, STREAMED)
        script.send(b"one", b"two")
        assert (await first.head()).get("x-sidecar-shared") is None
        assert [await first.chunk(), await first.chunk()] == [b"one", b"two"]

        (late,) = await askers(it, 1, STREAMED)

        head = await late.head()
        assert (head.status, head.get("x-sidecar-shared")) == (200, b"call")
        assert [await late.chunk(), await late.chunk()] == [b"one", b"two"]
        script.send(b"three")
        assert [await first.chunk(), await late.chunk()] == [b"three", b"three"]
        script.end(b"0\r\nx-trailer: 1\r\n\r\n")
        for client in (first, late):
            assert await client.chunk() == b""
            assert await client.reader.readuntil(b"\r\n\r\n") == b"x-trailer: 1\r\n\r\n"
        assert script.received == 1
        assert await it.statuses() == {"openai,m,ok": 2}


async def test_who_comes_when_the_start_is_gone_has_a_call_of_its_own() -> None:
    script = Stepwise()
    async with rig(script, dedup_mode="deterministic") as it:
        (first,) = await askers(it, 1, STREAMED)
        await first.head()
        script.send(bytes(MEGABYTE + 1))
        taken = 0
        while taken <= MEGABYTE:
            taken += len(await first.chunk())
        clients = await askers(it, 2, STREAMED)
        await eventually(lambda: script.received == 2)  # these two share one again
        assert len(it.sidecar.services.shared) == 2
        script.end()
        script.end()
        for client in clients:
            assert (await client.answer()).body == b""
        assert await first.chunk() == b""


async def test_a_stream_that_breaks_is_cut_off_for_all() -> None:
    script = Stepwise()
    async with rig(script, dedup_mode="deterministic") as it:
        clients = await askers(it, 3, STREAMED)
        script.send(b"one")
        for client in clients:
            assert (await client.head()).status == 200
            assert await client.chunk() == b"one"
        script.cut()

        assert [await client.ended() for client in clients] == [b""] * 3
        await it.at_rest()
        assert await it.statuses() == {"openai,m,server_error": 3}


async def test_a_slow_app_holds_up_nobody_and_gets_everything() -> None:
    """It takes nothing while the others take 6 MiB, which is less than what cuts it off."""
    script, size = Stepwise(), 6 * MEGABYTE
    async with rig(script, dedup_mode="deterministic") as it:
        slow = await it.connect(receive_buffer=4096)
        slow.post(STREAMED)
        await joined(it, 1)
        (quick,) = await askers(it, 1, STREAMED)
        script.send(*[bytes(65_536)] * (size // 65_536))
        script.end()

        assert len((await quick.answer()).body) == size
        await it.in_place(in_flight=0)  # the call is over, and its place free
        assert len((await slow.answer()).body) == size


async def test_an_app_that_takes_nothing_is_cut_off_before_it_fills_the_memory() -> None:
    script = Stepwise()
    async with rig(script, dedup_mode="deterministic") as it:
        stuck = await it.connect(receive_buffer=4096)
        stuck.post(STREAMED)
        await joined(it, 1)
        (quick,) = await askers(it, 1, STREAMED)
        await quick.head()
        sent = 0
        while it.sidecar.services.shared.readers == 2:
            script.send(bytes(262_144))
            sent += len(await quick.chunk())
            assert sent < 14 * MEGABYTE
        assert sent > 8 * MEGABYTE
        script.send(b"end")
        script.end()
        last = b""
        while piece := await quick.chunk():
            last = piece
        assert last == b"end"
        assert len(await stuck.ended()) < sent
        await it.at_rest()
        assert (await it.statuses()) == {"openai,m,ok": 1, "openai,m,cancelled": 1}
        assert b'"reason":"slow_reader"' in it.log.getvalue()


@pytest.mark.parametrize("others", [0, 1])
async def test_apps_that_are_all_slow_slow_the_provider_down(others: int) -> None:
    go_on, size = asyncio.Event(), 32 * MEGABYTE

    async def script(peer: Peer) -> None:
        await receive(peer)
        await go_on.wait()
        peer.post(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await peer.left()

    async with rig(script, dedup_mode="safe") as it:
        for number in range(1 + others):
            client = await it.connect(receive_buffer=65536)
            client.post(get("/v1/models"))
            await joined(it, number + 1)
        peer = await it.provider.peer()
        go_on.set()
        heads = [await client.head() for client in it.clients]
        unsent = await steady(lambda: peer.unsent, turns=2000)
        assert [head.status for head in heads] == [200] * (1 + others)
        assert unsent > size // 2
        together = [client.reader.readexactly(size) for client in it.clients]
        assert [len(body) for body in await asyncio.gather(*together)] == [size] * (1 + others)


async def test_an_app_that_speaks_http_1_0_may_share_too() -> None:
    script = Stepwise()
    async with rig(script, dedup_mode="safe") as it:
        (first,) = await askers(it, 1, embed())
        (old,) = await askers(it, 1, embed().replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        script.send(b"one", b"two")
        script.end()

        assert (await first.answer()).chunks == (b"one", b"two")
        head = await old.head()
        assert head.get("transfer-encoding") is None
        assert await old.ended() == b"onetwo"
