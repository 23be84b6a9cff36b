"""What two parsers could read differently is refused before it reaches the second one."""

import asyncio
import json

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Held, Provider, Rig, eventually, rig, silent
from tests.integration.wire import Client, chunk, get, post, read_head

_LINE = b"POST /v1/x HTTP/1.1\r\n"
_HEAD = _LINE + b"Host: app\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

MALFORMED = {
    "two lengths": _HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": _HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": _HEAD + b"Content-Length: 3, 3\r\n\r\nabc",
    "length and chunks": _HEAD
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": _HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "a negative length": _HEAD + b"Content-Length: -3\r\n\r\nabc",
    "a length with a sign": _HEAD + b"Content-Length: +3\r\n\r\nabc",
    "a hexadecimal length": _HEAD + b"Content-Length: 0x3\r\n\r\nabc",
    "a length beyond 64 bits": _HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "an unknown transfer coding": _HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding that would be lost": _HEAD
    + b"Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "chunked twice": _HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked is not the last coding": _HEAD
    + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a bare LF behind a field": _LINE + b"Host: app\nX-A: 1\r\n\r\n",
    "a bare LF behind the request line": b"GET /v1/x HTTP/1.1\nHost: app\r\n\r\n",
    "a bare CR in a field": _LINE + b"Host: app\r\nX-A: 1\r2\r\n\r\n",
    "a nul in a field": _LINE + b"Host: app\r\nX-A: \x00\r\n\r\n",
    "a space before the colon": _LINE + b"Host: app\r\nContent-Length : 3\r\n\r\nabc",
    "a space in a name": _LINE + b"Host: app\r\nX A: 1\r\n\r\n",
    "a field without a colon": _LINE + b"Host: app\r\nX-A\r\n\r\n",
    "a field without a name": _LINE + b"Host: app\r\n: 1\r\n\r\n",
    "a folded field": _LINE + b"Host: app\r\nX-A: 1\r\n 2\r\n\r\n",
    "a folded first field": _LINE + b" Host: app\r\n\r\n",
    "no Host": _LINE + b"X-A: 1\r\n\r\n",
    "two Hosts": _LINE + b"Host: a\r\nHost: b\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(32),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 without its preface": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /v1/x\r\n\r\n",
    "HTTP/3": b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
    "an unknown method": b"FROB / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target with a space": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target with raw bytes": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target of nothing": b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
    "too long a field": _HEAD + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n",
    "too long a target": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "too many fields": _HEAD + b"X-A: 1\r\n" * 300 + b"\r\n",
    "a bad chunk size at once": _CHUNKED + b"xyz\r\n",
    "a chunk size with a space": _CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "a chunk size behind 0x": _CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a negative chunk size": _CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": _CHUNKED + b"fffffffffffffffff\r\n",
    "a bare LF behind a chunk size": _CHUNKED + b"3\nabc\r\n0\r\n\r\n",
}


async def _is_refused(it: Rig, client: Client) -> None:
    """400 in JSON, in good time, and the connection is closed."""
    async with asyncio.timeout(3):
        answer = await client.answer()
        rest = await client.ended()
    assert answer.start == b"HTTP/1.1 400 Bad Request"
    assert answer.get("x-sidecar-reason") == b"bad_request"
    assert answer.get("x-should-retry") == b"false"
    assert answer.get("connection") == b"close"
    assert len(answer.all("x-sidecar-attempts") + answer.all("x-sidecar-queue-ms")) == 2
    assert answer.get("server") is None
    assert json.loads(answer.body)["error"]["code"] == "bad_request"
    assert rest == b""


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_malformed_is_refused(data: bytes) -> None:
    async with rig() as it:
        client = await it.connect()
        client.post(data)
        await _is_refused(it, client)
        await it.at_rest()

        assert it.provider.peers == []
        assert sum((await it.statuses()).values()) == 1


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_malformed_behind_a_good_request_is_refused(data: bytes) -> None:
    provider = Provider()
    async with rig(provider) as it:
        client = await it.connect()
        assert (await client.ask(post())).status == 200
        client.post(data)
        await _is_refused(it, client)

    assert len(provider.received) == 1


@pytest.mark.parametrize(
    "broken",
    [b"xyz\r\n", b"-1\r\n", b"3\r\nabcd\r\n", b"3\nabc", b"\r\n", b"0\r\nX\r\n\r\n"],
    ids=repr,
)
async def test_chunks_that_go_bad_in_mid_body_are_refused(broken: bytes) -> None:
    """The handler waits for more of the body when the fault comes."""
    async with rig() as it:
        client = await it.connect()
        client.post(_CHUNKED + chunk(b"good"))
        await eventually(lambda: it.sidecar.activity.open_requests)
        client.post(broken)
        await _is_refused(it, client)
        await it.at_rest()

        assert it.provider.peers == []
        assert await it.statuses() == {"openai,none,client_error": 1}


async def test_chunks_that_go_bad_in_a_streamed_body_are_refused() -> None:
    """The provider has a megabyte of it by then, and never sees a proper end."""
    got = bytearray()

    async def script(peer: Peer) -> None:
        await read_head(peer._reader)
        while data := await peer._reader.read(65536):
            got.extend(data)

    async with rig(script) as it:
        client = await it.connect()
        client.post(_CHUNKED + chunk(bytes(1_500_000)))
        await eventually(lambda: len(got) > 1_000_000)
        client.post(b"xyz\r\n")
        async with asyncio.timeout(3):
            answer = await client.answer()
            await client.ended()
        await it.provider.all_gone()

        assert answer.status == 400
        assert not got.endswith(b"0\r\n\r\n")
        assert await it.statuses() == {"openai,other,client_error": 1}


async def test_chunks_that_go_bad_behind_a_pipelined_request_are_refused() -> None:
    """The fault is in the second body while the first request is still being served."""
    answers = asyncio.Event()

    async def script(peer: Peer) -> None:
        await read_head(peer._reader)
        await answers.wait()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
        await peer.left()

    async with rig(script) as it:
        client = await it.connect()
        client.post(get() + _CHUNKED + chunk(b"good"))
        await it.in_place(in_flight=1)
        client.post(b"xyz\r\n")
        answers.set()
        assert (await client.answer()).body == b"first"
        await _is_refused(it, client)

        assert len(it.provider.peers) == 1


async def test_garbage_behind_a_request_does_not_hurt_its_answer() -> None:
    held = Held()
    async with rig(held) as it:
        client = await it.connect()
        client.post(post())
        await eventually(lambda: held.received)
        client.post(b"garbage\r\n\r\n")
        held.release.set()
        assert (await client.answer()).status == 200
        await _is_refused(it, client)

    assert len(held.received) == 1


async def test_a_request_hidden_in_a_body_stays_in_it() -> None:
    provider = Provider()
    hidden = get("/admin")
    async with rig(provider) as it:
        client = await it.connect()
        await client.ask(post(hidden))
        await client.ask(_CHUNKED + chunk(hidden) + b"0\r\n\r\n")

    assert [request.body for request in provider.received] == [hidden, hidden]


async def test_what_a_trailer_says_does_not_become_a_field() -> None:
    provider = Provider()
    trailers = b"Authorization: Bearer other\r\nX-A: 1\r\n"
    async with rig(provider) as it:
        answer = await it.ask(_CHUNKED + chunk(b"abc") + b"0\r\n" + trailers + b"\r\n")

    assert answer.status == 200
    assert provider.received[0].get("authorization") is None
    assert provider.received[0].body == b"abc"


async def test_an_upload_that_ends_too_early_never_looks_whole() -> None:
    async with rig(silent) as it:
        client = await it.connect()
        client.post(_HEAD + b"Content-Length: 3000000\r\n\r\n" + bytes(2_000_000))
        peer = await it.provider.peer()
        client.close()
        await peer.gone.wait()

    assert peer.requests == []
