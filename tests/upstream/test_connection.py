"""One connection: its clock, its brakes, its ends."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sidecar.errors import UpstreamProtocolError, UpstreamTimeoutError
from sidecar.upstream.client import RawTransport
from sidecar.upstream.config import UpstreamConfig
from sidecar.upstream.connection import Connection
from sidecar.upstream.delivery import Delivery
from sidecar.upstream.response_reader import ResponseReader
from tests.fakes.raw_server import Peer, RawServer, answers
from tests.upstream.exchanges import CHUNKED, OK, Sink, SlowSink, get, settle, steady

SHORT = 0.1  # seconds; on a busy machine callbacks come late


class RecordingOwner:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.gone = asyncio.Event()

    def opened(self, connection: Connection) -> None:
        self.log.append("opened")

    def closed(self, connection: Connection) -> None:
        self.log.append("closed")
        self.gone.set()


async def connect(
    server: RawServer, owner: RecordingOwner | None = None, *, read_timeout: float = 600
) -> Connection:
    loop = asyncio.get_running_loop()
    config = UpstreamConfig(read_timeout=read_timeout)
    owner = owner or RecordingOwner()
    _, connection = await loop.create_connection(
        lambda: Connection(server.origin, config, loop=loop, owner=owner),
        server.origin.host,
        server.port,
    )
    return connection


def begin(connection: Connection) -> Delivery:
    delivery = connection.begin(ResponseReader(for_head=False, max_head_bytes=65536))
    connection.send(b"GET / HTTP/1.1\r\n\r\n")
    return delivery


async def test_its_life_shows_in_its_repr_and_reaches_its_owner() -> None:
    owner = RecordingOwner()
    async with RawServer(answers(OK)) as server:
        connection = await connect(server, owner)
        where = f"127.0.0.1:{server.port}"
        assert repr(connection) == f"<Connection {where} idle, exchanges: 0>"
        delivery = begin(connection)
        assert repr(connection) == f"<Connection {where} busy, exchanges: 1>"
        await delivery.relay(Sink())
        assert connection.finish()
        assert repr(connection) == f"<Connection {where} idle, exchanges: 1>"

        connection.abort()
        connection.abort()
        assert repr(connection) == f"<Connection {where} closed, exchanges: 1>"
        await owner.gone.wait()

    assert owner.log == ["opened", "closed"]


async def test_its_socket_sends_at_once_and_probes() -> None:
    async with RawServer(answers(OK)) as server:
        connection = await connect(server)
        sock = connection._transport.get_extra_info("socket")

        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        connection.abort()


async def test_finishing_in_the_middle_closes() -> None:
    async with RawServer(answers(CHUNKED)) as server:
        connection = await connect(server)
        await begin(connection).head()

        assert not connection.finish()
        await server.peers[0].gone.wait()


async def test_failing_closes_and_names_the_first_reason() -> None:
    async with RawServer(answers(CHUNKED)) as server:
        connection = await connect(server)
        delivery = begin(connection)
        connection.fail(ZeroDivisionError())
        connection.fail(ValueError())

        with pytest.raises(ZeroDivisionError):
            await delivery.head()
        await server.all_gone()


async def test_nothing_is_sent_on_a_closed_connection() -> None:
    async with RawServer(answers(OK)) as server:
        connection = await connect(server)
        connection.abort()

        connection.send(b"x" * 1000)
        await connection.writable()
        connection.pause_reading()
        connection.resume_reading()


# Silence


@pytest_asyncio.fixture
async def impatient() -> AsyncIterator[RawTransport]:
    transport = RawTransport(UpstreamConfig(read_timeout=SHORT))
    yield transport
    await transport.close()


async def silent_after(peer: Peer, data: bytes) -> None:
    await peer.request()
    await peer.send(data)
    await peer.left()


async def test_silence_before_the_head_is_a_timeout_and_closes(impatient: RawTransport) -> None:
    async with RawServer(lambda peer: silent_after(peer, b"HTTP/1.1 2")) as server:
        with pytest.raises(UpstreamTimeoutError, match=r"no byte from 127\.0\.0\.1:\d+ for 0\.1 s"):
            async with impatient.exchange(get(server.origin)):
                pass
        await server.peers[0].gone.wait()


async def test_silence_in_mid_body_is_a_timeout_and_closes(impatient: RawTransport) -> None:
    sink = Sink()
    async with RawServer(lambda peer: silent_after(peer, CHUNKED + b"1\r\na\r\n")) as server:
        async with impatient.exchange(get(server.origin)) as response:
            with pytest.raises(UpstreamTimeoutError):
                await response.relay(sink)
        await server.peers[0].gone.wait()

    assert sink.pieces == [b"a"]


async def test_every_read_starts_the_timeout_again() -> None:
    sink = Sink()
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        await more.wait()
        await peer.send(b"0\r\n\r\n")

    async with RawServer(script) as server:
        connection = await connect(server)
        delivery = begin(connection)
        await delivery.head()
        connection._silence.touched_at -= 100
        before = connection._silence.touched_at
        more.set()
        await delivery.relay(sink)

        assert connection._silence.touched_at >= before + 100
        connection.abort()


class PatientSink(SlowSink):
    """Needs two timeouts to drain."""

    async def drain(self) -> None:
        self.drains += 1
        await asyncio.sleep(2 * SHORT)  # the subject is time


async def test_the_clock_does_not_run_while_the_app_is_slow(impatient: RawTransport) -> None:
    sink = PatientSink()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"1\r\na\r\n")
        await sink.wrote.wait()
        await peer.send(b"1\r\nb\r\n0\r\n\r\n")
        await peer.left()

    async with RawServer(script) as server, impatient.exchange(get(server.origin)) as response:
        await response.relay(sink)

    assert sink.body == b"ab"
    assert sink.drains == 1


async def test_the_clock_runs_again_once_the_app_has_caught_up(impatient: RawTransport) -> None:
    sink = PatientSink()
    async with RawServer(lambda peer: silent_after(peer, CHUNKED + b"1\r\na\r\n")) as server:
        with pytest.raises(UpstreamTimeoutError):
            async with impatient.exchange(get(server.origin)) as response:
                await response.relay(sink)

    assert sink.drains == 1


async def test_an_idle_connection_does_not_time_out(impatient: RawTransport) -> None:
    async with RawServer(answers(OK)) as server:
        async with impatient.exchange(get(server.origin)) as response:
            await response.relay(Sink())
        await asyncio.sleep(2 * SHORT)  # the subject is time

        assert impatient.idle_connections == 1


# Back-pressure


LARGE = 64 * 1024 * 1024
KERNEL = 16 * 1024 * 1024  # more than two sockets' buffers hold


async def post_large(peer: Peer) -> None:
    await peer.request()
    peer.post(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE + bytes(LARGE))
    await peer.left()


async def test_a_slow_sink_slows_the_provider_down() -> None:
    sink = SlowSink()
    transport = RawTransport(UpstreamConfig())
    async with RawServer(post_large) as server:
        async with (
            transport.exchange(get(server.origin)) as response,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(response.relay(sink))
            await sink.draining.wait()
            unsent = await steady(lambda: server.peers[0].unsent)
            assert unsent > LARGE - KERNEL
            assert len(sink.writes) == 1
            sink.drained.set()

        assert len(sink.body) == LARGE
    await transport.close()


async def test_a_response_nobody_relays_is_not_read_into_memory() -> None:
    transport = RawTransport(UpstreamConfig())
    async with RawServer(post_large) as server:
        async with transport.exchange(get(server.origin)):
            unsent = await steady(lambda: server.peers[0].unsent)
            assert unsent > LARGE - KERNEL
        await server.peers[0].gone.wait()
    await transport.close()


async def test_a_connection_paused_at_its_end_can_be_used_again() -> None:
    """Reading goes on, or the next exchange would hear nothing."""
    transport = RawTransport(UpstreamConfig(read_ahead_bytes=1))
    async with RawServer(answers(OK, OK)) as server:
        for _ in range(2):
            async with transport.exchange(get(server.origin)) as response:
                await settle()
            assert response.head.status == 200

        assert transport.connections_opened == 1
    await transport.close()


# Hanging up


async def test_it_tells_a_hang_up_before_any_answer_from_one_after() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        if peer.number == 1:
            await peer.send(b"HTTP/1.1 1")

    async with RawServer(script) as server:
        unanswered, answered = await connect(server), await connect(server)
        for connection in (unanswered, answered):
            with pytest.raises(UpstreamProtocolError):
                await begin(connection).head()

    assert unanswered.cut_unanswered_after is not None
    assert 0 <= unanswered.cut_unanswered_after < 5
    assert answered.cut_unanswered_after is None


async def test_our_own_closing_is_no_hang_up() -> None:
    owner = RecordingOwner()
    async with RawServer(answers(OK)) as server:
        connection = await connect(server, owner)
        begin(connection)
        connection.abort()
        await owner.gone.wait()

    assert connection.cut_unanswered_after is None


# A tunnel in place of an exchange


async def test_behind_a_101_it_can_be_given_away() -> None:
    """With what came early; and then silence is nobody's fault."""
    switch = b"HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with RawServer(answers(switch + b"early")) as server:
        connection = await connect(server, read_timeout=SHORT)
        reader = ResponseReader(for_head=False, max_head_bytes=65536, websocket=True)
        delivery = connection.begin(reader)
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        await delivery.head()
        line = connection.release()

        assert (line.transport, line.predecessor) == (connection._transport, connection)
        assert (line.early, line.full, line.lost) == (b"early", False, False)
        await asyncio.sleep(2 * SHORT)
        assert not connection.closed
        assert not connection.finish()  # it is nobody's after this
        assert connection.release().lost
