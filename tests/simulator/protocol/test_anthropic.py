"""Anthropic's SDK finds everything in order: messages, counts, models, errors."""

from typing import Literal

import anthropic as sdk
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import MessageParam

from tests.simulator.providing import HELLO, MODEL, Running

_HELLO: list[MessageParam] = [{"role": "user", "content": "Hello there"}]


async def test_a_whole_message(anthropic: AsyncAnthropic) -> None:
    message = await anthropic.messages.create(model=MODEL, max_tokens=100, messages=_HELLO)

    (block,) = message.content
    assert block.type == "text"
    assert len(block.text.split()) == message.usage.output_tokens == 8
    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize(("most", "reason"), [(3, "max_tokens"), (100, "end_turn")])
async def test_a_streamed_message_says_the_same(
    anthropic: AsyncAnthropic, most: int, reason: Literal["max_tokens", "end_turn"]
) -> None:
    whole = await anthropic.messages.create(model=MODEL, max_tokens=most, messages=_HELLO)
    async with anthropic.messages.stream(model=MODEL, max_tokens=most, messages=_HELLO) as stream:
        message = await stream.get_final_message()

    assert [block.to_dict() for block in message.content] == [
        block.to_dict() for block in whole.content
    ]
    assert message.usage == whole.usage
    assert message.stop_reason == whole.stop_reason == reason


async def test_events_come_in_anthropics_order(anthropic: AsyncAnthropic) -> None:
    stream = await anthropic.messages.create(
        model=MODEL, max_tokens=2, messages=_HELLO, stream=True
    )
    kinds = [event.type async for event in stream]

    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_a_ping_follows_the_start(quick: Running) -> None:
    document = {"model": MODEL, "max_tokens": 1, "messages": HELLO, "stream": True}

    _, headers, body = await quick.post("/v1/messages", document)

    assert headers["content-type"].startswith("text/event-stream")
    assert b'event: ping\ndata: {"type":"ping"}\n\n' in body


async def test_tokens_are_counted_as_in_usage(anthropic: AsyncAnthropic) -> None:
    count = await anthropic.messages.count_tokens(model=MODEL, messages=_HELLO, system="Be kind")
    message = await anthropic.messages.create(
        model=MODEL, max_tokens=1, messages=_HELLO, system="Be kind"
    )

    assert count.input_tokens == message.usage.input_tokens


async def test_models_are_listed_and_found(anthropic: AsyncAnthropic) -> None:
    listed = [model.id async for model in anthropic.models.list()]

    assert "sim-large" in listed
    assert (await anthropic.models.retrieve("sim-large")).id == "sim-large"
    with pytest.raises(sdk.NotFoundError):
        await anthropic.models.retrieve("sim-nowhere")


@pytest.mark.parametrize(
    ("directive", "kind", "status"),
    [
        ("429", sdk.RateLimitError, 429),
        ("slow_down", sdk.RampLimitExceededError, 429),
        ("insufficient_quota", sdk.EnforcedSpendLimitReachedError, 429),
        ("overloaded", sdk.OverloadedError, 529),
        ("503", sdk.ServiceUnavailableError, 503),
        ("500", sdk.InternalServerError, 500),
        ("402", sdk.PaymentRequiredError, 402),
        ("401", sdk.AuthenticationError, 401),
        ("413", sdk.ContentTooLargeError, 413),
    ],
)
async def test_errors_are_what_the_sdk_expects(
    anthropic: AsyncAnthropic, directive: str, kind: type[sdk.APIStatusError], status: int
) -> None:
    with pytest.raises(kind) as caught:
        await anthropic.messages.create(
            model=MODEL,
            max_tokens=5,
            messages=_HELLO,
            extra_headers={"x-simulate": directive},
        )

    assert caught.value.status_code == status
    assert caught.value.request_id


async def test_an_error_in_the_stream_reaches_the_app(anthropic: AsyncAnthropic) -> None:
    stream = await anthropic.messages.create(
        model=MODEL,
        max_tokens=50,
        messages=_HELLO,
        stream=True,
        extra_headers={"x-simulate": "error-in-stream"},
    )
    with pytest.raises(sdk.APIStatusError, match="overloaded_error"):
        async for _ in stream:
            pass


async def test_max_tokens_must_be_there(quick: Running) -> None:
    status, headers, body = await quick.post("/v1/messages", {"model": MODEL, "messages": HELLO})

    assert status == 400
    assert b'{"type":"error","error":{"type":"invalid_request_error"' in body
    assert headers["request-id"].encode() in body
