"""Other projects' faults: memory, connections and label values that grew without bounds."""

import asyncio
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from itertools import cycle
from typing import Any

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.remains import grown, items, living
from tests.integration.rig import Provider, Rig, eventually, receive, rig, silent
from tests.integration.test_known_faults_places import UNPAID
from tests.integration.wire import LAST_CHUNK, STREAM, Client, chunk, ok, post
from tests.support import virtual_time

MEGABYTE = 1 << 20
EVENT = chunk(b'data: {"n":1}\n\n')
OVERLOADED = chunk(b'data: {"error":{"code":"server_is_overloaded"}}\n\n')

ANSWERS: dict[bytes, bytes] = {
    b"whole": ok(b'{"usage":{"prompt_tokens":9,"completion_tokens":9}}'),
    b"stream": STREAM + EVENT * 3 + LAST_CHUNK,
    b"error": STREAM + EVENT + OVERLOADED + LAST_CHUNK,
    b"limited": ok(b"{}", status=b"429 Later", extra=b"retry-after-ms: 1\r\n"),
    b"failed": ok(b"{}", status=b"500 Oops"),
    b"wrong": ok(b"{}", status=b"400 Bad Request"),
    b"unpaid": UNPAID,
    b"long": ok(bytes(100_000), status=b"503 Busy"),
    b"cut": STREAM + EVENT,
    b"nonsense": b"\x16\x03\x01\r\n\r\n",
}
LAST_WORDS = (b"cut", b"nonsense")
"""Answers behind which the provider hangs up."""


async def as_asked(peer: Peer) -> None:
    """A script: gives the answer that the request names; none to what it does not know."""
    while True:
        body = (await receive(peer)).body
        what = body.partition(b'"do":"')[2].partition(b'"')[0]
        if what not in ANSWERS:
            await peer.left()
            return
        await peer.send(ANSWERS[what])
        if what in LAST_WORDS:
            peer.end()
            await peer.left()
            return


def call(what: bytes, number: int) -> bytes:
    """A request of a model and a key that nobody else has."""
    body = b'{"model":"m-%d","stream":true,"do":"%b"}' % (number, what)
    return post(body, extra=b"Authorization: Bearer key-%d\r\n" % number)


# Endings: each asks once


async def _answered(what: bytes, it: Rig, client: Client, number: int) -> None:
    client.post(call(what, number))
    try:
        await client.answer()
    except (EOFError, ConnectionError):
        assert what in LAST_WORDS


async def _left(it: Rig, client: Client, number: int) -> None:
    client.post(call(b"hang", number))
    await eventually(lambda: it.in_flight)


async def _malformed(it: Rig, client: Client, number: int) -> None:
    client.post(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    await client.answer()


async def _too_late(it: Rig, client: Client, number: int) -> None:
    late = post(b'{"model":"m-%d"}' % number, extra=b"x-sidecar-timeout: 0.0000001\r\n")
    assert (await client.ask(late)).get("x-sidecar-reason") == b"deadline"


def _endings() -> Iterator[Callable[[Rig, Client, int], Coroutine[Any, Any, None]]]:
    def answered(what: bytes) -> Callable[[Rig, Client, int], Coroutine[Any, Any, None]]:
        return lambda it, client, number: _answered(what, it, client, number)

    return cycle([*map(answered, ANSWERS), _left, _malformed, _too_late])


@pytest.mark.slow
async def test_two_thousand_requests_of_all_endings_leave_nothing_in_memory() -> None:
    """BerriAI/litellm #12685, #27954, #38193, #15128, #13805, #6404, PR #2462: 4 GB in a day or two.

    Every request names a model and a key that were never seen before. The first ones fill what is
    kept for good, in bounded numbers: 51 limits, 256 breakers.
    """
    endings = _endings()
    async with rig(as_asked, retry_attempts=1, retry_base_delay=0.001) as it:

        async def ask(numbers: range) -> None:
            for number in numbers:
                client = await Client.connect(it.sidecar.proxy_port)
                await next(endings)(it, client, number)
                client.close()
            await it.at_rest()
            it.provider.peers.clear()

        for number in range(300):
            await it.ask(call(b"unpaid", number))
            it.clients.pop().close()
        await ask(range(1000, 1500))
        before, held = living(), items()
        await ask(range(2000, 4000))

        assert grown(before, beyond=20) == {}
        assert items() < held + 50
        assert len(list(it.sidecar.pool)) <= 51 + 1, "and the unknown model of a malformed request"


# Connections


@pytest.mark.slow
async def test_streaming_calls_that_fail_leave_no_connection_behind() -> None:
    """openai/openai-python #763, #769, #874, #971, #2688; mistralai/client-python #532; LiveBench #523.

    A pool leaked a connection for each stream that was not read to its end, and for each error.
    """
    kinds, places = (b"limited", b"failed", b"cut", b"error", b"long"), 10
    async with rig(as_asked, limit_initial=places) as it:
        most = 0
        for round_ in range(50):
            clients = [await Client.connect(it.sidecar.proxy_port) for _ in range(10)]
            for number, client in enumerate(clients):
                client.post(call(kinds[(round_ + number) % len(kinds)], 0))
            for client in clients:
                await client.head()  # and not a byte of the body
                most = max(most, it.sidecar.transport.open_connections)
            await it.at_rest()
            for client in clients:
                client.close()
        assert most <= places
        assert it.sidecar.transport.idle_connections <= places


async def test_streams_that_nobody_reads_or_closes_hold_no_place() -> None:
    """openai/openai-python #763: the app keeps its connections, and forgets what it asked for."""
    async with rig(as_asked, limit_initial=2) as it:
        forgotten = [await it.connect() for _ in range(100)]
        for client in forgotten:
            client.post(call(b"stream", 0))
        await eventually(lambda: it.sidecar.counts.series.get(("openai", "m-0")))
        await it.at_rest()

        assert it.sidecar.transport.open_connections <= 2
        assert await it.statuses() == {"openai,m-0,ok": 100}


# Uploads


def _upload(size: int) -> bytes:
    return post(b'{"model":"m","x":"%b"}' % (b"x" * size))


SIZE, PIECE = 27 * MEGABYTE, 65536
MODEL = b'{"model":"m",'
UPLOAD = (
    b"POST /v1/files HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(MODEL) + SIZE, MODEL)
)
"""The beginning of a large one."""


async def _send(client: Client, head: bytes) -> None:
    """All of it, a piece at a time, whatever is answered."""
    with suppress(ConnectionError):
        await client.send(head)
        for _ in range(SIZE // PIECE):
            await client.send(bytes(PIECE))


@pytest.mark.parametrize(
    ("reason", "settings"),
    [
        (b"queue_full", {"limit_initial": 1, "queue_size": 0}),
        (b"queue_timeout", {"limit_initial": 1, "queue_timeout": 0.05}),
        (b"buffer_full", {"proxy_max_buffered_bytes": MEGABYTE}),
        (b"body_too_large", {"proxy_max_body_bytes": 2 * MEGABYTE}),
    ],
)
async def test_a_refused_upload_takes_no_memory(reason: bytes, settings: dict[str, Any]) -> None:
    """kortix-ai/suna PR #6835: 503, while 27 MiB were read on into memory."""
    async with rig(silent, **settings) as it, asyncio.TaskGroup() as group:
        first = await it.connect()
        first.post(_upload(MEGABYTE - 100))
        await it.in_place(in_flight=1)
        client = await it.connect()
        tracemalloc.start()
        try:
            sending = group.create_task(_send(client, UPLOAD))
            answer = await client.answer()
            await sending
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        first.close()

        assert answer.get("x-sidecar-reason") == reason
        assert peak < 4 * MEGABYTE
        assert len(it.provider.peers) == 1, "nothing of it was sent"


async def _trickle(client: Client) -> None:
    while True:
        await client.send(b"x")
        await asyncio.sleep(0.01)


@virtual_time
async def test_a_refused_upload_that_goes_on_is_cut_off() -> None:
    """kortix-ai/suna PR #6835: the rest is read away for two seconds, so that the refusal is seen."""
    now = asyncio.get_running_loop().time
    async with rig(silent, proxy_max_body_bytes=MEGABYTE) as it:
        client = await it.connect()
        answer = await client.ask(UPLOAD)
        refused = now()
        with pytest.raises(ConnectionError):
            await _trickle(client)

        assert answer.get("x-sidecar-reason") == b"body_too_large"
        assert 1.9 <= now() - refused <= 2.5


# Labels


@pytest.mark.slow
async def test_a_thousand_models_make_fifty_one_label_values() -> None:
    """BerriAI/litellm PR #12099, #11489: a label per key or name throttled the monitoring.

    No label has a credential in it, whatever it is.
    """
    async with rig(Provider()) as it:
        client = await it.connect()
        for number in range(1000):
            await client.ask(call(b"whole", number))
        text = (await it.admin("/metrics")).body.decode()
        names = {line.partition('model="')[2].partition('"')[0] for line in text.splitlines()}
        names.discard("")

        assert names == {f"m-{number}" for number in range(50)} | {"other"}
        assert "key-" not in text
        assert len(text.splitlines()) < 51 * 120
