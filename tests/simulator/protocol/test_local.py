"""Ollama's and TGI's own APIs."""

from typing import Any

import orjson
import pytest

from tests.simulator.protocol.wire import ask, complaint, data, stream
from tests.simulator.providing import HELLO, MODEL, Running

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "options": {"num_predict": 3}}
GENERATE: dict[str, Any] = {"model": MODEL, "prompt": "Hello", "options": {"num_predict": 3}}


def _lines(body: bytes) -> list[Any]:
    return [orjson.loads(line) for line in body.splitlines()]


@pytest.mark.parametrize(("path", "body"), [("/api/chat", CHAT), ("/api/generate", GENERATE)])
async def test_ollama_streams_lines_unless_told_not_to(
    quick: Running, path: str, body: dict[str, Any]
) -> None:
    def said(documents: list[Any]) -> str:
        if path == "/api/chat":
            return "".join(item["message"]["content"] for item in documents)
        return "".join(item["response"] for item in documents)

    whole = await ask(quick, path, {**body, "stream": False})
    _, headers, sent = await quick.post(path, body)
    lines = _lines(sent)

    assert headers["content-type"] == "application/x-ndjson"
    assert said(lines) == said([whole])
    assert [line["done"] for line in lines] == [False, False, False, True]
    assert lines[-1]["eval_count"] == whole["eval_count"] == 3
    assert lines[-1]["prompt_eval_count"] == whole["prompt_eval_count"]
    assert lines[-1]["done_reason"] == whole["done_reason"] == "length"


async def test_an_error_in_ollamas_stream_is_a_line(quick: Running) -> None:
    lines = _lines(await stream(quick, "/api/chat", CHAT, x_simulate="error-in-stream; after=1"))

    assert lines[0]["done"] is False
    assert "maximum pending requests" in lines[-1]["error"]


@pytest.mark.parametrize(("given", "count"), [("one", 1), (["one", "two"], 2)])
async def test_ollamas_embeddings(quick: Running, given: object, count: int) -> None:
    answer = await ask(quick, "/api/embed", {"model": MODEL, "input": given})

    assert [len(vector) for vector in answer["embeddings"]] == [768] * count
    assert answer["prompt_eval_count"] == count


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", {"model": MODEL}),
        ("/api/chat", {**CHAT, "options": [1]}),
        ("/api/generate", {"model": MODEL, "prompt": 1}),
        ("/api/embed", {"model": MODEL, "input": ["one", ""]}),
    ],
)
async def test_nonsense_is_told_in_ollamas_words(quick: Running, path: str, body: Any) -> None:
    status, document = await complaint(quick, path, body)

    assert status == 400
    assert isinstance(document["error"], str)


async def test_tgi_streams_tokens_and_ends_with_details(quick: Running) -> None:
    body = {"inputs": "Hello", "parameters": {"max_new_tokens": 3}}
    whole = await ask(quick, "/generate", body)
    events = data(await stream(quick, "/generate_stream", body))

    assert [event["token"]["special"] for event in events] == [False, False, False, True]
    assert events[-1]["generated_text"] == whole["generated_text"]
    assert events[-1]["details"] == whole["details"]
    assert whole["details"]["generated_tokens"] == 3
    assert quick.model("tgi")["finished"] == 2


async def test_tgi_is_overloaded_with_429(quick: Running) -> None:
    body = {"inputs": "Hello"}
    status, _, answer = await quick.post("/generate", body, x_simulate="overloaded")
    events = data(await stream(quick, "/generate_stream", body, x_simulate="error-in-stream"))

    assert status == 429
    assert orjson.loads(answer) == events[-1]
    assert events[-1]["error_type"] == "overloaded"


async def test_nonsense_is_told_in_tgis_words(quick: Running) -> None:
    status, document = await complaint(quick, "/generate", {})

    assert (status, document["error_type"]) == (422, "validation")
