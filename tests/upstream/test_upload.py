"""Streamed request bodies, beside the answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sidecar.errors import (
    BadRequestError,
    ClientGoneError,
    StreamBrokenError,
    UpstreamTimeoutError,
)
from sidecar.upstream.client import RawTransport
from sidecar.upstream.config import UpstreamConfig
from tests.fakes.raw_server import Peer, RawServer, answers
from tests.upstream.exchanges import (
    CHUNKED,
    OK,
    Sink,
    fetch,
    pieces_of,
    post,
    settle,
)

REFUSED = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"


class Stalling:
    """A body whose second piece never comes."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.cancelled = False

    async def pieces(self) -> AsyncIterator[bytes]:
        yield b"first"
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class Endless:
    """A body without an end, as fast as it is taken."""

    def __init__(self) -> None:
        self.taken = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        while True:
            self.taken += 65536
            yield bytes(65536)
            await asyncio.sleep(0)


async def test_a_body_of_unknown_length_is_sent_in_chunks(transport: RawTransport) -> None:
    async with RawServer(answers(OK, OK)) as server:
        for _ in range(2):
            await fetch(transport, post(server.origin, pieces_of(b"one", b"", b"twenty")))

        request = server.requests[0]
        assert b"Transfer-Encoding: chunked" in request.lines
        assert request.body == b"3\r\none\r\n6\r\ntwenty\r\n0\r\n\r\n"
    assert transport.connections_opened == 1


async def test_a_body_of_known_length_is_sent_as_it_is(transport: RawTransport) -> None:
    async with RawServer(answers(OK, OK)) as server:
        for _ in range(2):
            await fetch(transport, post(server.origin, pieces_of(b"on", b"", b"e"), length=3))

        request = server.requests[0]
        assert b"Content-Length: 3" in request.lines
        assert request.body == b"one"
    assert transport.connections_opened == 1


@pytest.mark.parametrize(("length", "how"), [(2, "longer"), (4, "shorter")])
async def test_a_body_must_have_the_length_that_was_announced(
    transport: RawTransport, length: int, how: str
) -> None:
    """A longer one would be read as another request on the same connection."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.left()

    async with RawServer(script) as server:
        with pytest.raises(BadRequestError, match=how):
            await fetch(transport, post(server.origin, pieces_of(b"1", b"23"), length=length))
        await server.peers[0].gone.wait()


async def test_what_the_body_raises_comes_out_and_closes(transport: RawTransport) -> None:
    async def leaving() -> AsyncIterator[bytes]:
        yield b"first"
        raise ClientGoneError("left")

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.left()

    async with RawServer(script) as server:
        with pytest.raises(ClientGoneError, match="left"):
            await fetch(transport, post(server.origin, leaving()))
        await server.peers[0].gone.wait()


async def test_a_provider_that_does_not_read_is_not_sent_more(transport: RawTransport) -> None:
    body = Endless()
    read_now = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.stop_reading()
        await read_now.wait()

    async with RawServer(script) as server:
        async with asyncio.TaskGroup() as group:
            fetching = group.create_task(fetch(transport, post(server.origin, body.pieces())))
            await server.peer()
            taken = -1
            while taken != body.taken:
                taken = body.taken
                await settle(200)
            assert taken < 16 * 1024 * 1024  # what two sockets' buffers hold
            fetching.cancel()
        read_now.set()

    assert fetching.cancelled()


async def test_an_answer_while_the_body_stalls_is_delivered_and_stops_the_upload(
    transport: RawTransport,
) -> None:
    body = Stalling()

    async def script(peer: Peer) -> None:
        await peer.head()
        await body.waiting.wait()
        await peer.send(REFUSED)
        await peer.left()

    async with RawServer(script) as server:
        got = await fetch(transport, post(server.origin, body.pieces()))
        await server.peers[0].gone.wait()

    assert (got.head.status, got.body) == (413, b"big")
    assert body.cancelled
    assert transport.idle_connections == 0


async def test_an_answer_while_the_provider_reads_no_more_is_delivered(
    transport: RawTransport,
) -> None:
    body = Endless()

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.stop_reading()
        await peer.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
        await leave.wait()

    leave = asyncio.Event()
    async with RawServer(script) as server:
        got = await fetch(transport, post(server.origin, body.pieces(), length=10**9))
        taken = body.taken
        await settle()
        leave.set()

        assert (got.head.status, got.body) == (401, b"no")
        assert body.taken == taken
    assert transport.idle_connections == 0


async def test_a_refusal_of_a_large_body_in_memory_closes_too(transport: RawTransport) -> None:
    """Its rest still lies unsent."""

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.stop_reading()
        await peer.send(REFUSED)
        await leave.wait()

    leave = asyncio.Event()
    async with RawServer(script) as server:
        got = await fetch(transport, post(server.origin, bytes(64 * 1024 * 1024)))
        leave.set()

        assert got.body == b"big"
        assert transport.idle_connections == 0


async def test_a_2xx_before_the_end_lets_the_upload_run_on(transport: RawTransport) -> None:
    """Both ways at once: each piece goes up after the answer to the one before came down."""
    sink = Sink()

    async def echoing() -> AsyncIterator[bytes]:
        for number in b"12":
            sink.wrote.clear()
            yield b"%c" % number
            await sink.wrote.wait()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(CHUNKED)
        for _ in range(2):
            chunk = await peer.read(len(b"1\r\nx\r\n"))
            await peer.send(chunk)
        await peer.read(len(b"0\r\n\r\n"))
        await peer.send(b"0\r\n\r\n")
        await answers(OK)(peer)

    async with RawServer(script) as server:
        async with transport.exchange(post(server.origin, echoing())) as response:
            await response.relay(sink)
        assert sink.pieces == [b"1", b"2"]
        await fetch(transport, post(server.origin))

    assert transport.connections_opened == 1


async def test_an_answer_that_ends_before_the_upload_closes_the_connection(
    transport: RawTransport,
) -> None:
    body = Stalling()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        await peer.left()

    async with RawServer(script) as server:
        assert (await fetch(transport, post(server.origin, body.pieces()))).body == b"ok"
        await server.peers[0].gone.wait()

    assert transport.idle_connections == 0


async def test_a_body_that_fails_during_the_answer_breaks_the_relay(
    transport: RawTransport,
) -> None:
    fail = asyncio.Event()

    async def leaving() -> AsyncIterator[bytes]:
        yield b"first"
        await fail.wait()
        raise ClientGoneError("left")

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(CHUNKED)
        await peer.left()

    async with RawServer(script) as server:
        async with transport.exchange(post(server.origin, leaving())) as response:
            fail.set()
            with pytest.raises(ClientGoneError):
                await response.relay(Sink())
        await server.peers[0].gone.wait()


async def test_a_provider_that_hangs_up_stops_the_upload(transport: RawTransport) -> None:
    body = Endless()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(CHUNKED)
        await peer.read(100_000)
        peer.reset()

    async with RawServer(script) as server:
        async with transport.exchange(post(server.origin, body.pieces())) as response:
            with pytest.raises(StreamBrokenError):
                await response.relay(Sink())
        taken = body.taken
        await settle()

        assert body.taken == taken


async def test_cancelling_stops_the_upload(transport: RawTransport) -> None:
    body = Stalling()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.left()

    async with RawServer(script) as server:
        async with asyncio.TaskGroup() as group:
            fetching = group.create_task(fetch(transport, post(server.origin, body.pieces())))
            await body.waiting.wait()
            fetching.cancel()
        await server.peers[0].gone.wait()

    assert body.cancelled


# The provider's clock


async def test_the_clock_does_not_run_while_the_app_uploads_slowly() -> None:
    transport = RawTransport(UpstreamConfig(read_timeout=0.1))

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.sleep(0.2)  # the subject is time
        yield b"second"

    async with RawServer(answers(OK)) as server:
        assert (await fetch(transport, post(server.origin, slow()))).body == b"ok"
    await transport.close()


async def test_the_clock_runs_while_the_provider_takes_no_more() -> None:
    transport = RawTransport(UpstreamConfig(read_timeout=0.1))
    leave = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.stop_reading()
        await leave.wait()

    async with RawServer(script) as server:
        with pytest.raises(UpstreamTimeoutError):
            await fetch(transport, post(server.origin, Endless().pieces()))
        leave.set()
    await transport.close()


async def test_the_clock_runs_after_the_upload() -> None:
    transport = RawTransport(UpstreamConfig(read_timeout=0.1))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.left()

    async with RawServer(script) as server:
        with pytest.raises(UpstreamTimeoutError):
            await fetch(transport, post(server.origin, pieces_of(b"all")))
    await transport.close()


async def test_being_cancelled_while_an_upload_is_stopped_leaves_no_connection(
    transport: RawTransport,
) -> None:
    """The answer is complete, the body takes its time to end, and the app leaves in this moment."""
    stopping, stopped = asyncio.Event(), asyncio.Event()

    async def reluctant() -> AsyncIterator[bytes]:
        yield b"first"
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            await stopped.wait()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        await peer.left()

    async with RawServer(script) as server, asyncio.TaskGroup() as group:
        task = group.create_task(fetch(transport, post(server.origin, reluctant())))
        await stopping.wait()
        task.cancel()
        await asyncio.wait([task])
        await settle()
        open_connections = transport.open_connections
        stopped.set()

    assert open_connections == 0
