"""Identical calls in flight are one call to the provider, and no app can tell."""

import asyncio
import json
from collections.abc import Callable

import pytest

from sidecar.events import CallShared, RequestFinished
from sidecar.outcomes import Endpoint, RequestStatus
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from tests.fakes.observer import RecordingObserver
from tests.fakes.raw_server import Peer
from tests.integration.rig import Held, Provider, eventually, receive, rig, silent
from tests.integration.sharing import BODY, askers, embed, joined
from tests.integration.wire import Client, get, ok, post

ANSWER = b'{"data":[{"embedding":[0.1,0.2]}],"usage":{"prompt_tokens":2,"total_tokens":2}}'
LATER = ok(b"{}", status=b"429 Later", extra=b"Retry-After: 0.01\r\n")
IN_A_SECOND = ok(b"{}", status=b"429 Later", extra=b"Retry-After: 1\r\n")


async def test_a_thousand_identical_calls_are_one() -> None:
    held = Held(ok(ANSWER, extra=b"x-request-id: one\r\n"))
    async with rig(held, dedup_mode="safe") as it:
        clients = [await it.connect() for _ in range(1000)]
        for client in clients:
            client.post(embed())
        await joined(it, 1000)
        await it.in_place(in_flight=1)
        held.release.set()
        answers = [await client.answer() for client in clients]

        assert len(held.received) == 1
        assert held.received[0].body == BODY
        assert {answer.body for answer in answers} == {ANSWER}
        assert {answer.get("x-request-id") for answer in answers} == {b"one"}
        assert [answer.get("x-sidecar-shared") for answer in answers].count(b"call") == 999
        assert [answer.get("x-sidecar-attempts") for answer in answers].count(b"0") == 999
        assert await it.statuses() == {"openai,m,ok": 1000}
        metrics = await it.metrics()
        assert metrics["ai_api_attempts_total{openai,m}"] == 1
        assert metrics["ai_api_dedup_hits_total{openai,m}"] == 999


async def test_the_first_ones_answer_and_record_are_as_without_sharing() -> None:
    seen: dict[str, list[RequestFinished]] = {}
    answers = {}
    for mode in ("off", "safe"):
        heard = RecordingObserver()
        async with rig(Provider(ok(ANSWER)), dedup_mode=mode) as it:
            it.sidecar.observers._observers += (heard,)
            answers[mode] = await it.ask(embed())
            await it.at_rest()
        seen[mode] = heard.of(RequestFinished)
        assert heard.of(CallShared) == []

    (alone,), (first,) = seen["off"], seen["safe"]
    assert answers["safe"] == answers["off"]
    assert (first.status, first.http_status, first.attempts, first.model, first.usage) == (
        alone.status,
        alone.http_status,
        alone.attempts,
        alone.model,
        alone.usage,
    )
    assert first.endpoint is Endpoint.EMBEDDINGS
    assert first.queue_wait is not None
    assert first.overhead is not None
    assert first.first_byte is not None


async def test_a_follower_made_no_attempt_and_used_no_tokens() -> None:
    held, heard = Held(ok(ANSWER)), RecordingObserver()
    async with rig(held, dedup_mode="safe") as it:
        it.sidecar.observers._observers += (heard,)
        for client in await askers(it, 2):
            held.release.set()
            await client.answer()
        await it.at_rest()

    first, follower = sorted(heard.of(RequestFinished), key=lambda event: -event.attempts)
    assert (first.attempts, follower.attempts) == (1, 0)
    assert (follower.status, follower.http_status) == (RequestStatus.OK, 200)
    assert (follower.upstream, follower.model) == ("openai", "m")
    assert (follower.usage, follower.queue_wait, follower.overhead) == (None, None, None)
    assert follower.first_byte is not None
    assert follower.first_byte <= follower.duration
    assert heard.of(CallShared) == [CallShared("openai", "m")]


async def test_one_after_the_other_they_are_calls_of_their_own() -> None:
    provider = Provider(ok(ANSWER))
    async with rig(provider, dedup_mode="safe") as it:
        client = await it.connect()
        for _ in range(3):
            answer = await client.ask(embed())
            assert answer.get("x-sidecar-shared") is None

    assert len(provider.received) == 3


DIFFERENT: dict[str, Callable[[bytes], bytes]] = {
    "body": lambda x: embed(b'{"model":"m","input":"%b"}' % x),
    "white space": lambda x: embed(BODY + b" " * (x == b"a")),
    "credential": lambda x: embed(extra=b"Authorization: Bearer %b\r\n" % x),
    "organisation": lambda x: embed(extra=b"OpenAI-Organization: %b\r\n" % x),
    "project": lambda x: embed(extra=b"OpenAI-Project: %b\r\n" % x),
    "beta": lambda x: embed(extra=b"OpenAI-Beta: %b\r\n" % x),
    "encoding": lambda x: embed(extra=b"Accept-Encoding: %b\r\n" % x),
    "idempotency": lambda x: embed(extra=b"Idempotency-Key: %b\r\n" % x),
    "anything": lambda x: embed(extra=b"X-Unheard-Of: %b\r\n" % x),
    "query": lambda x: embed(path=f"/v1/embeddings?{x.decode()}"),
    "path": lambda x: embed(path=f"/{x.decode()}/embeddings"),
    "upstream": lambda x: embed(path="/anthropic/v1/embeddings" if x == b"a" else "/v1/embeddings"),
    "priority": lambda x: embed(
        extra=b"x-sidecar-priority: %b\r\n" % {b"a": b"low", b"b": b"high"}[x]
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
async def test_calls_that_differ_in_anything_are_not_shared(what: str) -> None:
    held = Held()
    async with rig(held, dedup_mode="safe") as it:
        for one in (b"a", b"b"):
            (await it.connect()).post(DIFFERENT[what](one))
        await joined(it, 2)
        await it.in_place(in_flight=2)
        held.release.set()
        for client in it.clients:
            assert (await client.answer()).get("x-sidecar-shared") is None


async def test_what_says_nothing_about_the_answer_may_differ() -> None:
    held = Held()
    async with rig(held, dedup_mode="safe") as it:
        for one in (b"a", b"b"):
            client = await it.connect()
            fields = b"User-Agent: %b\r\ntraceparent: 00-%b\r\nX-Request-Id: %b\r\n" % (
                one,
                one,
                one,
            )
            client.post(embed(extra=fields + b"x-stainless-retry-count: %d\r\n" % (one == b"b")))
        await joined(it, 2)
        held.release.set()
        for client in it.clients:
            assert (await client.answer()).status == 200

    assert len(held.received) == 1


NEVER_SHARED = {
    "chat": post(),
    "chat with temperature 0": post(b'{"model":"m","messages":[],"temperature":0}'),
    "files": get("/v1/files"),
    "head": get("/v1/models", method="HEAD"),
    "put": embed().replace(b"POST", b"PUT", 1),
    "no-store": embed(extra=b"Cache-Control: no-store\r\n"),
    "chunked": b"POST /v1/embeddings HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2000000\r\n\r\n" + bytes(2_000_000),
}


@pytest.mark.parametrize("what", NEVER_SHARED)
async def test_what_must_not_be_shared_is_not(what: str) -> None:
    held, request = Held(), NEVER_SHARED[what]
    async with rig(held, dedup_mode="safe") as it:
        for _ in range(2):
            await (await it.connect()).send(request)
        await it.in_place(in_flight=2)
        await eventually(lambda: len(held.received) == 2)
        assert len(it.sidecar.services.shared) == 0
        held.release.set()
        for client in it.clients:
            answer = await client.answer("HEAD" if what == "head" else "GET")
            assert answer.get("x-sidecar-shared") is None


async def test_nothing_is_shared_where_that_is_not_wanted() -> None:
    held = Held()
    async with rig(held, dedup_mode="off") as it:
        for _ in range(2):
            (await it.connect()).post(embed())
        await it.in_place(in_flight=2)
        held.release.set()
        for client in it.clients:
            await client.answer()


async def test_prompts_with_one_answer_are_shared_where_that_is_wanted() -> None:
    held = Held()
    request = post(b'{"model":"m","messages":[],"temperature":0}')
    async with rig(held, dedup_mode="deterministic") as it:
        clients = await askers(it, 2, request)
        held.release.set()
        for client in clients:
            assert (await client.answer()).status == 200

    assert len(held.received) == 1


async def test_lists_of_models_are_shared() -> None:
    held = Held()
    async with rig(held, dedup_mode="safe") as it:
        clients = await askers(it, 3, get("/v1/models"))
        held.release.set()
        for client in clients:
            assert (await client.answer()).status == 200

    assert len(held.received) == 1


async def test_of_equal_requests_one_goes_into_a_batch() -> None:
    received: list[list[str]] = []
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            texts = json.loads((await receive(peer)).body)["input"]
            received.append(texts if isinstance(texts, list) else [texts])
            await go_on.wait()
            data = [
                {"object": "embedding", "index": at, "embedding": [float(len(text))]}
                for at, text in enumerate(received[-1])
            ]
            usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
            body = {"object": "list", "model": "m", "data": data, "usage": usage}
            await peer.send(ok(json.dumps(body).encode()))

    async with rig(script, dedup_mode="safe", batch_enabled=True, limit_initial=1) as it:
        await askers(it, 1, embed(b'{"model":"m","input":"first"}'))
        await it.in_place(in_flight=1)
        for text in (b"a", b"bb", b"a", b"bb", b"a"):
            await askers(it, 1, embed(b'{"model":"m","input":"%b"}' % text))
        go_on.set()
        answers = [await client.answer() for client in it.clients]

        assert sorted(received) == [["a", "bb"], ["first"]]
        vectors = [json.loads(answer.body)["data"][0]["embedding"] for answer in answers]
        assert vectors == [[5.0], [1.0], [2.0], [1.0], [2.0], [1.0]]
        shared = [answer.get("x-sidecar-shared") for answer in answers]
        assert shared == [None, None, None, b"call", b"call", b"call"]
        metrics = await it.metrics()
        assert metrics["ai_api_tokens_used_total{openai,m,input}"] == 3  # of two calls


# -- refusals -------------------------------------------------------------------------------------


async def test_a_rejection_is_retried_once_for_all() -> None:
    received: list[bytes] = []
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            received.append((await receive(peer)).body)
            await go_on.wait()
            await peer.send(LATER if len(received) == 1 else ok(ANSWER))

    async with rig(script, dedup_mode="safe", retry_attempts=1, retry_base_delay=0.01) as it:
        clients = await askers(it, 5)
        go_on.set()
        answers = [await client.answer() for client in clients]

        assert len(received) == 2
        assert [answer.status for answer in answers] == [200] * 5
        attempts = [answer.get("x-sidecar-attempts") for answer in answers]
        assert attempts == [b"2", b"0", b"0", b"0", b"0"]
        assert (await it.metrics())["ai_api_retries_total{openai,m,rate}"] == 1


@pytest.mark.parametrize(
    "hasty",
    [b"x-sidecar-timeout: 0.5\r\n", b"x-stainless-retry-count: 2\r\n"],
    ids=["little time", "no tries left"],
)
async def test_it_is_retried_for_whoever_has_the_most_patience(hasty: bytes) -> None:
    received: list[bytes] = []
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            received.append((await receive(peer)).body)
            await go_on.wait()
            await peer.send(IN_A_SECOND if len(received) == 1 else ok(ANSWER))

    async with rig(script, dedup_mode="safe", retry_attempts=2) as it:
        await askers(it, 1, embed(extra=hasty))
        (patient,) = await askers(it, 1)
        go_on.set()

        assert (await patient.answer()).status == 200
        assert len(received) == 2


async def test_an_sdk_with_tries_left_is_not_told_to_stop_because_another_app_has_no_time() -> None:
    held = Held(IN_A_SECOND)
    async with rig(held, dedup_mode="safe", retry_attempts=2) as it:
        await askers(it, 1, embed(extra=b"x-sidecar-timeout: 0.5\r\n"))
        (patient,) = await askers(it, 1, embed(extra=b"x-stainless-read-timeout: 0.9\r\n"))
        held.release.set()

        answer = await patient.answer()
        assert (answer.status, answer.get("x-should-retry")) == (429, None)


async def test_its_last_word_goes_to_all() -> None:
    held = Held(LATER)
    async with rig(held, dedup_mode="safe", retry_attempts=1, retry_base_delay=0.01) as it:
        clients = await askers(it, 3)
        held.release.set()
        answers = [await client.answer() for client in clients]

        assert len(held.received) == 2
        assert [answer.status for answer in answers] == [429] * 3
        assert [answer.get("x-should-retry") for answer in answers] == [b"false"] * 3
        assert await it.statuses() == {"openai,m,rate_limited": 3}
        again = await it.ask(embed())
        assert again.get("x-sidecar-shared") is None
        assert len(held.received) == 4


async def test_an_error_before_the_answer_is_told_to_all() -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await receive(peer)
        await go_on.wait()
        await peer.send(b"HTTP/1.1 200 OK\r\nbroken")
        peer.close()

    async with rig(script, dedup_mode="safe") as it:
        clients = await askers(it, 3)
        go_on.set()
        answers = [await client.answer() for client in clients]

        assert [answer.status for answer in answers] == [502] * 3
        assert {answer.get("x-sidecar-reason") for answer in answers} == {b"upstream_protocol"}
        assert await it.statuses() == {"openai,m,server_error": 3}
        metrics = await it.metrics()
        assert metrics.get("ai_api_dedup_hits_total{openai,m}", 0) == 0
        assert (await clients[0].ask(get("/v1/other"))).status == 502  # its connection was kept


async def test_a_shed_is_told_to_all() -> None:
    async with rig(silent, dedup_mode="safe", limit_initial=1, queue_timeout=0.05) as it:
        (await it.connect()).post(post())
        await it.in_place(in_flight=1)
        clients = await askers(it, 3)
        answers = [await client.answer() for client in clients]

        assert [answer.status for answer in answers] == [503] * 3
        assert {answer.get("x-sidecar-reason") for answer in answers} == {b"queue_timeout"}
        it.clients[0].close()


async def test_a_quota_that_is_used_up_is_told_to_all() -> None:
    used_up = ok(
        b'{"error":{"code":"insufficient_quota","message":"no money"}}', status=b"429 Too Many"
    )
    async with rig(Provider(used_up), dedup_mode="safe") as it:
        assert (await it.ask(embed())).status == 429
        clients = [await it.connect() for _ in range(3)]
        for client in clients:
            client.post(embed())
        answers = [await client.answer() for client in clients]

        assert [answer.get("x-sidecar-reason") for answer in answers] == [b"quota_exhausted"] * 3
        assert {answer.body for answer in answers} == {used_up.partition(b"\r\n\r\n")[2]}
        assert (await it.statuses())["openai,m,shed"] == 3


# -- the end of the sidecar -----------------------------------------------------------------------


async def test_flights_end_with_the_sidecar() -> None:
    async with rig(silent, dedup_mode="safe") as it:
        clients = await askers(it, 2)
        peer = await it.provider.peer()

        await it.sidecar.services.shared.close()

        answers = [await client.answer() for client in clients]
        assert [answer.status for answer in answers] == [503] * 2
        assert {answer.get("x-sidecar-reason") for answer in answers} == {b"draining"}
        await asyncio.wait_for(peer.gone.wait(), 2)
        assert len(it.sidecar.services.shared) == 0


class _Broken:
    """A service with a bug. Implements Service."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        await self.go_on.wait()
        raise ZeroDivisionError


async def test_a_bug_of_our_own_is_a_500_for_all() -> None:
    async with rig(dedup_mode="safe", bugs=1) as it:
        broken = it.sidecar.services.shared._inner = _Broken()
        clients = await askers(it, 2)
        broken.go_on.set()

        assert [(await client.answer()).status for client in clients] == [500, 500]


@pytest.mark.parametrize("leave", [Client.close, Client.reset])
async def test_it_leaves_nothing_behind(leave: Callable[[Client], None]) -> None:
    held = Held()
    async with rig(held, dedup_mode="safe") as it:
        for _ in range(3):
            clients = await askers(it, 4)
            for client in clients[:2]:
                leave(client)
            await joined(it, 2)
            held.release.set()
            for client in clients[2:]:
                assert (await client.answer()).status == 200
            await it.at_rest()
            held.release.clear()

        assert repr(it.sidecar.services.shared).startswith("<Shared safe, 0 flights, 0 readers")
