"""Other projects' faults: rates charged for nothing or too late, and slow answers that were cut off."""

import asyncio
from typing import Any

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Held, Provider, eventually, receive, rig
from tests.integration.wire import LAST_CHUNK, STREAM, chunk, ok, post
from tests.support import virtual_time

LARGE = b'{"model":"m","max_tokens":%d}' % (400 - 8)
"""A body of 30 bytes: 400 tokens are reserved for it."""

TWO = [{"rate_requests_per_minute": 2}, {"rate_tokens_per_minute": 800}]
"""Ceilings that let two such calls pass a minute."""


# Charged for nothing


@pytest.mark.slow
@pytest.mark.parametrize("ceiling", TWO, ids=["requests", "tokens"])
async def test_what_was_never_sent_uses_nothing_of_a_ceiling(ceiling: dict[str, Any]) -> None:
    """BerriAI/litellm #39309: a call refused for its concurrency had used up a request a minute."""
    held = Held()
    settings = ceiling | {"limit_initial": 1, "queue_size": 2, "queue_timeout": 0.4}
    async with rig(held, **settings) as it:
        first = await it.connect()
        first.post(post(LARGE))
        await it.in_place(in_flight=1)
        late = await it.ask(post(LARGE))
        hurried = await it.ask(post(LARGE, extra=b"x-sidecar-timeout: 0.05\r\n"))
        leaving = [await it.connect() for _ in range(2)]
        for client in leaving:
            client.post(post(LARGE))
        await it.in_place(in_flight=1, waiting=2)
        refused = await it.ask(post(LARGE))
        for client in leaving:
            client.close()
        await it.in_place(in_flight=1)

        reasons = [answer.get("x-sidecar-reason") for answer in (late, hurried, refused)]
        assert reasons == [b"queue_timeout", b"deadline", b"queue_full"]
        held.release.set()
        assert (await first.answer()).status == 200
        assert (await it.ask(post(LARGE))).status == 200, "the second one of two a minute"
        assert (await it.ask(post(LARGE))).get("x-sidecar-reason") == b"queue_timeout"
        assert len(held.received) == 2


# Charged too late


async def test_a_burst_reserves_its_tokens_before_it_is_sent() -> None:
    """envoyproxy/ai-gateway #680: tokens were charged with the answer, so a burst passed unchecked."""
    held = Held()
    async with rig(held, rate_tokens_per_minute=800) as it:
        clients = [await it.connect() for _ in range(10)]
        for client in clients:
            client.post(post(LARGE))
        await it.in_place(in_flight=2, waiting=8)
        assert (await it.stats())["limits"][0]["wait_reason"] == "tokens_per_minute"
        for client in clients[2:]:
            client.close()
        await it.in_place(in_flight=2)
        held.release.set()
        for client in clients[:2]:
            assert (await client.answer()).status == 200
        assert len(held.received) == 2


async def test_a_stream_that_uses_more_than_it_reserved_is_not_cut_and_is_charged() -> None:
    """envoyproxy/ai-gateway #2394, #1754: what exceeds is paid for by the calls that follow."""
    usage = chunk(b'data: {"usage":{"prompt_tokens":9,"completion_tokens":5000}}\n\n')
    parts = [chunk(b"data: %d\n\n" % number) for number in range(50)]
    provider = Provider(STREAM + b"".join(parts) + usage + LAST_CHUNK)
    async with rig(provider, rate_tokens_per_minute=800) as it:
        answer = await it.ask(post(LARGE))
        waiting = await it.connect()
        waiting.post(post(LARGE))
        await it.in_place(in_flight=0, waiting=1)
        waiting.close()

        assert answer.chunks is not None
        assert len(answer.chunks) == 51
        assert len(provider.received) == 1


# Slow answers


@pytest.mark.parametrize(
    "answer",
    [ok(), STREAM + chunk(b"data: 1\n\n") + LAST_CHUNK],
    ids=["whole", "streamed"],
)
@virtual_time
async def test_a_first_token_after_minutes_is_waited_for(answer: bytes) -> None:
    """preloop PR #206: proxies cut off what was silent for 60 s. The default here is 600 s."""
    now = asyncio.get_running_loop().time

    async def script(peer: Peer) -> None:
        await receive(peer)
        await asyncio.sleep(590)
        await peer.send(answer)
        await peer.left()

    async with rig(script) as it:
        begun = now()
        assert (await it.ask(post())).status == 200
        assert now() - begun >= 590


@virtual_time
async def test_comments_keep_a_call_alive_for_as_long_as_they_come() -> None:
    """preloop PR #206: DeepSeek keeps a queued call alive so, before its head's first event."""

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM)
        for _ in range(10):
            await asyncio.sleep(500)
            await peer.send(chunk(b": keep-alive\n\n"))
        await peer.send(chunk(b"data: 1\n\n") + LAST_CHUNK)
        await peer.left()

    async with rig(script) as it:
        answer = await it.ask(post(b'{"model":"m","stream":true}'))
        first_byte = (await it.metrics())["ai_api_time_to_first_byte_seconds_sum{openai,m}"]

        assert answer.body.endswith(b"data: 1\n\n")
        assert first_byte >= 5000, "comments are no answer"


async def test_what_fails_before_its_first_chunk_is_counted() -> None:
    """preloop PR #206: such failures were in no metric."""

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM)
        peer.end()
        await peer.left()

    async with rig(script) as it:
        client = await it.connect()
        client.post(post(b'{"model":"m","stream":true}'))
        assert (await client.head()).status == 200
        assert await client.ended() == b""
        await eventually(lambda: not it.leftovers)
        metrics = await it.metrics()

        assert await it.statuses() == {"openai,m,server_error": 1}
        assert metrics["ai_api_rejections_total{openai,m,transient}"] == 1
        assert metrics["ai_api_attempts_total{openai,m}"] == 1
