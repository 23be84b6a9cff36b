"""Request bodies: small ones are held, large ones stream through, and nothing piles up."""

import asyncio
import os

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Provider, Rig, eventually, receive, rig
from tests.integration.wire import Client, Message, chunk, ok, post, read_head
from tests.upstream.exchanges import steady

MEGABYTE = 1 << 20
BODIES = {"1 MB": os.urandom(1_000_000), "1 MiB and 1": os.urandom(MEGABYTE + 1)}


def _head(length: int | None, *, extra: bytes = b"") -> bytes:
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    return b"POST /v1/files HTTP/1.1\r\nHost: app\r\n" + extra + framing + b"\r\n\r\n"


async def _upload(it: Rig, body: bytes, *, chunked: bool) -> Message:
    client = await it.connect()
    if chunked:
        pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]
        await client.send(_head(None) + b"".join(map(chunk, pieces)) + b"0\r\n\r\n")
    else:
        await client.send(_head(len(body)) + body)
    return await client.answer()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_an_upload_arrives_whole(body: bytes, chunked: bool) -> None:
    provider = Provider()
    async with rig(provider) as it:
        answer = await _upload(it, body, chunked=chunked)

    assert answer.status == 200
    assert provider.received[0].body == body


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_a_large_upload_streams_through(chunked: bool) -> None:
    """The provider has the first megabytes while the app still holds the last one back."""
    body = os.urandom(5 * MEGABYTE)
    early = asyncio.Event()
    got = bytearray()

    async def script(peer: Peer) -> None:
        head = await read_head(peer._reader)
        assert (head.get("content-length") is None) == chunked
        while len(got) < 3 * MEGABYTE:
            got.extend(await peer._reader.read(65536))
        early.set()
        while len(got) < len(body) + (30 if chunked else 0) and not got.endswith(b"0\r\n\r\n"):
            got.extend(await peer._reader.read(65536))
        await peer.send(ok())

    async with rig(script) as it:
        client = await it.connect()
        first, last = body[: 4 * MEGABYTE], body[4 * MEGABYTE :]
        client.post(_head(None if chunked else len(body)) + (chunk(first) if chunked else first))
        async with asyncio.timeout(10):
            await early.wait()
        held = it.sidecar.memory.held
        client.post(chunk(last) + b"0\r\n\r\n" if chunked else last)
        answer = await client.answer()

    assert answer.status == 200
    assert held <= MEGABYTE
    if not chunked:
        assert bytes(got) == body


async def test_a_provider_that_does_not_read_slows_the_app_down() -> None:
    size = 64 * MEGABYTE
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        head = await read_head(peer._reader)
        await go_on.wait()
        left = int(head.get("content-length") or 0)
        while left:
            left -= len(await peer._reader.read(min(left, MEGABYTE)))
        await peer.send(ok())

    async with rig(script) as it:
        client = await it.connect()
        client.post(_head(size))
        client.post(bytes(size))
        unsent = await steady(client.writer.transport.get_write_buffer_size, turns=2000)
        go_on.set()
        answer = await client.answer()

    assert unsent > size // 2
    assert answer.status == 200


async def test_a_refusal_in_the_middle_of_an_upload_reaches_the_app() -> None:
    """The provider says no after the head; the app still has megabytes to send."""

    async def script(peer: Peer) -> None:
        await read_head(peer._reader)
        await peer.send(ok(b'{"error":{}}', status=b"400 Bad Request"))
        await peer.left()

    async with rig(script) as it:
        client = await it.connect()
        client.post(_head(5 * MEGABYTE) + bytes(2 * MEGABYTE))
        answer = await client.answer()
        client.close()
        await it.at_rest()

        assert (answer.status, answer.body) == (400, b'{"error":{}}')
        assert answer.get("connection") == b"close", "the rest of the upload is not read"
        assert await it.statuses() == {"openai,other,client_error": 1}


async def test_an_answer_may_begin_while_the_upload_still_runs() -> None:
    body = os.urandom(2 * MEGABYTE)

    async def script(peer: Peer) -> None:
        await read_head(peer._reader)
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"early"))
        assert await peer.read(len(body)) == body
        await peer.send(chunk(b"late") + b"0\r\n\r\n")

    async with rig(script) as it:
        client = await it.connect()
        client.post(_head(len(body)) + body[:MEGABYTE])
        head = await client.head()
        assert (head.status, await client.chunk()) == (200, b"early")
        client.post(body[MEGABYTE:])
        assert (await client.chunk(), await client.chunk()) == (b"late", b"")


async def test_the_model_of_a_large_upload_is_found_in_its_beginning() -> None:
    body = b'{"model":"big","messages":"' + b"x" * (2 * MEGABYTE) + b'"}'
    async with rig() as it:
        await it.ask(post(body))
        assert await it.statuses() == {"openai,big,ok": 1}


async def test_a_body_that_comes_byte_by_byte_arrives_whole() -> None:
    body = b'{"model":"slow"}'
    provider = Provider()
    async with rig(provider) as it:
        client: Client = await it.connect()
        for at in range(len(request := post(body))):
            await client.send(request[at : at + 1])
            await asyncio.sleep(0)
        answer = await client.answer()

    assert (answer.status, provider.received[0].body) == (200, body)


async def test_memory_is_held_from_the_body_to_the_answers_end() -> None:
    released = asyncio.Event()

    async def script(peer: Peer) -> None:
        await receive(peer)
        await released.wait()
        await peer.send(ok())

    async with rig(script) as it:
        client = await it.connect()
        client.post(post(bytes(1000)))
        await eventually(lambda: it.in_flight)
        held = it.sidecar.memory.held
        released.set()
        await client.answer()

    assert held == 1000


async def _slow_upload(it: Rig, field: bytes) -> Message:
    """Two megabytes, with a pause in the middle that is longer than the field allows."""
    client = await it.connect()
    client.post(_head(2 * MEGABYTE, extra=field) + bytes(MEGABYTE))
    await it.in_place(in_flight=1)
    await asyncio.sleep(0.1)
    client.post(bytes(MEGABYTE))
    answer = await client.answer()
    client.close()
    return answer


async def test_an_sdk_waits_for_a_byte_only_after_its_upload() -> None:
    """Its read timeout does not run while it sends: what works without us must not fail."""
    async with rig() as it:
        assert (await _slow_upload(it, b"x-stainless-read-timeout: 0.05\r\n")).status == 200


async def test_the_apps_own_deadline_counts_from_the_start_of_its_upload() -> None:
    async with rig() as it:
        answer = await _slow_upload(it, b"x-sidecar-timeout: 0.05\r\n")

    assert (answer.status, answer.get("x-sidecar-reason")) == (504, b"deadline")
