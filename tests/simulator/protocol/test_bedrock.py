"""Bedrock's runtime, frame by frame."""

import json
from base64 import b64decode
from typing import Any

import pytest

from tests.simulator.protocol.wire import ask, complaint, data, stream
from tests.simulator.providing import Running

MODEL = "/model/anthropic.claude-v1%3A0"
HELLO = {"messages": [{"role": "user", "content": [{"text": "Hello there"}]}]}
CLAUDE = {"max_tokens": 3, "messages": [{"role": "user", "content": "Hello there"}]}


def _frames(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Name and document of each frame."""
    from botocore.eventstream import EventStreamBuffer

    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return [
        (
            message.headers.get(":event-type") or message.headers[":exception-type"],
            json.loads(message.payload),
        )
        for message in buffer
    ]


async def test_a_stream_says_the_same_as_a_whole_answer(quick: Running) -> None:
    whole = await ask(quick, f"{MODEL}/converse", HELLO)
    frames = _frames(await stream(quick, f"{MODEL}/converse-stream", HELLO))

    text = "".join(
        document["delta"]["text"] for name, document in frames if name == "contentBlockDelta"
    )
    assert text == whole["output"]["message"]["content"][0]["text"]
    assert frames[-1] == ("metadata", {"usage": whole["usage"], "metrics": whole["metrics"]})
    assert frames[-2] == ("messageStop", {"stopReason": whole["stopReason"]})
    assert quick.model("anthropic.claude-v1:0")["finished"] == 2


async def test_an_invocation_has_anthropics_events_inside(quick: Running) -> None:
    whole = await ask(quick, f"{MODEL}/invoke", CLAUDE)
    frames = _frames(await stream(quick, f"{MODEL}/invoke-with-response-stream", CLAUDE))

    events = [json.loads(b64decode(document["bytes"])) for _, document in frames]
    text = "".join(
        event["delta"]["text"] for event in events if event["type"] == "content_block_delta"
    )
    assert {name for name, _ in frames} == {"chunk"}
    assert text == whole["content"][0]["text"]
    assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize("call", ["converse-stream", "invoke-with-response-stream"])
async def test_an_error_in_the_stream_is_a_frame_of_its_own_kind(quick: Running, call: str) -> None:
    what = "error-in-stream; trouble=rate_limit_exceeded; after=1"
    body = HELLO if call == "converse-stream" else CLAUDE

    frames = _frames(await stream(quick, f"{MODEL}/{call}", body, x_simulate=what))

    assert frames[-1][0] == "throttlingException"
    assert "message" in frames[-1][1]


async def test_a_stream_that_waits_says_nothing(quick: Running) -> None:
    """There are no comments between frames."""
    body = await stream(quick, f"{MODEL}/converse-stream", HELLO, x_simulate="tokens=0")

    assert [name for name, _ in _frames(body)] == [
        "messageStart",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert data(body) == []


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("converse", {}),
        ("converse", {**HELLO, "inferenceConfig": [1]}),
        ("converse-stream", {**HELLO, "inferenceConfig": {"maxTokens": "many"}}),
        ("invoke", {"messages": CLAUDE["messages"]}),
    ],
)
async def test_nonsense_is_told_in_amazons_words(quick: Running, call: str, body: Any) -> None:
    status, document = await complaint(quick, f"{MODEL}/{call}", body)

    assert (status, list(document)) == (400, ["message"])
