"""Other projects' faults: places in flight that were not given back. Here one place must be enough."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sidecar.events import AttemptFinished, Event, Observer, RequestFinished
from tests.fakes.raw_server import Peer, RawServer
from tests.integration.rig import Held, Rig, eventually, receive, rig
from tests.integration.wire import STREAM, chunk, ok, post

MEGABYTE = 1 << 20
ONE_PLACE: dict[str, Any] = {"limit_mode": "fixed", "limit_initial": 1}

BROKEN = ok(b"{}", status=b"500 Internal Server Error")
LATER = ok(b"{}", status=b"429 Later", extra=b"Retry-After: 30\r\n")
UNPAID = ok(b'{"error":{"code":"insufficient_quota"}}', status=b"429 Too Many Requests")


def call(what: str) -> bytes:
    """A request of which `by_word` does that."""
    return post(b'{"model":"m","stream":true,"do":"%b"}' % what.encode())


async def by_word(peer: Peer) -> None:
    """A script: does what the request says, and serves all others."""
    while True:
        body = (await receive(peer)).body
        if b"hang" in body:
            await peer.left()
        elif b"begin" in body:
            await peer.send(STREAM + chunk(b"data: {}\n\n"))
            await peer.left()
        elif b"break" in body:
            await peer.send(STREAM + chunk(b"data: {}\n\n"))
            peer.reset()
        else:
            await peer.send(BROKEN if b"fail" in body else LATER if b"later" in body else ok())
            continue
        return


async def has_a_place(it: Rig) -> None:
    """The one place is free: a call is served at once."""
    async with asyncio.timeout(2):
        answer = await it.ask(call("serve"))
    assert answer.status == 200
    assert int(answer.get("x-sidecar-queue-ms") or 0) < 1000


# Timeouts


async def _read_timeout(it: Rig) -> None:
    assert (await it.ask(call("hang"))).get("x-sidecar-reason") == b"upstream_timeout"


async def _silence_in_the_stream(it: Rig) -> None:
    client = await it.connect()
    client.post(call("begin"))
    assert (await client.head()).status == 200
    assert await client.chunk()
    assert await client.ended() == b""


async def _deadline(it: Rig) -> None:
    late = post(b'{"model":"m","do":"hang"}', extra=b"x-sidecar-timeout: 0.03\r\n")
    assert (await it.ask(late)).get("x-sidecar-reason") == b"deadline"


@pytest.mark.parametrize("run_out", [_read_timeout, _silence_in_the_stream, _deadline])
async def test_a_place_is_given_back_after_the_provider_timed_out(
    run_out: Callable[[Rig], Coroutine[Any, Any, None]],
) -> None:
    """BerriAI/litellm #20256: the count never went down, and the key was locked for good."""
    async with rig(by_word, upstream_read_timeout=0.05, **ONE_PLACE) as it:
        for _ in range(5):
            await run_out(it)
        await has_a_place(it)


async def test_a_place_is_given_back_after_connecting_timed_out() -> None:
    """BerriAI/litellm #20256. TLS is asked of a server that accepts and says nothing."""
    async with RawServer(Peer.left) as mute:
        urls = f"openai=https://127.0.0.1:{mute.port}"
        async with rig(upstream_urls=urls, upstream_connect_timeout=0.03, **ONE_PLACE) as it:
            for _ in range(3):
                assert (await it.ask(post())).get("x-sidecar-reason") == b"upstream_timeout"
            await it.at_rest()


# Streams that are given up


async def test_streams_given_up_one_after_the_other_never_fill_the_places() -> None:
    """BerriAI/litellm #27955, PR #30020: a coding assistant asks ahead and aborts most streams."""
    async with rig(by_word, queue_size=1, **ONE_PLACE) as it:
        for number in range(40):
            client = await it.connect()
            client.post(call("begin"))
            async with asyncio.timeout(2):
                assert (await client.head()).status == 200
            await client.chunk()
            (client.reset if number % 2 else client.close)()
        await has_a_place(it)


# Cancelled while cleaning up


def _server_tasks() -> list[asyncio.Task[Any]]:
    """Those that serve the app's connections."""
    return [task for task in asyncio.all_tasks() if "RequestHandler" in repr(task.get_coro())]


async def _hanging(it: Rig) -> None:
    (await it.connect()).post(call("hang"))
    await it.in_place(in_flight=1)


async def _streaming(it: Rig) -> None:
    client = await it.connect()
    client.post(call("begin"))
    await client.head()


async def _uploading(it: Rig) -> None:
    whole = post(b'{"model":"m","do":"hang","x":"%b"}' % bytes(3 * MEGABYTE))
    (await it.connect()).post(whole[: 2 * MEGABYTE])
    await it.in_place(in_flight=1)


async def _before_a_retry(it: Rig) -> None:
    (await it.connect()).post(call("later"))
    await eventually(lambda: it.provider.peers)
    await eventually(lambda: it.sidecar.activity.open_requests and not it.in_flight)


@pytest.mark.parametrize("ticks", range(5))
@pytest.mark.parametrize("phase", [_hanging, _streaming, _uploading, _before_a_retry])
async def test_a_second_cancel_in_the_middle_of_cleaning_up_loses_no_place(
    phase: Callable[[Rig], Coroutine[Any, Any, None]], ticks: int
) -> None:
    """BerriAI/litellm PR #28160: the app leaves, and its task is cancelled in the clean-up as well."""
    async with rig(by_word, retry_attempts=1, **ONE_PLACE) as it:
        await phase(it)
        tasks = _server_tasks()
        assert tasks
        for client in it.clients:
            client.reset()
        for task in tasks:
            task.cancel()
        for _ in range(ticks):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()

        await it.at_rest()
        await has_a_place(it)


# Answers for which nobody was asked


async def test_an_answer_without_a_call_holds_no_place() -> None:
    """A comment in BerriAI/litellm #27955: a place for each answer out of the cache was lost.

    What is answered here without the provider are calls whose quota is known to be used up, also
    those that learn of it when they have a place already.
    """
    held = Held(UNPAID)
    async with rig(held, queue_size=50, **ONE_PLACE) as it:
        clients = [await it.connect() for _ in range(20)]
        for client in clients:
            client.post(post())
        await it.in_place(in_flight=1, waiting=19)
        held.release.set()
        for client in clients:
            assert (await client.answer()).status == 429
        for _ in range(20):
            assert (await it.ask(post())).get("x-sidecar-reason") == b"quota_exhausted"
        await it.at_rest()

        assert len(held.received) == 1


# Accounting


class Watching:
    """An observer that notes how many were in flight when it was told that something ended."""

    def __init__(self, it: Rig) -> None:
        self.seen: list[tuple[str, int]] = []
        self._it = it

    def notify(self, event: Event) -> None:
        if isinstance(event, (AttemptFinished, RequestFinished)):
            self.seen.append((type(event).__name__, self._it.in_flight))


@pytest.mark.parametrize("what", ["serve", "fail", "break", "hang", "begin", "leave"])
async def test_the_place_is_free_before_anybody_is_told(what: str) -> None:
    """BerriAI/litellm #40846: the place was held until the logging was done."""
    async with rig(by_word, upstream_read_timeout=0.05, **ONE_PLACE) as it:
        watching = Watching(it)
        observers: tuple[Observer, ...] = (watching, *it.sidecar.observers._observers)
        it.sidecar.observers._observers = observers
        client = await it.connect()
        client.post(call("hang" if what == "leave" else what))
        if what == "leave":
            await it.in_place(in_flight=1)
            client.close()
        await eventually(lambda: len(watching.seen) == 2)

        assert watching.seen == [("AttemptFinished", 0), ("RequestFinished", 0)]


# Malformed requests


@pytest.mark.parametrize(
    "request_",
    [
        post(b"not json"),
        post(b'{"model":7}'),
        post(b'{"model":"m"}', extra=b"Content-Encoding: gzip\r\n"),
        post(b"", extra=b"Transfer-Encoding: chunked\r\n"),
        b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\nzz\r\n"
        % (2 * MEGABYTE, bytes(2 * MEGABYTE)),
        b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
        % (3 * MEGABYTE, bytes(2 * MEGABYTE)),
        b"\x00\x01\x02\r\n\r\n",
    ],
    ids=["text", "no name", "garbled", "two framings", "chunk", "late chunk", "short", "binary"],
)
async def test_a_malformed_request_holds_no_place(request_: bytes) -> None:
    """BerriAI/litellm #1477: what failed to be read kept its place."""
    async with rig(by_word, **ONE_PLACE) as it:
        for _ in range(3):
            client = await it.connect()
            client.post(request_)
            client.writer.write_eof()
            await client.ended()
        await has_a_place(it)
