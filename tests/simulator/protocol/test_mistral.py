"""Mistral's differences from OpenAI."""

from typing import Any

from tests.simulator.protocol.wire import ask, complaint, data, stream
from tests.simulator.providing import HELLO, MODEL, Running

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 3}


async def test_the_last_chunk_has_the_usage_unasked(quick: Running) -> None:
    whole = await ask(quick, "/mistral/v1/chat/completions", CHAT)
    chunks = data(await stream(quick, "/mistral/v1/chat/completions", {**CHAT, "stream": True}))

    assert chunks[-1]["usage"] == whole["usage"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert all("usage" not in chunk for chunk in chunks[:-1])


async def test_fill_in_the_middle_answers_like_a_chat(quick: Running) -> None:
    body = {"model": MODEL, "prompt": "def f(", "max_tokens": 2}

    answer = await ask(quick, "/mistral/v1/fim/completions", body)

    assert answer["choices"][0]["message"]["role"] == "assistant"


async def test_embeddings_have_an_id(quick: Running) -> None:
    answer = await ask(quick, "/mistral/v1/embeddings", {"model": MODEL, "input": ["one"]})

    assert answer["id"].startswith("emb_")
    assert len(answer["data"][0]["embedding"]) == 1536


async def test_an_error_in_the_stream_looks_like_any_other_event(quick: Running) -> None:
    body = {**CHAT, "stream": True}

    sent = await stream(
        quick, "/mistral/v1/chat/completions", body, x_simulate="error-in-stream; after=0"
    )

    assert b"event:" not in sent
    assert data(sent)[-1]["object"] == "error"


async def test_nonsense_is_told_in_mistrals_words(quick: Running) -> None:
    status, document = await complaint(quick, "/mistral/v1/chat/completions", {"model": MODEL})

    assert (status, document["object"], document["param"]) == (400, "error", "messages")
