"""Whatever a provider does, the app gets a whole answer, a JSON error or a visibly broken one."""

import asyncio
import json
import socket
import ssl

import pytest
import trustme

from tests.fakes.raw_server import Peer, Script
from tests.integration.rig import Rig, receive, rig, silent
from tests.integration.wire import STREAM, Message, chunk, get, ok, post

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/anthropic/v1/messages"}


def _is_an_error(answer: Message, dialect: str, status: int, reason: bytes) -> None:
    """Of ours, in the provider's shape, without a word of how we are made."""
    assert (answer.status, answer.get("x-sidecar-reason")) == (status, reason)
    assert answer.get("content-type") == b"application/json"
    assert answer.get("x-sidecar-attempts") == b"1"
    assert int(answer.get("x-sidecar-queue-ms") or "") < 1000
    document = json.loads(answer.body)
    assert ("type" in document) == (dialect == "anthropic")
    assert document["error"]["message"]
    for word in (b"Traceback", b"<html", b"aiohttp", b"File", b"127.0.0.1"):
        assert word not in answer.body
    assert answer.get("server") is None


async def _counted(it: Rig, dialect: str, status: str) -> None:
    assert await it.statuses() == {f"{dialect},m,{status}": 1}


def _sends(data: bytes, *, reset: bool = False) -> Script:
    """Answers the request with these bytes and hangs up."""

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(data)
        if reset:
            peer.reset()
        else:
            peer.end()
            await peer.left()

    return script


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize("dialect", PATHS)
async def test_nobody_listens(dialect: str) -> None:
    url = f"http://127.0.0.1:{_free_port()}"
    async with rig(upstream_urls=f"openai={url},anthropic={url}") as it:
        answer = await it.ask(post(path=PATHS[dialect]))
        _is_an_error(answer, dialect, 502, b"upstream_connect")
        await _counted(it, dialect, "server_error")


async def test_the_name_is_unknown() -> None:
    async with rig(upstream_urls="openai=http://name.invalid") as it:
        _is_an_error(await it.ask(post()), "openai", 502, b"upstream_connect")


async def test_the_certificate_is_nobodys() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    async with rig(tls=context) as it:
        _is_an_error(await it.ask(post()), "openai", 502, b"upstream_connect")


async def test_tls_is_asked_of_a_server_that_has_none() -> None:
    async def script(peer: Peer) -> None:
        await peer.read(1)
        await peer.send(b"HTTP/1.0 400 no TLS here\r\n\r\n")

    async with rig(script) as it:
        url = f"openai=https://127.0.0.1:{it.provider.port}"
        async with rig(upstream_urls=url) as over_tls:
            _is_an_error(await over_tls.ask(post()), "openai", 502, b"upstream_connect")


GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "binary": bytes(range(256)) * 8,
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "an HTML page": b"<html><body>502</body></html>",
    "closed before the head": b"",
    "closed within the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no status": b"HTTP/1.1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "a nul in a field": b"HTTP/1.1 200 OK\r\nX-A: \x00\r\nContent-Length: 0\r\n\r\n",
    "a huge head": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n",
    "endless interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    "an upgrade nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_what_comes_is_no_answer(garbage: bytes, dialect: str, reset: bool) -> None:
    async with rig(_sends(garbage, reset=reset)) as it:
        client = await it.connect()
        answer = await client.ask(post(path=PATHS[dialect]))
        _is_an_error(answer, dialect, 502, b"upstream_protocol")
        await _counted(it, dialect, "server_error")


BROKEN = {
    "shorter than its length": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    "no last chunk": STREAM + chunk(b"data: 1\n\n"),
    "half a chunk": STREAM + b"9\r\nabc",
    "a bad chunk size": STREAM + chunk(b"abc") + b"xyz\r\nabc\r\n0\r\n\r\n",
    "a chunk without its end": STREAM + b"3\r\nabcdef\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_an_answer_that_breaks_off_is_seen_to_be_broken(broken: bytes, reset: bool) -> None:
    """No JSON behind it, no proper end: the connection is closed in the middle of the body."""
    async with rig(_sends(broken, reset=reset)) as it:
        client = await it.connect()
        client.post(post())
        head = await client.head()
        rest = await client.ended()

        assert head.status == 200
        if head.get("content-length"):
            assert len(rest) < int(head.get("content-length") or 0)
        else:
            assert not rest.endswith(b"0\r\n\r\n")
        assert b"error" not in rest
        await _counted(it, "openai", "server_error")


async def test_an_http10_app_sees_a_reset_where_the_answer_breaks_off() -> None:
    """The end of its connection would look like the end of the answer."""
    async with rig(_sends(STREAM + chunk(b"data: 1\n\n"))) as it:
        client = await it.connect()
        client.post(b"GET /v1/x HTTP/1.0\r\nHost: app\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await client.reader.read(-1)


async def test_a_reset_in_mid_stream_loses_no_byte_that_came_before() -> None:
    sent = asyncio.Event()

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(b"data: 1\n\n"))
        await sent.wait()
        peer.reset()

    async with rig(script) as it:
        client = await it.connect()
        client.post(post())
        await client.head()
        first = await client.chunk()
        sent.set()
        rest = await client.ended()

    assert (first, rest) == (b"data: 1\n\n", b"")


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_silent_provider_is_given_up(dialect: str) -> None:
    async with rig(silent, upstream_read_timeout=0.05) as it:
        answer = await it.ask(post(path=PATHS[dialect]))
        await (await it.provider.peer()).gone.wait()
        _is_an_error(answer, dialect, 504, b"upstream_timeout")
        await _counted(it, dialect, "server_error")


async def test_a_stream_that_falls_silent_is_broken_off() -> None:
    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(b"data: 1\n\n"))
        await peer.left()

    async with rig(script, upstream_read_timeout=0.05) as it:
        client = await it.connect()
        client.post(post())
        head, first = await client.head(), await client.chunk()
        assert (head.status, first, await client.ended()) == (200, b"data: 1\n\n", b"")
        await _counted(it, "openai", "server_error")


async def test_a_connection_that_is_never_made_is_given_up() -> None:
    """TLS is asked of a server that accepts and says nothing."""

    async def script(peer: Peer) -> None:
        await peer.left()

    async with rig(script) as it:
        url = f"openai=https://127.0.0.1:{it.provider.port}"
        async with rig(upstream_urls=url, upstream_connect_timeout=0.05) as over_tls:
            answer = await over_tls.ask(post())
            _is_an_error(answer, "openai", 504, b"upstream_timeout")


async def test_the_next_request_is_served_whatever_came_before() -> None:
    scripts = [_sends(garbage) for garbage in (*GARBAGE.values(), *BROKEN.values())]

    async def script(peer: Peer) -> None:
        if peer.number % 2:
            await receive(peer)
            await peer.send(ok(extra=b"Connection: close\r\n"))
        else:
            await scripts[peer.number // 2](peer)

    async with rig(script, limit_initial=1) as it:
        for _ in scripts:
            broken = await it.connect()
            broken.post(get())
            await broken.head()
            broken.close()
            await it.at_rest()
            assert (await it.ask(get())).status == 200
