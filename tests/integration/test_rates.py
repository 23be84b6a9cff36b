"""Ceilings that the sidecar keeps by itself, and those that a provider's headers tell of."""

import asyncio
from typing import Any

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Provider, Rig, eventually, receive, rig
from tests.integration.wire import Message, ok, post

LIMIT: dict[str, Any] = {"limit_mode": "adaptive"}


async def queued(it: Rig) -> dict[str, Any]:
    """The one limiter's statistics, once a request waits."""
    await eventually(lambda: it.waiting == 1)
    stats: dict[str, Any] = (await it.stats())["limits"][0]
    return stats


async def waits_after(it: Rig, number: int, body: bytes = b'{"model":"m"}') -> dict[str, Any]:
    """So many calls pass at once, and what the next one waits for."""
    for _ in range(number):
        assert (await it.ask(post(body))).status == 200
    client = await it.connect()
    client.post(post(body))
    stats = await queued(it)
    client.close()
    await it.at_rest()
    return stats


@pytest.mark.parametrize(
    ("setting", "ceiling"),
    [
        ("rate_requests_per_minute", "requests_per_minute"),
        ("rate_requests_per_second", "requests_per_second"),
    ],
)
async def test_what_exceeds_a_ceiling_of_requests_waits(setting: str, ceiling: str) -> None:
    settings: dict[str, Any] = {setting: 3 if "minute" in setting else 0.3}  # 1 in any 3.3 s
    async with rig(Provider(), **settings) as it:
        stats = await waits_after(it, 3 if "minute" in setting else 1)

        assert stats["wait_reason"] == ceiling
        assert stats["waits_by_reason"] == {ceiling: 1}
        metrics = await it.metrics()
        assert metrics[f"ai_api_waits_total{{openai,m,{ceiling}}}"] == 1


async def test_a_ceiling_that_is_over_lets_the_next_one_in() -> None:
    provider = Provider()
    async with rig(provider, rate_requests_per_second=5) as it:
        loop = asyncio.get_running_loop()
        began = loop.time()
        clients = [await it.connect() for _ in range(7)]
        for client in clients:
            client.post(post())
        for client in clients:
            assert (await client.answer()).status == 200

        assert loop.time() - began >= 1.0, "never more than 5 in any second"


async def test_waiting_for_a_ceiling_ends_with_the_queues_timeout() -> None:
    async with rig(Provider(), rate_requests_per_minute=1, queue_timeout=0.05) as it:
        await it.ask(post())
        answer = await it.ask(post())

        assert answer.status == 503
        assert answer.get("x-sidecar-reason") == b"queue_timeout"


USED = b'{"usage":{"prompt_tokens":30,"completion_tokens":10,"total_tokens":40}}'


async def test_tokens_are_reserved_from_the_request_and_settled_from_the_usage() -> None:
    """Each call reserves 900 and uses 40: of 1,000 a minute three pass one after the other."""
    body = b'{"model":"m","max_tokens":%d}' % (900 - 9)
    async with rig(Provider(ok(USED)), rate_tokens_per_minute=1000) as it:
        stats = await waits_after(it, 3, body)

        assert stats["wait_reason"] == "tokens_per_minute"


async def test_a_call_larger_than_the_ceiling_passes_alone() -> None:
    body = b'{"model":"m","max_tokens":100000}'
    async with rig(Provider(ok(USED)), rate_tokens_per_minute=1000) as it:
        assert (await it.ask(post(body))).status == 200


async def test_a_refused_call_uses_no_tokens() -> None:
    body = b'{"model":"m","max_tokens":950}'
    provider = Provider(ok(b"{}", status=b"500 Oops"), ok(USED))
    async with rig(provider, rate_tokens_per_minute=1000) as it:
        assert (await it.ask(post(body))).status == 500
        assert (await it.ask(post(body))).status == 200


async def test_a_call_that_found_no_connection_uses_no_tokens() -> None:
    body = post(b'{"model":"m","max_tokens":950}')
    settings: dict[str, Any] = {"rate_tokens_per_minute": 1000, "queue_timeout": 0.05}
    async with rig(upstream_urls="openai=http://127.0.0.1:1", **settings) as it:
        for _ in range(3):
            assert (await it.ask(body)).get("x-sidecar-reason") == b"upstream_connect"


async def test_each_model_has_ceilings_of_its_own() -> None:
    async with rig(Provider(), rate_requests_per_minute=1) as it:
        assert (await it.ask(post(b'{"model":"a"}'))).status == 200
        assert (await it.ask(post(b'{"model":"b"}'))).status == 200


async def test_observing_keeps_no_ceiling() -> None:
    async with rig(Provider(), rate_requests_per_minute=1, limit_mode="observe") as it:
        for _ in range(5):
            assert (await it.ask(post())).status == 200


def left(requests: int, reset: str = "40s") -> bytes:
    """OpenAI's headers: of 60 a minute so many are left."""
    return (
        b"x-ratelimit-limit-requests: 60\r\nx-ratelimit-remaining-requests: %d\r\n"
        b"x-ratelimit-reset-requests: %b\r\n" % (requests, reset.encode())
    )


async def test_a_provider_that_says_nothing_is_left_is_not_asked() -> None:
    async with rig(Provider(ok(extra=left(0, "60s"))), **LIMIT) as it:
        stats = await waits_after(it, 1)

        assert stats["wait_reason"] == "provider_headers"
        assert stats["provider_remaining"]["requests"] < 1
        metrics = await it.metrics()
        assert metrics["ai_api_provider_remaining{openai,m,requests}"] < 1


async def test_what_the_headers_say_goes_on_to_the_app() -> None:
    async with rig(Provider(ok(extra=left(17))), **LIMIT) as it:
        answer = await it.ask(post())

        assert answer.get("x-ratelimit-remaining-requests") == b"17"


@pytest.mark.parametrize("settings", [{"rate_feed_forward": False}, {"limit_mode": "fixed"}])
async def test_listening_can_be_switched_off(settings: dict[str, Any]) -> None:
    async with rig(Provider(ok(extra=left(0))), **LIMIT | settings) as it:
        for _ in range(3):
            assert (await it.ask(post())).status == 200


@pytest.mark.parametrize(
    "nonsense",
    [
        b"x-ratelimit-limit-requests: -1\r\nx-ratelimit-remaining-requests: 0\r\n",
        b"x-ratelimit-remaining-requests: nothing\r\nx-ratelimit-reset-requests: soon\r\n",
        b"x-ratelimit-limit-requests: 0\r\nx-ratelimit-remaining-requests: -1\r\n",
    ],
)
async def test_headers_that_say_nothing_hold_nobody_back(nonsense: bytes) -> None:
    async with rig(Provider(ok(extra=nonsense)), **LIMIT) as it:
        for _ in range(3):
            assert (await it.ask(post())).status == 200


async def test_a_short_hint_is_waited_for_once_and_every_call_passes() -> None:
    """429 with `retry-after-ms`: the app never sees it."""
    received: list[Message] = []

    async def script(peer: Peer) -> None:
        while True:
            received.append(await receive(peer))
            if len(received) == 1:
                hint = ok(b"{}", status=b"429 Slow", extra=b"retry-after-ms: 50\r\n")
                await peer.send(hint)
            else:
                await peer.send(ok())

    async with rig(script, retry_attempts=3, **LIMIT) as it:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await it.ask(post())

        assert answer.status == 200
        assert loop.time() - began >= 0.05
