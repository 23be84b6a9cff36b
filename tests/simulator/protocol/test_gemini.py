"""Gemini's API, and Vertex AI's paths to it."""

from typing import Any

import orjson
import pytest

from tests.simulator.protocol.wire import ask, complaint, data, stream
from tests.simulator.providing import Running

MODEL = "/v1beta/models/g"
VERTEX = "/vertex/v1/projects/p/locations/l/publishers"
HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]}
BRIEF = {**HELLO, "generationConfig": {"maxOutputTokens": 2}}


def _text(documents: list[Any]) -> str:
    return "".join(item["candidates"][0]["content"]["parts"][0]["text"] for item in documents)


async def test_a_whole_answer(quick: Running) -> None:
    answer = await ask(quick, f"{MODEL}:generateContent", HELLO)

    used = answer["usageMetadata"]
    assert len(_text([answer]).split()) == used["candidatesTokenCount"] == 8
    assert used["totalTokenCount"] == used["promptTokenCount"] + 8
    assert answer["candidates"][0]["finishReason"] == "STOP"


async def test_events_and_an_array_say_the_same(quick: Running) -> None:
    whole = await ask(quick, f"{MODEL}:generateContent", BRIEF)
    events = data(await stream(quick, f"{MODEL}:streamGenerateContent?alt=sse", BRIEF))
    array = orjson.loads(await stream(quick, f"{MODEL}:streamGenerateContent", BRIEF))

    for documents in (events, array):
        assert _text(documents) == _text([whole])
        assert documents[-1]["usageMetadata"] == whole["usageMetadata"]
        assert documents[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
        counts = [item["usageMetadata"]["candidatesTokenCount"] for item in documents]
        assert counts == [0, 1, 2, 2]


@pytest.mark.parametrize("after", [0, 2])
async def test_an_error_in_either_stream_can_be_read(quick: Running, after: int) -> None:
    what = f"error-in-stream; trouble=rate_limit_exceeded; after={after}"
    path = f"{MODEL}:streamGenerateContent"
    events = data(await stream(quick, f"{path}?alt=sse", HELLO, x_simulate=what))
    array = orjson.loads(await stream(quick, path, HELLO, x_simulate=what))

    for documents in (events, array):
        assert len(documents) == after + 2
        assert documents[-1]["error"]["status"] == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize(
    ("trouble", "span"),
    [("rate_limit_exceeded", "PerMinute"), ("insufficient_quota", "PerDay"), ("slow_down", None)],
)
async def test_the_used_up_quota_is_named(quick: Running, trouble: str, span: str | None) -> None:
    status, _, body = await quick.post(f"{MODEL}:generateContent", HELLO, x_simulate=trouble)

    details = orjson.loads(body)["error"].get("details", [])
    assert status == 429
    assert [span in item["violations"][0]["quotaId"] for item in details if span] == [True] * bool(
        span
    )


async def test_embeddings_one_by_one_and_together(quick: Running) -> None:
    content = {"parts": [{"text": "one"}]}
    one = await ask(quick, f"{MODEL}:embedContent", {"content": content})
    batch = {"requests": [{"content": content, "outputDimensionality": 8}] * 2}
    two = await ask(quick, f"{MODEL}:batchEmbedContents", batch)

    assert len(one["embedding"]["values"]) == 3072
    assert [len(item["values"]) for item in two["embeddings"]] == [8, 8]
    assert two["embeddings"][0] == two["embeddings"][1]


async def test_tokens_are_counted_as_in_usage(quick: Running) -> None:
    answer = await ask(quick, f"{MODEL}:generateContent", HELLO)
    alone = await ask(quick, f"{MODEL}:countTokens", HELLO)
    wrapped = await ask(quick, f"{MODEL}:countTokens", {"generateContentRequest": HELLO})

    assert alone == wrapped == {"totalTokens": answer["usageMetadata"]["promptTokenCount"]}


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_vertex_serves_googles_models(quick: Running, version: str) -> None:
    place = VERTEX.replace("/v1/", f"/{version}/")

    answer = await ask(quick, f"{place}/google/models/g:generateContent", HELLO)

    assert answer["modelVersion"] == "g"


async def test_vertex_serves_anthropics_models_too(quick: Running) -> None:
    body = {"max_tokens": 3, "messages": [{"role": "user", "content": "Hello"}]}
    whole = await ask(quick, f"{VERTEX}/anthropic/models/c@1:rawPredict", body)
    path = f"{VERTEX}/anthropic/models/c@1:streamRawPredict"
    events = data(await stream(quick, path, {**body, "stream": True}))

    assert (whole["model"], whole["usage"]["output_tokens"]) == ("c@1", 3)
    assert events[0]["type"] == "message_start"


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("generateContent", {}),
        ("generateContent", {**HELLO, "generationConfig": [1]}),
        ("generateContent", {**HELLO, "generationConfig": {"maxOutputTokens": 0}}),
        ("countTokens", {"generateContentRequest": []}),
        ("countTokens", {"generateContentRequest": "text"}),
        ("embedContent", {}),
        ("batchEmbedContents", {"requests": [{"content": {"parts": []}}, "text"]}),
        ("batchEmbedContents", {"requests": [{"content": {"parts": [{"text": "x"}]}}] * 101}),
    ],
)
async def test_nonsense_is_told_in_googles_words(quick: Running, call: str, body: Any) -> None:
    status, document = await complaint(quick, f"{MODEL}:{call}", body)

    assert (status, document["error"]["status"]) == (400, "INVALID_ARGUMENT")
