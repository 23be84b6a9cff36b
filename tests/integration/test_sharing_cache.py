"""Where it is wanted, answers are kept for identical requests after them, for a while."""

import asyncio

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Provider, receive, rig
from tests.integration.sharing import embed
from tests.integration.wire import LAST_CHUNK, STREAM, chunk, get, ok, post
from tests.support import virtual_time

ANSWER = b'{"data":[{"embedding":[0.1,0.2]}]}'
FIELDS = (
    b"x-request-id: one\r\nx-ratelimit-remaining-requests: 9\r\nAnthropic-RateLimit-Tokens-Limit: 9\r\n"
    b"Retry-After-Ms: 5\r\nSet-Cookie: a=b\r\nAge: 77\r\n"
)


@virtual_time
async def test_an_answer_is_told_again_until_its_time_is_over() -> None:
    provider = Provider(ok(ANSWER, extra=FIELDS))
    async with rig(provider, dedup_mode="safe", dedup_cache_ttl=10) as it:
        client = await it.connect()
        first = await client.ask(embed())
        assert first.get("x-sidecar-shared") is None
        assert first.get("set-cookie") == b"a=b"
        await asyncio.sleep(3.5)
        again = await client.ask(embed())

        assert (again.status, again.body) == (200, ANSWER)
        assert again.get("x-sidecar-shared") == b"cache"
        assert again.all("age") == [b"3"]
        assert again.get("x-sidecar-attempts") == b"0"
        told = {name.lower() for name, _ in again.fields}
        assert told == {
            b"content-type",
            b"content-length",
            b"x-request-id",
            b"age",
            b"x-sidecar-shared",
            b"x-sidecar-attempts",
            b"x-sidecar-queue-ms",
        }
        assert len(provider.received) == 1
        metrics = await it.metrics()
        assert metrics["ai_api_dedup_hits_total{openai,m}"] == 1
        assert metrics["ai_api_attempts_total{openai,m}"] == 1
        assert await it.statuses() == {"openai,m,ok": 2}
        await asyncio.sleep(7)
        assert (await client.ask(embed())).get("x-sidecar-shared") is None
        assert len(provider.received) == 2


async def test_without_a_time_nothing_is_kept() -> None:
    provider = Provider(ok(ANSWER))
    async with rig(provider, dedup_mode="safe") as it:
        for _ in range(2):
            await it.ask(embed())
        assert len(it.sidecar.services.shared.cache) == 0

    assert len(provider.received) == 2


async def test_a_streamed_answer_is_told_again_whole() -> None:
    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(b"data: 1\n\n"))
        await peer.send(chunk(b"data: 2\n\n") + LAST_CHUNK)
        await peer.left()

    request = post(b'{"model":"m","messages":[],"temperature":0,"stream":true}')
    async with rig(script, dedup_mode="deterministic", dedup_cache_ttl=10) as it:
        first, again = await it.ask(request), await it.ask(request)

        assert first.body == again.body == b"data: 1\n\ndata: 2\n\n"
        assert again.get("content-type") == b"text/event-stream"
        assert again.get("x-sidecar-shared") == b"cache"
        assert len(it.provider.peers) == 1


@pytest.mark.parametrize(
    ("answer", "request_bytes"),
    [
        (ok(ANSWER), get("/v1/models")),
        (ok(b"{}", status=b"400 Bad"), embed()),
        (ok(b"{}", status=b"500 Broken"), embed()),
        (ok(b"{}", status=b"429 Later"), embed()),
        (ok(b'{"error":{"message":"overloaded"}}'), embed()),
        (ok(bytes((1 << 20) + 1)), embed()),
        (ok(ANSWER), embed(extra=b"Cache-Control: no-store\r\n")),
        (ok(ANSWER), post()),
    ],
    ids=["GET", "400", "500", "429", "an error in a 200", "too large", "no-store", "not shared"],
)
async def test_what_is_not_kept(answer: bytes, request_bytes: bytes) -> None:
    provider = Provider(answer)
    async with rig(provider, dedup_mode="safe", dedup_cache_ttl=10) as it:
        for _ in range(2):
            assert (await it.ask(request_bytes)).get("x-sidecar-shared") is None

    assert len(provider.received) == 2


async def test_other_callers_have_other_answers() -> None:
    provider = Provider(ok(ANSWER))
    async with rig(provider, dedup_mode="safe", dedup_cache_ttl=10) as it:
        for key in (b"one", b"two", b"one"):
            await it.ask(embed(extra=b"Authorization: Bearer %b\r\n" % key))

    assert len(provider.received) == 2


async def test_an_app_can_have_an_answer_of_its_own() -> None:
    provider = Provider(ok(ANSWER))
    async with rig(provider, dedup_mode="safe", dedup_cache_ttl=10) as it:
        await it.ask(embed())
        fresh = await it.ask(embed(extra=b"Cache-Control: no-cache\r\n"))
        assert fresh.get("x-sidecar-shared") is None

    assert len(provider.received) == 2


async def test_all_answers_together_stay_within_the_bound() -> None:
    provider = Provider(ok(bytes(10_000)))
    async with rig(provider, dedup_mode="safe", dedup_cache_ttl=10, dedup_cache_bytes=40_000) as it:
        for number in range(10):
            await it.ask(embed(b'{"model":"m","input":"%d"}' % number))
        cache = it.sidecar.services.shared.cache
        assert (len(cache), cache.held <= 40_000) == (3, True)
        assert (await it.ask(embed(b'{"model":"m","input":"9"}'))).get("x-sidecar-shared")
        assert not (await it.ask(embed(b'{"model":"m","input":"0"}'))).get("x-sidecar-shared")


async def test_header_fields_count_too() -> None:
    """An answer of a few bytes comes with some thousands of them."""
    provider = Provider(ok(ANSWER, extra=b"x-region: a\r\n" * 60))
    async with rig(provider, dedup_mode="safe", dedup_cache_ttl=10, dedup_cache_bytes=30_000) as it:
        for number in range(10):
            await it.ask(embed(b'{"model":"m","input":"%d"}' % number))
        assert len(it.sidecar.services.shared.cache) == 3


async def test_an_answer_that_a_flight_shared_is_kept_once() -> None:
    provider = Provider(ok(ANSWER))
    async with rig(provider, dedup_mode="safe", dedup_cache_ttl=10) as it:
        clients = [await it.connect() for _ in range(5)]
        for client in clients:
            client.post(embed())
        answers = [await client.answer() for client in clients]
        answers.append(await it.ask(embed()))

        shared = [answer.get("x-sidecar-shared") for answer in answers]
        assert shared[-1] == b"cache"
        assert shared.count(None) == 1
        assert len(it.sidecar.services.shared.cache) == 1
        assert [answer.body for answer in answers] == [ANSWER] * 6

    assert len(provider.received) == 1
