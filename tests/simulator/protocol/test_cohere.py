"""Cohere's second API."""

from typing import Any

import pytest

from tests.simulator.protocol.wire import ask, complaint, data, stream
from tests.simulator.providing import HELLO, MODEL, Running

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 3}
EMBED: dict[str, Any] = {"model": MODEL, "texts": ["one", "two"], "input_type": "search_query"}


async def test_a_stream_says_the_same_as_a_whole_answer(quick: Running) -> None:
    whole = await ask(quick, "/v2/chat", CHAT)
    events = data(await stream(quick, "/v2/chat", {**CHAT, "stream": True}))

    text = "".join(
        event["delta"]["message"]["content"]["text"]
        for event in events
        if event["type"] == "content-delta"
    )
    assert text == whole["message"]["content"][0]["text"]
    assert events[-1]["type"] == "message-end"
    assert events[-1]["delta"]["usage"] == whole["usage"]
    assert events[-1]["delta"]["finish_reason"] == whole["finish_reason"] == "MAX_TOKENS"
    assert whole["usage"]["billed_units"]["output_tokens"] == 3


async def test_an_error_in_the_stream_ends_the_message(quick: Running) -> None:
    body = {**CHAT, "stream": True}

    events = data(await stream(quick, "/v2/chat", body, x_simulate="error-in-stream; after=1"))

    assert events[-1]["type"] == "message-end"
    assert events[-1]["delta"]["finish_reason"] == "ERROR"
    assert "overloaded" in events[-1]["delta"]["error"]


@pytest.mark.parametrize(("kind", "of"), [("float", list), ("base64", str)])
async def test_embeddings(quick: Running, kind: str, of: type) -> None:
    answer = await ask(
        quick, "/v2/embed", {**EMBED, "embedding_types": [kind], "output_dimension": 8}
    )

    assert [type(item) for item in answer["embeddings"][kind]] == [of, of]
    assert answer["texts"] == ["one", "two"]
    assert answer["meta"]["billed_units"] == {"input_tokens": 2}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/chat", {"model": MODEL}),
        ("/v2/embed", {"model": MODEL}),
        ("/v2/embed", {**EMBED, "texts": ["x"] * 97}),
        ("/v2/embed", {**EMBED, "texts": [1]}),
    ],
)
async def test_nonsense_is_told_in_coheres_words(quick: Running, path: str, body: Any) -> None:
    status, document = await complaint(quick, path, body)

    assert status == 400
    assert document["message"]
