"""What failed and may pass later is tried again, and nothing else is."""

import asyncio
import json
from typing import Any

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Held, Provider, Rig, eventually, receive, rig, silent
from tests.integration.wire import LAST_CHUNK, STREAM, Message, chunk, ok, post
from tests.support import settle

QUICK: dict[str, Any] = {"retry_attempts": 3, "retry_base_delay": 0.001}


def error(status: bytes, code: str | None = None, *, extra: bytes = b"", padding: int = 0) -> bytes:
    """An error of OpenAI's."""
    message = "x" * padding
    body = json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}})
    return ok(body.encode(), status=status, extra=extra)


RATE = error(b"429 Too Many Requests", "rate_limit_exceeded", extra=b"x-request-id: req_1\r\n")
OVERLOAD = error(b"503 Service Unavailable", "server_is_overloaded")
BROKEN = error(b"500 Internal Server Error")


def stop(answer: Message) -> bytes | None:
    """What the app's SDK is told."""
    return answer.get("x-should-retry")


async def retried(it: Rig) -> dict[str, float]:
    """Retries by what had failed."""
    prefix = "ai_api_retries_total{openai,m,"
    samples = await it.metrics()
    return {name[len(prefix) : -1]: n for name, n in samples.items() if name.startswith(prefix)}


@pytest.mark.parametrize(
    ("refusal", "kind"), [(RATE, "rate"), (OVERLOAD, "overload"), (BROKEN, "transient")]
)
async def test_the_app_sees_only_the_answer_that_came_in_the_end(refusal: bytes, kind: str) -> None:
    provider = Provider(refusal, refusal, ok(b'{"fine":1}'))
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post(b'{"model":"m","n":7}'))

        assert (answer.status, answer.body) == (200, b'{"fine":1}')
        assert answer.get("x-sidecar-attempts") == b"3"
        assert stop(answer) is None
        assert [request.body for request in provider.received] == [b'{"model":"m","n":7}'] * 3
        assert await retried(it) == {kind: 2}
        assert await it.statuses() == {"openai,m,ok": 1}


async def test_a_retry_repeats_the_request_byte_for_byte() -> None:
    provider = Provider(OVERLOAD, ok())
    async with rig(provider, **QUICK) as it:
        await it.ask(post(extra=b"Authorization: Bearer k\r\nX-Odd:  a  b\r\n"))

    first, second = provider.received
    assert first == second


async def test_the_providers_last_answer_passes_unchanged_and_stops_the_sdk() -> None:
    refusals = [
        error(b"429 Slow Down", "rate_limit_exceeded", extra=b"x-request-id: req_%d\r\n" % n)
        for n in range(4)
    ]
    provider = Provider(*refusals)
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post())

        assert answer.start == b"HTTP/1.1 429 Slow Down"
        assert answer.body == refusals[3].partition(b"\r\n\r\n")[2]
        assert answer.get("x-request-id") == b"req_3"
        assert answer.get("x-sidecar-attempts") == b"4"
        assert answer.get("x-sidecar-reason") is None
        assert stop(answer) == b"false"
        assert len(provider.received) == 4
        assert await it.statuses() == {"openai,m,rate_limited": 1}


async def test_a_chunked_last_answer_passes_with_its_trailers() -> None:
    head = STREAM.replace(b"200 OK", b"503 Busy").replace(b"event-stream", b"plain")
    provider = Provider(head + chunk(b"bu") + chunk(b"sy") + b"0\r\nX-Sum: 4\r\n\r\n")
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post())

    assert (answer.status, answer.body) == (503, b"busy")
    assert answer.trailers == ((b"X-Sum", b"4"),)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (error(b"413 Too Large"), 413),
        (error(b"400 Bad Request"), 400),
        (error(b"401 Unauthorized", "invalid_api_key"), 401),
        (error(b"503 Later", extra=b"x-should-retry: false\r\n"), 503),
    ],
)
async def test_what_cannot_pass_is_tried_once(refusal: bytes, status: int) -> None:
    provider = Provider(refusal, ok())
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post())

        assert answer.status == status
        assert len(provider.received) == 1
        assert len(answer.all("x-should-retry")) == (1 if status == 503 else 0)
        assert await retried(it) == {}


async def test_a_providers_word_for_retries_ends_with_ours() -> None:
    """Or its `true` would make the SDK multiply what we have tried."""
    provider = Provider(error(b"429 Slow", extra=b"X-Should-Retry: true\r\n"))
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post())

    assert answer.all("x-should-retry") == [b"false"]
    assert len(provider.received) == 4


async def test_a_provider_may_ask_for_a_retry() -> None:
    provider = Provider(error(b"400 Bad Request", extra=b"x-should-retry: true\r\n"), ok())
    async with rig(provider, **QUICK) as it:
        assert (await it.ask(post())).status == 200


async def test_without_retries_the_sdk_is_left_alone() -> None:
    async with rig(Provider(RATE)) as it:
        answer = await it.ask(post())

    assert answer.status == 429
    assert stop(answer) is None


@pytest.mark.parametrize(("telling", "expected"), [("always", b"false"), ("never", None)])
async def test_what_the_sdk_is_told_can_be_chosen(telling: str, expected: bytes | None) -> None:
    attempts = 0 if telling == "always" else 1
    quick = QUICK | {"retry_attempts": attempts}
    async with rig(Provider(RATE), retry_should_retry=telling, **quick) as it:
        assert stop(await it.ask(post())) == expected


async def test_the_sdks_retries_and_ours_are_three_together() -> None:
    provider = Provider(OVERLOAD)
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post(extra=b"x-stainless-retry-count: 2\r\n"))

        assert len(provider.received) == 2
        assert stop(answer) == b"false"
        assert (await it.metrics())["ai_api_client_retries_total{openai,m}"] == 1


async def test_a_refused_connection_is_tried_again_and_then_told() -> None:
    async with rig(upstream_urls="openai=http://127.0.0.1:1", **QUICK) as it:
        answer = await it.ask(post())

        assert answer.status == 502
        assert answer.get("x-sidecar-reason") == b"upstream_connect"
        assert answer.get("x-sidecar-attempts") == b"4"
        assert stop(answer) == b"false"
        assert await retried(it) == {"transient": 3}


class Cut:
    """A script: takes so many requests and hangs up on each, then answers."""

    def __init__(self, cuts: int, before: bytes = b"") -> None:
        self.received = 0
        self._cuts = cuts
        self._before = before

    async def __call__(self, peer: Peer) -> None:
        while True:
            await receive(peer)
            self.received += 1
            if self.received <= self._cuts:
                await peer.send(self._before)
                peer.reset()
                return
            await peer.send(ok())


async def test_a_reset_before_the_answer_is_tried_again() -> None:
    script = Cut(2)
    async with rig(script, **QUICK) as it:
        assert (await it.ask(post())).status == 200
        assert script.received == 3


@pytest.mark.parametrize(
    ("head", "attempts", "kind"),
    [
        (b"503 Busy", 4, "overload"),
        (b"429 Slow", 4, "rate"),
        (b"402 Pay", 1, "quota"),
        (b"413 Large", 1, "too_large"),
        (b"400 Bad", 1, None),
    ],
)
async def test_an_error_answer_that_breaks_off_means_what_its_status_says(
    head: bytes, attempts: int, kind: str | None
) -> None:
    script = Cut(99, b"HTTP/1.1 %b\r\nContent-Length: 100\r\n\r\n{" % head)
    async with rig(script, **QUICK) as it:
        answer = await it.ask(post())

        assert script.received == attempts
        assert answer.get("x-sidecar-reason") == b"upstream_protocol"
        prefix = "ai_api_rejections_total{openai,m,"
        found = {n[len(prefix) : -1]: v for n, v in (await it.metrics()).items() if prefix in n}
        assert found == ({} if kind is None else {kind: attempts})


@pytest.mark.slow
@pytest.mark.parametrize(
    "extra", [b"", b"x-sidecar-timeout: 0.2\r\n"], ids=["patience", "deadline"]
)
async def test_an_error_answer_whose_body_does_not_end_is_let_go(extra: bytes) -> None:
    """Nobody waits for it, and the limit hears of it at once."""

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(b"HTTP/1.1 429 Slow\r\nContent-Length: 100\r\n\r\n{")
        await peer.left()

    async with rig(script, **QUICK) as it:
        client = await it.connect()
        client.post(post(extra=extra))
        async with asyncio.timeout(5):
            head = await client.head()

        assert head.status == 429
        assert head.get("x-sidecar-attempts") == b"1"
        assert not it.in_flight
        client.close()
        await it.at_rest()
        assert (await it.metrics())["ai_api_rejections_total{openai,m,rate}"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200",
    ],
)
async def test_an_answer_that_is_no_http_is_not_asked_for_again(answer: bytes) -> None:
    """It was an answer, and may be paid for."""
    script = Cut(99, answer)
    async with rig(script, **QUICK) as it:
        assert (await it.ask(post())).get("x-sidecar-reason") == b"upstream_protocol"
        assert script.received == 1


async def test_nothing_is_tried_again_once_a_byte_reached_the_app() -> None:
    script = Cut(1, STREAM + chunk(b"data: {}\n\n"))
    async with rig(script, **QUICK) as it:
        client = await it.connect()
        client.post(post())
        assert (await client.head()).status == 200
        assert await client.chunk() == b"data: {}\n\n"
        await client.ended()
        await it.at_rest()

        assert script.received == 1
        assert await retried(it) == {}


async def test_an_error_in_the_stream_is_never_tried_again() -> None:
    event = chunk(b'data: {"error":{"code":"rate_limit_exceeded"}}\n\n')
    provider = Provider(STREAM + event + LAST_CHUNK)
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post())

        assert answer.status == 200
        assert len(provider.received) == 1
        assert (await it.metrics())["ai_api_rejections_total{openai,m,rate}"] == 1


async def test_a_streamed_upload_is_not_sent_again_and_the_sdk_may() -> None:
    provider = Provider(OVERLOAD, ok())
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post(b'{"model":"m","x":"%b"}' % (b"x" * 1_100_000)))

        assert answer.status == 503
        assert len(provider.received) == 1
        assert stop(answer) is None


@pytest.mark.parametrize("size", [20_000, 400_000], ids=["one read", "many reads"])
async def test_an_error_too_large_to_be_held_passes_at_once(size: int) -> None:
    refusal = error(b"503 Busy", padding=size)
    provider = Provider(refusal, ok())
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post())

        assert answer.body == refusal.partition(b"\r\n\r\n")[2]
        assert len(provider.received) == 1
        assert (await it.metrics())["ai_api_rejections_total{openai,m,overload}"] == 1


async def test_no_place_is_held_while_a_retry_waits() -> None:
    provider = Provider(error(b"429 Later", extra=b"Retry-After: 30\r\n"), ok())
    async with rig(provider, limit_initial=1, **QUICK) as it:
        waiting = await it.connect()
        waiting.post(post())
        await eventually(lambda: len(provider.received) == 1 and not it.in_flight)

        assert (await it.ask(post())).status == 200
        waiting.close()
        await it.at_rest()
        assert len(provider.received) == 2


async def test_a_retry_stands_before_new_arrivals() -> None:
    held = Held()
    served: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            request = await receive(peer)
            served.append(request.body)
            if len(served) == 1:
                await peer.send(OVERLOAD)
                continue
            await held.release.wait()
            await peer.send(ok())

    first, second, third = (b'{"model":"m","n":%d}' % n for n in (1, 2, 3))
    async with rig(script, limit_initial=1, **QUICK) as it:
        clients = [await it.connect() for _ in range(3)]
        clients[0].post(post(first))
        await eventually(lambda: len(served) == 1)
        clients[1].post(post(second))
        await eventually(lambda: len(served) == 2)
        clients[2].post(post(third))
        await it.in_place(in_flight=1, waiting=2)
        held.release.set()
        for client in clients:
            assert (await client.answer()).status == 200

    assert served[0] == first
    assert served.index(first, 1) < served.index(third)


async def test_a_retry_that_finds_the_queue_full_leaves_the_providers_answer() -> None:
    served: list[Message] = []

    async def script(peer: Peer) -> None:
        while True:
            served.append(await receive(peer))
            if len(served) > 1:
                await peer.left()
                return
            await peer.send(OVERLOAD)

    async with rig(
        script, limit_initial=1, queue_size=0, **QUICK | {"retry_base_delay": 0.5}
    ) as it:
        client = await it.connect()
        client.post(post())
        await eventually(lambda: served and not it.in_flight)
        blocker = await it.connect()
        blocker.post(post())
        answer = await client.answer()

        assert answer.status == 503
        assert answer.get("x-sidecar-reason") is None, "it is the provider's"
        assert stop(answer) is None, "later there may be a place"
        blocker.close()
        await it.at_rest()


async def test_a_hint_of_nothing_does_not_switch_the_backoff_off() -> None:
    provider = Provider(error(b"429 Now", extra=b"Retry-After: 0\r\n"), ok())
    async with rig(provider, **QUICK | {"retry_base_delay": 30.0}) as it:
        client = await it.connect()
        client.post(post())
        await eventually(lambda: len(provider.received) == 1 and not it.in_flight)
        await settle()
        assert len(provider.received) == 1
        client.close()
        await it.at_rest()


async def test_a_retry_that_the_sdk_would_not_wait_for_is_left_to_it() -> None:
    """Its timeout is for one try, and it has others."""
    provider = Provider(error(b"429 Later", extra=b"Retry-After: 30\r\n"))
    async with rig(provider, **QUICK) as it:
        answer = await it.ask(post(extra=b"x-stainless-read-timeout: 20\r\n"))

        assert answer.status == 429
        assert stop(answer) is None


async def test_a_retry_that_would_miss_the_deadline_is_not_waited_for() -> None:
    provider = Provider(error(b"429 Later", extra=b"Retry-After: 30\r\n"))
    async with rig(provider, **QUICK) as it:
        async with asyncio.timeout(5):
            answer = await it.ask(post(extra=b"x-sidecar-timeout: 20\r\n"))

        assert answer.status == 429
        assert answer.get("retry-after") == b"30"
        assert stop(answer) == b"false"


async def test_an_app_that_leaves_while_a_retry_waits_leaves_nothing() -> None:
    provider = Provider(error(b"429 Later", extra=b"Retry-After: 30\r\n"))
    async with rig(provider, **QUICK) as it:
        client = await it.connect()
        client.post(post())
        await eventually(lambda: len(provider.received) == 1 and not it.in_flight)
        client.close()
        await it.at_rest()

        assert await it.statuses() == {"openai,m,cancelled": 1}


async def test_silence_is_not_tried_again_because_it_may_be_paid_for() -> None:
    async with rig(silent, upstream_read_timeout=0.1, **QUICK) as it:
        answer = await it.ask(post())

        assert answer.status == 504
        assert answer.get("x-sidecar-attempts") == b"1"


async def test_the_budget_bounds_retries_in_an_outage() -> None:
    provider = Provider(OVERLOAD)
    async with rig(provider, **QUICK | {"retry_attempts": 100}) as it:
        answers = [await it.ask(post()) for _ in range(20)]

        assert {answer.status for answer in answers} == {503}
        assert len(provider.received) == 20 + 10, "ten a minute, and no more"
        assert {stop(answer) for answer in answers} == {b"false"}
