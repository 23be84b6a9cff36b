"""The sidecar counts the tokens of every stream, and the app sees only what it asked for."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from sidecar.simulator.scenario import Scenario
from sidecar.simulator.server import SimulatedProvider
from tests.fakes.raw_server import Peer
from tests.integration.rig import Provider, Rig, receive, rig
from tests.integration.sdks import FACES, HELLO, MODEL, SAME_ALWAYS, Sdk, base, openai_sdk
from tests.integration.wire import LAST_CHUNK, STREAM, chunk, ok, post

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "stream": True}
ASKED = {"stream_options": {"include_usage": True}}
TOKENS = "ai_api_tokens_used_total"


@asynccontextmanager
async def before_a_provider(
    face: str, scenario: Scenario = SAME_ALWAYS, **options: Any
) -> AsyncIterator[tuple[Rig, SimulatedProvider, Sdk, Sdk]]:
    """A sidecar that asks; the SDK before the provider itself, and before the sidecar."""
    provider = SimulatedProvider(scenario)
    url = f"http://127.0.0.1:{await provider.start()}/openai"
    try:
        async with (
            rig(upstream_urls=f"openai={url}", tokens_include_usage=True, **options) as it,
            openai_sdk(url, face) as direct,
            openai_sdk(base(it), face) as through,
        ):
            yield it, provider, direct, through
    finally:
        await provider.stop()


def _documents(events: Sequence[Any]) -> list[dict[str, Any]]:
    """What the app reads, but for the `null` that every chunk of such a stream has."""
    documents = [event.model_dump(exclude_unset=True) for event in events]
    for document in documents:
        if document.get("usage", 0) is None:
            del document["usage"]
    return documents


@pytest.mark.parametrize("face", FACES)
async def test_an_app_that_did_not_ask_sees_no_usage_and_its_tokens_are_counted(face: str) -> None:
    async with before_a_provider(face) as (it, provider, direct, through):
        chunks = await through.collect(lambda client: client.chat.completions.create(**CHAT))
        billed = provider.state()["models"][MODEL]["billed"]
        unasked = await direct.collect(lambda client: client.chat.completions.create(**CHAT))

        assert all(chunk.choices for chunk in chunks)
        assert _documents(chunks) == _documents(unasked)
        await it.at_rest()
        metrics = await it.metrics()
        assert metrics[f"{TOKENS}{{openai,sim,input}}"] == billed["input"] > 0
        assert metrics[f"{TOKENS}{{openai,sim,output}}"] == billed["output"] > 0


@pytest.mark.parametrize("face", FACES)
async def test_an_app_that_asked_gets_what_it_asked_for(face: str) -> None:
    async with before_a_provider(face) as (_, _, direct, through):
        chunks = await through.collect(
            lambda client: client.chat.completions.create(**CHAT, **ASKED)
        )
        asked = await direct.collect(lambda client: client.chat.completions.create(**CHAT, **ASKED))

        assert [chunk.model_dump() for chunk in chunks] == [chunk.model_dump() for chunk in asked]
        assert chunks[-1].usage.completion_tokens > 0


async def test_legacy_completions_are_asked_too() -> None:
    asked: dict[str, Any] = {"model": MODEL, "prompt": "Hello", "stream": True}
    async with before_a_provider("async") as (it, provider, direct, through):
        chunks = await through.collect(lambda client: client.completions.create(**asked))
        billed = provider.state()["models"][MODEL]["billed"]
        unasked = await direct.collect(lambda client: client.completions.create(**asked))

        assert _documents(chunks) == _documents(unasked)
        await it.at_rest()
        assert (await it.metrics())[f"{TOKENS}{{openai,sim,output}}"] == billed["output"]


async def test_whole_answers_and_refusals_pass_as_ever() -> None:
    async with before_a_provider("async") as (_, _, direct, through):
        whole = {**CHAT, "stream": False}

        def ask(client: Any) -> Any:
            return client.chat.completions.with_raw_response.create(**whole)

        assert (await through(ask)).http_response.content == (
            await direct(ask)
        ).http_response.content
        with pytest.raises(openai.RateLimitError, match="exceeded your current quota"):
            await through.collect(
                lambda client: client.chat.completions.create(
                    **CHAT, extra_headers={"x-simulate": "insufficient_quota"}
                )
            )


async def test_a_stream_that_is_compressed_by_default_is_asked_for_plain() -> None:
    """Where it came compressed all the same, it could not be read."""
    async with before_a_provider("async") as (_, _, _, through):
        chunks = await through.collect(
            lambda client: client.chat.completions.create(
                **CHAT, extra_headers={"x-simulate": "encoding=gzip"}
            )
        )

        assert all(chunk.choices for chunk in chunks)


# To the byte.

WORD = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}],"usage":null}\n\n'
CHUNK = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"
BODY = b'{ "model":"m", "stream":true, "messages":[{"role":"user","content":"\\u00e9 1.0e0"}] }'


def streamed(*pieces: bytes) -> bytes:
    """An answer in these HTTP chunks."""
    return STREAM + b"".join(map(chunk, pieces)) + LAST_CHUNK


async def test_the_bytes_are_those_of_a_stream_that_was_not_asked() -> None:
    provider = Provider(streamed(WORD, WORD + CHUNK, CHUNK + DONE))
    async with rig(provider, tokens_include_usage=True) as it:
        answer = await it.ask(post(BODY, extra=b"Accept-Encoding: gzip, br\r\n"))

        assert answer.body == WORD + WORD + DONE
        (received,) = provider.received
        assert received.body == b'{"stream_options":{"include_usage":true},' + BODY[1:]
        assert received.get("content-length") == b"%d" % len(received.body)
        assert received.all("accept-encoding") == [b"identity"]
        assert json.loads(received.body) == {**json.loads(BODY), **ASKED}
        await it.at_rest()
        metrics = await it.metrics()
        assert metrics[f"{TOKENS}{{openai,m,input}}"] == 3
        assert metrics[f"{TOKENS}{{openai,m,output}}"] == 5


async def test_a_chunk_that_is_swallowed_does_not_end_the_body() -> None:
    async with rig(Provider(streamed(WORD, CHUNK, DONE)), tokens_include_usage=True) as it:
        answer = await it.ask(post(BODY))

        assert answer.chunks is not None
        assert b"".join(answer.chunks) == WORD + DONE


async def test_a_stream_that_says_its_length_loses_it() -> None:
    body = WORD + CHUNK + DONE
    plain = ok(body).replace(b"application/json", b"text/event-stream")
    async with rig(Provider(plain), tokens_include_usage=True) as it:
        client = await it.connect()
        answer = await client.ask(post(BODY))

        assert answer.get("content-length") is None
        assert answer.body == WORD + DONE
        assert (await client.ask(post(BODY))).body == WORD + DONE  # the connection goes on


async def test_an_event_passes_when_it_came_and_not_later() -> None:
    peers: list[Peer] = []

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(WORD))
        peers.append(peer)
        await peer.left()

    async with rig(script, tokens_include_usage=True) as it:
        client = await it.connect()
        client.post(post(BODY))
        await client.head()
        assert await client.chunk() == WORD

        await peers[0].send(chunk(WORD[:70]))
        assert await client.chunk() == WORD[:70]
        await peers[0].send(chunk(WORD[70:] + CHUNK[:20]))
        assert await client.chunk() == WORD[70:]
        await peers[0].send(chunk(CHUNK[20:]) + chunk(DONE))
        assert await client.chunk() == DONE
        client.reset()


async def test_a_stream_that_breaks_ends_as_it_would_have() -> None:
    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(WORD + CHUNK[:20]))
        peer.close()

    async with rig(script, tokens_include_usage=True) as it:
        client = await it.connect()
        client.post(post(BODY))
        await client.head()

        assert await client.chunk() == WORD
        assert await client.chunk() == CHUNK[:20]
        assert await client.ended() == b""


async def test_nothing_is_asked_unless_it_is_wanted() -> None:
    provider = Provider(streamed(WORD, CHUNK, DONE))
    async with rig(provider) as it:
        answer = await it.ask(post(BODY))

        assert answer.body == WORD + CHUNK + DONE
        assert provider.received[0].body == BODY
