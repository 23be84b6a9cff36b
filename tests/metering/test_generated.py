"""Estimates of what a stream generated before it broke off."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.events import Event
from sidecar.metering.generated import BYTES_PER_TOKEN, generated_tokens


def estimate(*documents: object) -> float:
    return generated_tokens(Event(orjson.dumps(document)) for document in documents)


def sentence(text: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def test_an_event_with_text_is_a_token_at_least() -> None:
    assert estimate(*[sentence("a")] * 30) == 30


def test_an_event_may_bring_many_tokens() -> None:
    assert estimate(sentence("x" * 400), sentence("y" * 400)) == 800 / BYTES_PER_TOKEN
    assert estimate(sentence("é" * 400)) == 800 / BYTES_PER_TOKEN


FOUR = "abcd"


@pytest.mark.parametrize(
    "document",
    [
        sentence(FOUR),
        {"choices": [{"delta": {"reasoning_content": FOUR}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": FOUR}}]}}]},
        {"choices": [{"text": FOUR, "index": 0}]},
        # OpenRouter tells thoughts twice.
        {"choices": [{"delta": {"reasoning": FOUR, "reasoning_details": [{"text": FOUR}]}}]},
        {"choices": [{"delta": {"content": FOUR}, "logprobs": {"content": [{"text": FOUR}]}}]},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": FOUR}},
        {"type": "content_block_delta", "delta": {"thinking": FOUR}},
        {"type": "content_block_delta", "delta": {"partial_json": FOUR}},
        {"type": "response.output_text.delta", "delta": FOUR, "item_id": "x"},
        {"candidates": [{"content": {"parts": [{"text": FOUR}], "role": "model"}}]},
        {"contentBlockIndex": 0, "delta": {"text": FOUR}},
        {"contentBlockIndex": 0, "delta": {"toolUse": {"input": FOUR}}},
        {"type": "content-delta", "delta": {"message": {"content": {"text": FOUR}}}},
        {"event_type": "text-generation", "text": FOUR},
        {"message": {"role": "assistant", "content": FOUR}, "done": False},
        {"model": "m", "response": FOUR, "done": False},
        {"token": {"id": 5, "text": FOUR, "logprob": -0.5}, "generated_text": None},
    ],
)
def test_every_provider_s_text_is_found(document: object) -> None:
    assert estimate(document) == 1
    assert estimate(orjson.loads(orjson.dumps(document).replace(b"abcd", b"abcd" * 10))) == 10


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        "text",
        sentence(""),
        {"choices": [{"delta": {"role": "assistant"}, "finish_reason": "stop"}]},
        {"type": "message_start", "message": {"model": "m", "content": [], "usage": {}}},
        # These hold the whole text, which came in deltas before.
        {"type": "response.output_text.done", "text": FOUR},
        {"type": "response.completed", "response": {"output": [{"content": [{"text": FOUR}]}]}},
        {"event_type": "stream-end", "response": {"text": FOUR}},
    ],
)
def test_other_events_bring_nothing(document: object) -> None:
    assert estimate(document) == 0


@given(st.binary(max_size=60))
def test_no_text_raises(text: bytes) -> None:
    generated_tokens([Event(text), Event(b'{"delta":' + text)])
    generated_tokens([Event(b'{"delta":' * 500 + b"1" + b"}" * 500)])
