"""OpenAI's SDK finds everything in order: chat, legacy completions, models, errors."""

import openai as sdk
import pytest
from openai import AsyncOpenAI

from tests.simulator.providing import HELLO, MODEL, Running


async def test_a_whole_chat_answer(openai: AsyncOpenAI) -> None:
    answer = await openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello there"}]
    )

    text = answer.choices[0].message.content
    assert text
    assert answer.usage
    assert answer.usage.completion_tokens == len(text.split()) == 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == MODEL


async def test_max_tokens_cuts_the_answer(openai: AsyncOpenAI) -> None:
    answer = await openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello there"}], max_tokens=3
    )

    assert answer.usage
    assert answer.usage.completion_tokens == 3
    assert answer.choices[0].finish_reason == "length"


async def test_a_streamed_chat_answer_says_the_same(openai: AsyncOpenAI) -> None:
    whole = await openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello there"}]
    )
    stream = await openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hello there"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]

    words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(words) == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


async def test_without_include_usage_no_chunk_has_any(openai: AsyncOpenAI) -> None:
    stream = await openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello there"}], stream=True
    )
    chunks = [chunk async for chunk in stream]

    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


async def test_legacy_completions_whole_and_streamed(openai: AsyncOpenAI) -> None:
    whole = await openai.completions.create(model=MODEL, prompt="Once", max_tokens=5)
    stream = await openai.completions.create(
        model=MODEL,
        prompt="Once",
        max_tokens=5,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]

    text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].text
    assert whole.choices[0].finish_reason == "length"
    assert chunks[-1].usage == whole.usage


async def test_models_are_listed_and_found(openai: AsyncOpenAI) -> None:
    listed = [model.id async for model in openai.models.list()]

    assert "sim-large" in listed
    assert (await openai.models.retrieve("sim-large")).id == "sim-large"
    with pytest.raises(sdk.NotFoundError):
        await openai.models.retrieve("sim-nowhere")


@pytest.mark.parametrize(
    ("directive", "kind", "code"),
    [
        ("429", sdk.RateLimitError, "rate_limit_exceeded"),
        ("slow_down", sdk.RateLimitError, "slow_down"),
        ("insufficient_quota", sdk.RateLimitError, "insufficient_quota"),
        ("overloaded", sdk.InternalServerError, "server_is_overloaded"),
        ("500", sdk.InternalServerError, None),
        ("401", sdk.AuthenticationError, "invalid_api_key"),
        ("403", sdk.PermissionDeniedError, "unsupported_country_region_territory"),
        ("409", sdk.ConflictError, None),
        ("422", sdk.UnprocessableEntityError, None),
    ],
)
async def test_errors_are_what_the_sdk_expects(
    openai: AsyncOpenAI, directive: str, kind: type[sdk.APIStatusError], code: str | None
) -> None:
    with pytest.raises(kind) as caught:
        await openai.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hello there"}],
            extra_headers={"x-simulate": directive},
        )

    assert caught.value.code == code
    assert caught.value.request_id
    assert caught.value.request_id.startswith("req_")


async def test_an_error_in_the_stream_reaches_the_app(openai: AsyncOpenAI) -> None:
    stream = await openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hello there"}],
        stream=True,
        extra_headers={"x-simulate": "error-in-stream; after=2"},
    )
    for _ in range(3):  # the role, and two tokens
        await anext(stream)

    with pytest.raises(sdk.APIError, match="overloaded"):
        await anext(stream)


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({"messages": HELLO}, "model"),
        ({"model": 5, "messages": HELLO}, "model"),
        ({"model": MODEL}, "messages"),
        ({"model": MODEL, "messages": "hello"}, "messages"),
        ({"model": MODEL, "messages": HELLO, "stream": "yes"}, "stream"),
        ({"model": MODEL, "messages": HELLO, "max_tokens": 0}, "max_tokens"),
        ({"model": MODEL, "messages": HELLO, "n": 2}, "n"),
        ({"model": MODEL, "messages": HELLO, "stream_options": {}}, "stream_options"),
    ],
)
async def test_requests_that_make_no_sense(quick: Running, document: object, param: str) -> None:
    status, _, body = await quick.post("/v1/chat/completions", document)

    assert status == 400
    assert f'"param":"{param}"'.encode() in body


async def test_a_model_name_cannot_confuse_the_stream(quick: Running) -> None:
    document = {"model": "a\x1fb", "messages": HELLO, "stream": True, "max_tokens": 1}

    status, _, body = await quick.post("/v1/chat/completions", document)

    assert status == 200
    assert body.count(b'"model":"a\\u001fb"') == 3
