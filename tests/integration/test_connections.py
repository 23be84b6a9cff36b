"""Connections live on their own on both sides: kept, shared, ended as each side asks."""

import pytest

from tests.fakes.raw_server import Peer, RawServer
from tests.integration.rig import Provider, receive, rig
from tests.integration.wire import STREAM, chunk, get, ok, post


async def test_many_requests_use_one_connection_on_each_side() -> None:
    async with rig() as it:
        client = await it.connect()
        answers = [await client.ask(post()) for _ in range(50)]

        assert [answer.status for answer in answers] == [200] * 50
        assert len(it.provider.peers) == 1
        assert it.sidecar.transport.connections_opened == 1


@pytest.mark.parametrize("number", [3, 100])
async def test_pipelined_requests_are_answered_in_order(number: int) -> None:
    """A hundred are more than the server's parser takes in at once."""
    provider = Provider(*(ok(b"%d" % n) for n in range(number)))
    async with rig(provider) as it:
        client = await it.connect()
        client.post(b"".join(post(b"%d" % n) for n in range(number)))
        answers = [(await client.answer()).body for _ in range(number)]

    assert answers == [b"%d" % n for n in range(number)]
    assert [request.body for request in provider.received] == answers


async def test_a_request_pipelined_behind_a_stream_waits_for_its_end() -> None:
    stream = STREAM + chunk(b"data: 1\n\n") + b"0\r\n\r\n"
    async with rig(Provider(stream, ok(b"second"))) as it:
        client = await it.connect()
        client.post(post() + get())
        first, second = await client.answer(), await client.answer()

    assert (first.body, second.body) == (b"data: 1\n\n", b"second")


async def test_connection_close_of_the_app_is_obeyed_and_not_passed_on() -> None:
    provider = Provider()
    async with rig(provider) as it:
        client = await it.connect()
        answer = await client.ask(get(extra=b"Connection: close\r\n"))
        rest = await client.ended()

    assert (answer.status, answer.get("connection"), rest) == (200, b"close", b"")
    assert provider.received[0].all("connection") == []


async def test_a_stream_for_an_app_that_closes_is_still_chunked() -> None:
    async with rig(Provider(STREAM + chunk(b"x") + b"0\r\n\r\n")) as it:
        client = await it.connect()
        answer = await client.ask(get(extra=b"Connection: close\r\n"))

    assert answer.chunks == (b"x",)


async def test_an_http10_app_gets_no_chunks_but_the_connections_end() -> None:
    async with rig(
        Provider(STREAM + chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n") + b"0\r\n\r\n")
    ) as it:
        client = await it.connect()
        answer = await client.ask(b"GET /v1/x HTTP/1.0\r\nHost: app\r\n\r\n")

    assert answer.chunks is None
    assert answer.get("transfer-encoding") is None
    assert answer.body == b"data: 1\n\ndata: 2\n\n"


async def test_an_http10_app_may_keep_its_connection() -> None:
    request = b"GET /v1/x HTTP/1.0\r\nHost: app\r\nConnection: keep-alive\r\n\r\n"
    async with rig() as it:
        client = await it.connect()
        answers = [await client.ask(request), await client.ask(request)]

    assert [answer.get("connection") for answer in answers] == [b"keep-alive"] * 2


async def test_the_provider_is_spoken_to_in_http11_whatever_the_app_speaks() -> None:
    provider = Provider()
    async with rig(provider) as it:
        await it.ask(b"GET /v1/x HTTP/1.0\r\nHost: app\r\n\r\n")

    assert provider.received[0].start == b"GET /v1/x HTTP/1.1"


async def test_expect_100_continue_is_answered_here() -> None:
    provider = Provider()
    async with rig(provider) as it:
        client = await it.connect()
        head, body = post(extra=b"Expect: 100-continue\r\n").split(b"\r\n\r\n")
        client.post(head + b"\r\n\r\n")
        interim = await client.head()
        answer = await client.ask(body)

    assert (interim.status, answer.status) == (100, 200)
    assert provider.received[0].body == body
    assert provider.received[0].all("expect") == []


async def test_a_kept_connection_that_the_provider_closed_is_replaced() -> None:
    async def one_answer(peer: Peer) -> None:
        await receive(peer)
        await peer.send(ok())
        peer.close()

    async with rig(one_answer) as it:
        client = await it.connect()
        answers = [await client.ask(post()) for _ in range(10)]

    assert {answer.status for answer in answers} == {200}


async def test_two_sidecars_live_in_one_process() -> None:
    async with rig() as one, rig() as two:
        await one.ask(get())
        assert (await one.stats())["totals"]["total_requests"] == 1
        assert (await two.stats())["totals"]["total_requests"] == 0


async def test_a_prefix_chooses_the_upstream() -> None:
    own, other = Provider(ok(b"own")), Provider(ok(b"other"))
    async with RawServer(other) as second:
        urls = f"second:anthropic=http://127.0.0.1:{second.port}/base"
        async with RawServer(own) as first:
            both = f"openai=http://127.0.0.1:{first.port},{urls}"
            async with rig(upstream_urls=both) as it:
                answers = [await it.ask(get("/v1/x")), await it.ask(get("/second/v1/x?a=%2F"))]

    assert [answer.body for answer in answers] == [b"own", b"other"]
    assert other.received[0].start == b"GET /base/v1/x?a=%2F HTTP/1.1"
