"""Whole exchanges: what goes out, what comes back, and which connection they use."""

import asyncio

import pytest

from sidecar.errors import (
    ClientGoneError,
    ConnectError,
    StreamBrokenError,
    UpstreamError,
    UpstreamProtocolError,
)
from sidecar.upstream.client import RawTransport
from sidecar.upstream.config import UpstreamConfig
from sidecar.upstream.transport import UpstreamRequest
from sidecar.upstream.tunnel import Line
from tests.fakes.raw_server import Peer, RawServer, Script, answers, in_turn
from tests.upstream.exchanges import (
    CHUNKED,
    OK,
    FailingSink,
    Sink,
    SlowSink,
    fetch,
    get,
    pieces_of,
    post,
    settle,
)
from tests.upstream.test_tunnel import Before


async def test_a_request_and_its_answer_cross_byte_for_byte(transport: RawTransport) -> None:
    """Case, order, duplicates and bytes that are no UTF-8; nothing added, nothing taken."""
    fields = [(b"X-b", b"caf\xe9"), (b"x-A", b"\xff"), (b"X-b", b"2")]
    answer = b"HTTP/1.1 299 Tr\xe8s bien\r\nSet-Cookie: a=\xe9\r\nset-cookie: b\r\nContent-Encoding: gzip\r\n"
    async with RawServer(answers(answer + b"Content-Length: 3\r\n\r\n\x1f\x8b!")) as server:
        request = UpstreamRequest(server.origin, "POST", b"/a%2Fb?\xe9=1", fields, b"{\xff}")
        got = await fetch(transport, request)

        host = server.origin.host_header
        assert server.requests[0].head == (
            b"POST /a%2Fb?\xe9=1 HTTP/1.1\r\nHost: " + host + b"\r\n"
            b"X-b: caf\xe9\r\nx-A: \xff\r\nX-b: 2\r\nContent-Length: 3\r\n\r\n"
        )
        assert server.requests[0].body == b"{\xff}"
    assert (got.head.status, got.head.reason) == (299, b"Tr\xe8s bien")
    assert got.head.headers == [
        (b"Set-Cookie", b"a=\xe9"),
        (b"set-cookie", b"b"),
        (b"Content-Encoding", b"gzip"),
        (b"Content-Length", b"3"),
    ]
    assert got.pieces == [b"\x1f\x8b!"]


async def test_a_body_too_large_to_copy_arrives_whole(transport: RawTransport) -> None:
    body = bytes(range(256)) * 8192
    async with RawServer(answers(OK)) as server:
        await fetch(transport, post(server.origin, body))

        assert server.requests[0].body == body


async def test_a_redirect_is_relayed_not_followed(transport: RawTransport) -> None:
    redirect = b"HTTP/1.1 307 T\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
    async with RawServer(answers(redirect, OK)) as server:
        got = await fetch(transport, get(server.origin))

        assert (got.head.status, len(server.requests)) == (307, 1)


async def test_chunk_boundaries_stay_visible_and_trailers_arrive(transport: RawTransport) -> None:
    answer = CHUNKED + b"3\r\none\r\n3\r\ntwo\r\n0\r\nX-T: \xe9\r\n\r\n"
    async with RawServer(answers(answer, OK)) as server:
        got = await fetch(transport, get(server.origin))

        assert got.pieces == [b"one", b"two"]
        assert got.trailers == [(b"X-T", b"\xe9")]
        assert (await fetch(transport, get(server.origin))).body == b"ok"
    assert transport.connections_opened == 1


async def test_interim_responses_do_not_reach_the_app(transport: RawTransport) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(interim)
        await peer.send(OK)
        await peer.left()

    async with RawServer(script) as server:
        got = await fetch(transport, get(server.origin))

    assert (got.head.status, got.body) == (200, b"ok")


async def test_head_204_and_304_have_no_body_and_keep_the_connection(
    transport: RawTransport,
) -> None:
    bodyless = [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 999\r\n\r\n"),
    ]
    async with RawServer(answers(*(answer for _, answer in bodyless))) as server:
        for method, _ in bodyless:
            assert (await fetch(transport, get(server.origin, method=method))).pieces == []

    assert transport.connections_opened == 1


async def test_204_with_junk_is_delivered_and_its_connection_is_not_used_again(
    transport: RawTransport,
) -> None:
    async with RawServer(answers(b"HTTP/1.1 204 No Content\r\n\r\njunk")) as server:
        for _ in range(2):
            assert (await fetch(transport, get(server.origin))).head.status == 204

    assert transport.connections_opened == 2


async def test_a_body_that_ends_with_the_connection(transport: RawTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\nold ")
        await peer.send(b"style")

    async with RawServer(script) as server:
        got = await fetch(transport, get(server.origin))

    assert (got.body, got.head.content_length) == (b"old style", None)


# Connections


async def test_a_thousand_requests_open_one_connection(transport: RawTransport) -> None:
    async with RawServer(answers(*[OK, CHUNKED + b"2\r\nok\r\n0\r\n\r\n"] * 500)) as server:
        for _ in range(1000):
            assert (await fetch(transport, post(server.origin))).body == b"ok"

        assert (transport.connections_opened, transport.idle_connections) == (1, 1)
        assert repr(transport) == (
            f"<RawTransport <Pool 1 open, 1 idle (127.0.0.1:{server.port} 1 idle)>>"
        )


async def test_there_is_no_limit_on_connections_and_they_are_kept(transport: RawTransport) -> None:
    everybody = asyncio.Barrier(150)

    async def script(peer: Peer) -> None:
        await peer.request()
        await everybody.wait()
        await peer.send(OK)
        await peer.left()

    async with RawServer(script) as server:
        async with asyncio.TaskGroup() as group:
            for _ in range(150):
                group.create_task(fetch(transport, get(server.origin)))

        assert (transport.connections_opened, transport.idle_connections) == (150, 150)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_provider_that_wants_no_more_requests_gets_none(
    transport: RawTransport, answer: bytes
) -> None:
    async with RawServer(answers(answer)) as server:
        for _ in range(2):
            await fetch(transport, get(server.origin))
        await server.all_gone()

    assert transport.connections_opened == 2


@pytest.mark.parametrize("by", ["bytes", "end", "reset"])
async def test_an_idle_connection_that_moves_is_closed(transport: RawTransport, by: str) -> None:
    now = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await now.wait()
        if by == "reset":
            peer.reset()
        elif by == "end":
            peer.end()
        else:
            await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await peer.left()

    async with RawServer(script) as server:
        await fetch(transport, get(server.origin))
        assert transport.idle_connections == 1
        now.set()
        await server.all_gone()
        await settle()

        assert (transport.open_connections, transport.idle_connections) == (0, 0)


async def test_a_response_left_unread_but_complete_keeps_the_connection(
    transport: RawTransport,
) -> None:
    """A rejection that the pipeline does not relay must not cost a handshake."""
    async with RawServer(answers(OK, OK)) as server:
        async with transport.exchange(get(server.origin)) as response:
            assert response.head.status == 200
        assert (await fetch(transport, get(server.origin))).body == b"ok"

    assert transport.connections_opened == 1


# A kept connection that was closed


def closing_when_used_again(how: str) -> Script:
    """Answers one request; hangs up on the next, without a byte."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        if how == "reset":
            peer.reset()

    return script


@pytest.mark.parametrize("how", ["reset", "end"])
@pytest.mark.parametrize("body", [None, b"", b"{}", b"x" * 200_000])
async def test_a_stale_connection_costs_one_resend_on_a_new_one(
    transport: RawTransport, body: bytes | None, how: str
) -> None:
    async with RawServer(in_turn(closing_when_used_again(how), answers(OK))) as server:
        request = UpstreamRequest(server.origin, "POST", b"/v1", (), body)
        for _ in range(2):
            assert (await fetch(transport, request)).body == b"ok"

        assert [len(peer.requests) for peer in server.peers] == [2, 1]


async def test_a_resend_does_not_try_another_kept_connection(transport: RawTransport) -> None:
    """When one was stale, the others are too."""
    both = asyncio.Barrier(2)

    async def stale(peer: Peer) -> None:
        await peer.request()
        await both.wait()
        await peer.send(OK)
        await peer.request()

    async with RawServer(in_turn(stale, stale, answers(OK))) as server:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(fetch(transport, get(server.origin)))
        await fetch(transport, get(server.origin))

        assert sorted(len(peer.requests) for peer in server.peers) == [1, 1, 2]
        assert len(server.peers[2].requests) == 1


async def test_a_resend_happens_once(transport: RawTransport) -> None:
    async def silent(peer: Peer) -> None:
        await peer.request()

    async with RawServer(in_turn(closing_when_used_again("end"), silent)) as server:
        await fetch(transport, get(server.origin))
        with pytest.raises(UpstreamProtocolError, match="cut off"):
            await fetch(transport, get(server.origin))

        assert len(server.peers) == 2


async def test_a_fresh_connection_that_hangs_up_is_not_tried_again(
    transport: RawTransport,
) -> None:
    async def silent(peer: Peer) -> None:
        await peer.request()

    async with RawServer(silent) as server:
        with pytest.raises(UpstreamProtocolError, match="cut off"):
            await fetch(transport, get(server.origin))

        assert len(server.peers) == 1


async def test_a_streamed_body_is_never_sent_again(transport: RawTransport) -> None:
    async with RawServer(in_turn(closing_when_used_again("end"), answers(OK))) as server:
        await fetch(transport, get(server.origin))
        with pytest.raises(UpstreamProtocolError, match="cut off"):
            await fetch(transport, post(server.origin, pieces_of(b"once")))

        assert len(server.peers) == 1


@pytest.mark.parametrize("first", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_any_byte_of_an_answer_rules_a_resend_out(
    transport: RawTransport, first: bytes
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(first)

    async with RawServer(script) as server:
        await fetch(transport, get(server.origin))
        with pytest.raises(UpstreamProtocolError):
            await fetch(transport, post(server.origin))

        assert len(server.peers) == 1


async def test_a_provider_that_thought_before_hanging_up_is_not_asked_again() -> None:
    """It may have done the work, and charged for it."""
    transport = RawTransport(UpstreamConfig(stale_window=0))
    async with RawServer(closing_when_used_again("end")) as server:
        await fetch(transport, get(server.origin))
        with pytest.raises(UpstreamProtocolError):
            await fetch(transport, post(server.origin))

        assert len(server.peers) == 1
    await transport.close()


# Faults


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", UpstreamProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Le", UpstreamProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", StreamBrokenError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", StreamBrokenError),
        (CHUNKED + b"4\r\nha", StreamBrokenError),
        (CHUNKED + b"4\r\nhalf\r\n", StreamBrokenError),
        (CHUNKED + b"4\r\nhalf\r\n0\r\nX: ", StreamBrokenError),
    ],
)
@pytest.mark.parametrize("how", ["end", "reset"])
async def test_an_end_at_any_stage_has_its_error(
    transport: RawTransport, sent: bytes, error: type[UpstreamError], how: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)
        if how == "reset":
            peer.reset()

    async with RawServer(script) as server:
        with pytest.raises(error):
            await fetch(transport, get(server.origin))
        await server.all_gone()

    assert transport.idle_connections == 0


async def test_a_reset_does_not_complete_a_body_without_framing(transport: RawTransport) -> None:
    sink = Sink()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await sink.wrote.wait()
        peer.reset()

    async with RawServer(script) as server, transport.exchange(get(server.origin)) as response:
        with pytest.raises(StreamBrokenError):
            await response.relay(sink)

    assert sink.body == b"half"


@pytest.mark.parametrize(
    "answer",
    [
        b"\x16\x03\x01garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: %s\r\n" % (b"y" * 70_000),
    ],
    ids=["garbage", "two lengths", "length and chunked", "101", "huge head"],
)
async def test_a_bad_head_is_a_protocol_error_and_closes(
    transport: RawTransport, answer: bytes
) -> None:
    async with RawServer(answers(answer)) as server:
        with pytest.raises(UpstreamProtocolError):
            await fetch(transport, get(server.origin))
        await server.all_gone()

    assert transport.idle_connections == 0


async def test_the_bytes_before_a_break_reach_the_app(transport: RawTransport) -> None:
    async with RawServer(answers(CHUNKED + b"4\r\nhalf\r\nnonsense")) as server:
        sink = Sink()
        async with transport.exchange(get(server.origin)) as response:
            with pytest.raises(StreamBrokenError):
                await response.relay(sink)

        assert sink.pieces == [b"half"]


async def test_a_request_that_cannot_be_written_safely_touches_no_connection(
    transport: RawTransport,
) -> None:
    async with RawServer(answers(OK)) as server:
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            await fetch(transport, get(server.origin, headers=[(b"X", b"1\r\nY: 2")]))

        assert server.peers == []


# Leaving early


async def silence(peer: Peer) -> None:
    """Reads a request, answers nothing."""
    await peer.request()
    await peer.left()


async def test_cancelling_before_the_head_closes_the_connection(transport: RawTransport) -> None:
    async with RawServer(silence) as server:
        async with asyncio.TaskGroup() as group:
            fetching = group.create_task(fetch(transport, get(server.origin)))
            peer = await server.peer()
            await peer.asked.wait()
            fetching.cancel()
        await peer.gone.wait()

    assert fetching.cancelled()


async def test_cancelling_in_mid_body_closes_the_connection(transport: RawTransport) -> None:
    sink = Sink()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"4\r\nhalf\r\n")
        await peer.left()

    async def exchange(server: RawServer) -> None:
        async with transport.exchange(get(server.origin)) as response:
            await response.relay(sink)

    async with RawServer(script) as server:
        async with asyncio.TaskGroup() as group:
            exchanging = group.create_task(exchange(server))
            await sink.wrote.wait()
            exchanging.cancel()
        await server.peers[0].gone.wait()

    assert exchanging.cancelled()


@pytest.mark.parametrize("error", [ClientGoneError("left"), ZeroDivisionError()])
async def test_what_the_sink_raises_comes_out_and_closes_the_connection(
    transport: RawTransport, error: Exception
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        await peer.send(b"4\r\nhalf\r\n")
        await peer.left()

    async with RawServer(script) as server:
        with pytest.raises(type(error)):
            async with transport.exchange(get(server.origin)) as response:
                await response.relay(FailingSink(error))
        await server.peers[0].gone.wait()


async def test_leaving_without_relay_closes_the_connection(transport: RawTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"4\r\nhalf\r\n")
        await peer.left()

    async with RawServer(script) as server:
        async with transport.exchange(get(server.origin)):
            pass
        await server.peers[0].gone.wait()


async def test_a_cancel_in_any_tick_leaves_no_connection_busy(transport: RawTransport) -> None:
    """Also where the head has woken the waiter, and the waiter is cancelled before it runs."""
    async with RawServer(answers(*[OK] * 60)) as server:
        for ticks in range(60):
            async with asyncio.TaskGroup() as group:
                fetching = group.create_task(fetch(transport, get(server.origin)))
                await settle(ticks)
                fetching.cancel()
            await settle()
            assert transport.open_connections == transport.idle_connections


# Order of use


async def test_a_second_relay_is_a_mistake(transport: RawTransport) -> None:
    async with RawServer(answers(OK)) as server, transport.exchange(get(server.origin)) as response:
        await response.relay(Sink())
        with pytest.raises(RuntimeError, match="twice"):
            await response.relay(Sink())


async def test_a_slow_sink_gets_everything(transport: RawTransport) -> None:
    sink = SlowSink()
    sink.drained.set()
    body = bytes(range(256)) * 20_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with (
        RawServer(answers(answer + body)) as server,
        transport.exchange(get(server.origin)) as response,
    ):
        await response.relay(sink)

    assert sink.body == body
    assert sink.drains == len(sink.writes) - 1


async def test_closing_the_transport_ends_what_is_under_way(transport: RawTransport) -> None:
    async with RawServer(silence) as server:
        async with asyncio.TaskGroup() as group:
            group.create_task(expect_cut_off(transport, server))
            await server.peer()
            await settle()
            await transport.close()
        await server.all_gone()

        with pytest.raises(ConnectError, match="closed"):
            await fetch(transport, get(server.origin))


async def expect_cut_off(transport: RawTransport, server: RawServer) -> None:
    with pytest.raises(UpstreamProtocolError, match="lost"):
        await fetch(transport, get(server.origin))


async def test_a_tunnel_needs_a_101(transport: RawTransport) -> None:
    async with RawServer(answers(OK)) as server:
        app = Line(asyncio.Transport(), Before(), b"")
        async with transport.exchange(get(server.origin)) as response:
            with pytest.raises(RuntimeError):
                await response.join(app)
            await response.relay(Sink())
        with pytest.raises(RuntimeError):
            await response.join(app)
