"""Groq's and Together's own SDKs, made alike, cannot tell the sidecar from the provider."""

import importlib
from typing import Any

import pytest

from sidecar.simulator.plan import BucketPlan, CapacityPlan
from sidecar.simulator.scenario import Scenario
from tests.integration.sdks import (
    FACES,
    HELLO,
    MODEL,
    Sdk,
    front,
    groq_sdk,
    provided,
    together_sdk,
)
from tests.simulator.providing import QUICK

pytestmark = pytest.mark.parametrize("face", FACES)

SDKS = {"groq": groq_sdk, "together": together_sdk}
each = pytest.mark.parametrize("name", SDKS)

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 5}
LIMITED = Scenario(
    title="30 requests and 6,000 LLM tokens a minute, told in headers",
    service=QUICK,
    capacity=CapacityPlan(
        requests=BucketPlan(per_minute=30, burst=30),
        llm_tokens=BucketPlan(per_minute=6000, burst=6000),
    ),
    rate_headers=True,
)


def _ask(client: Any, **http: str) -> Any:
    return client.chat.completions.create(**CHAT, extra_headers=http)


def _ask_for_stream(client: Any) -> Any:
    return client.chat.completions.create(**CHAT, stream=True)


def _ask_raw(client: Any) -> Any:
    return client.chat.completions.with_raw_response.create(**CHAT)


def _embed(client: Any) -> Any:
    return client.embeddings.create(model=MODEL, input=["one", "two"])


async def _error(name: str, sdk: Sdk, what: str) -> Any:
    with pytest.raises(importlib.import_module(name).APIStatusError) as caught:
        await sdk(lambda client: _ask(client, **{"x-simulate": f"{what}; should-retry=false"}))
    return caught.value


# The simulated provider speaks the protocol


async def test_a_whole_answer_of_groq(face: str) -> None:
    async with provided(groq_sdk, face, "/groq") as sdk:
        answer = await sdk(_ask)

    assert len(answer.choices[0].message.content.split()) == answer.usage.completion_tokens == 5
    assert answer.usage.total_time > 0
    assert answer.x_groq.id.startswith("req_")


async def test_a_whole_answer_of_together(face: str) -> None:
    async with provided(together_sdk, face, "/together") as sdk:
        answer = await sdk(_ask)

    assert len(answer.choices[0].message.content.split()) == answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"


async def test_a_stream_of_groq_tells_its_usage_in_a_place_of_its_own(face: str) -> None:
    async with provided(groq_sdk, face, "/groq") as sdk:
        chunks = await sdk.collect(_ask_for_stream)

    assert chunks[-1].x_groq.usage.completion_tokens == 5
    assert chunks[-1].choices[0].finish_reason == "length"
    assert "usage" not in chunks[-1].to_dict()


async def test_a_stream_of_together_tells_its_usage_without_being_asked(face: str) -> None:
    async with provided(together_sdk, face, "/together") as sdk:
        chunks = await sdk.collect(_ask_for_stream)

    assert chunks[-1].usage.completion_tokens == 5
    assert chunks[-1].choices[0].finish_reason == "length"
    assert chunks[-2].usage is None


async def test_groq_tells_its_requests_per_day(face: str) -> None:
    async with provided(groq_sdk, face, "/groq", LIMITED) as sdk:
        headers = (await sdk(_ask_raw)).headers

    assert headers["x-ratelimit-limit-requests"] == str(30 * 1440)
    assert headers["x-ratelimit-remaining-requests"] == str(30 * 1440 - 1)
    assert headers["x-ratelimit-limit-tokens"] == "6000"
    assert int(headers["x-ratelimit-remaining-tokens"]) < 6000


async def test_together_tells_its_requests_without_a_name(face: str) -> None:
    async with provided(together_sdk, face, "/together", LIMITED) as sdk:
        headers = (await sdk(_ask_raw)).headers

    assert headers["x-ratelimit-limit"] == "30"
    assert headers["x-ratelimit-remaining"] == "29"
    assert headers["x-ratelimit-reset"] == "2"
    assert headers["x-tokenlimit-limit"] == "6000"


@pytest.mark.parametrize(
    ("name", "what", "status", "kind", "code"),
    [
        ("groq", "429; retry-after=2", 429, "RateLimitError", "rate_limit_exceeded"),
        ("groq", "400", 400, "BadRequestError", None),
        ("groq", "overloaded", 498, "APIStatusError", "capacity_exceeded"),
        ("together", "429; retry-after=2", 429, "RateLimitError", "dynamic_request_limited"),
        ("together", "400", 400, "BadRequestError", None),
        ("together", "overloaded", 503, "InternalServerError", None),
    ],
)
async def test_errors_of_the_provider(
    name: str, what: str, status: int, kind: str, code: str | None, face: str
) -> None:
    async with provided(SDKS[name], face, f"/{name}") as sdk:
        error = await _error(name, sdk, what)

    assert (type(error).__name__, error.status_code) == (kind, status)
    assert error.body["error"]["code"] == code


# The sidecar changes nothing


@each
async def test_a_whole_answer(name: str, face: str) -> None:
    async with front(SDKS[name], face, f"/{name}") as at:
        direct, through = await at.both(_ask)

        assert through.model_dump() == direct.model_dump()
        assert await at.it.statuses() == {f"{name},sim,ok": 1}


@each
async def test_a_streamed_answer(name: str, face: str) -> None:
    async with front(SDKS[name], face, f"/{name}") as at:
        direct, through = await at.collect_both(_ask_for_stream)

        assert [chunk.model_dump() for chunk in through] == [chunk.model_dump() for chunk in direct]
        assert await at.it.statuses() == {f"{name},sim,ok": 1}


@each
async def test_embeddings(name: str, face: str) -> None:
    async with front(SDKS[name], face, f"/{name}") as at:
        direct, through = await at.both(_embed)

        assert through.model_dump() == direct.model_dump()
        metrics = await at.it.metrics()
        assert metrics[f"ai_api_latency_seconds_count{{{name},sim,embeddings}}"] == 1


@each
@pytest.mark.parametrize("what", ["429; retry-after=2", "400", "overloaded"])
async def test_errors_are_the_providers_own(name: str, what: str, face: str) -> None:
    async with front(SDKS[name], face, f"/{name}") as at:
        direct = await _error(name, at.direct, what)
        through = await _error(name, at.through, what)

        assert type(through) is type(direct)
        assert (through.status_code, through.body) == (direct.status_code, direct.body)
        assert through.response.content == direct.response.content
