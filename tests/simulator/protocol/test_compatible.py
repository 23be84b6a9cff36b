"""What the providers that speak OpenAI's protocol do in their own way."""

from typing import Any

import orjson
import pytest

from sidecar.simulator.plan import BucketPlan, CapacityPlan
from sidecar.simulator.scenario import Scenario
from tests.simulator.protocol.wire import ask, complaint, data, stream
from tests.simulator.providing import HELLO, MODEL, QUICK, Running, running

BASES = {
    "together": "/v1",
    "deepseek": "",
    "fireworks": "/inference/v1",
    "openrouter": "/api/v1",
    "vllm": "/v1",
}
CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 3}


@pytest.mark.parametrize(("name", "base"), BASES.items())
async def test_chats_completions_and_embeddings_are_answered(
    quick: Running, name: str, base: str
) -> None:
    chat = await ask(quick, f"/{name}{base}/chat/completions", CHAT)
    text = await ask(quick, f"/{name}{base}/completions", {"model": MODEL, "prompt": "x"})
    vectors = await ask(quick, f"/{name}{base}/embeddings", {"model": MODEL, "input": "x"})

    assert chat["usage"]["completion_tokens"] == 3
    assert text["choices"][0]["text"]
    assert len(vectors["data"]) == 1


@pytest.mark.parametrize(
    ("name", "told", "chunks"),
    [
        ("together", True, 5),
        ("deepseek", True, 5),
        ("fireworks", True, 5),
        ("openrouter", True, 6),
        ("vllm", False, 5),
    ],
)
async def test_a_stream_tells_its_usage_unasked(
    quick: Running, name: str, told: bool, chunks: int
) -> None:
    path = f"/{name}{BASES[name]}/chat/completions"
    whole = await ask(quick, path, CHAT)
    events = data(await stream(quick, path, {**CHAT, "stream": True}))

    assert len(events) == chunks
    assert (events[-1].get("usage") == whole["usage"]) is told


async def test_fields_of_usage(quick: Running) -> None:
    deepseek = await ask(quick, "/deepseek/v1/chat/completions", CHAT)
    openrouter = await ask(quick, "/openrouter/api/v1/chat/completions", CHAT)

    used = deepseek["usage"]
    assert used["prompt_cache_hit_tokens"] + used["prompt_cache_miss_tokens"] == 4
    assert openrouter["usage"]["cost"] > 0


async def test_openrouter_says_the_status_again_and_also_inside_of_200(quick: Running) -> None:
    path = "/openrouter/api/v1/chat/completions"
    status, document = await complaint(quick, path, {"model": MODEL})
    _, _, inside = await quick.post(path, CHAT, x_simulate="error-in-stream")
    events = data(await stream(quick, path, {**CHAT, "stream": True}, x_simulate="error-in-stream"))

    assert (status, document["error"]["code"]) == (400, 400)
    for error in (orjson.loads(inside)["error"], events[-1]["error"]):
        assert error["code"] == 503
        assert error["metadata"]["error_type"] == "provider_overloaded"


async def test_vllm_names_errors_after_exceptions(quick: Running) -> None:
    status, document = await complaint(quick, "/vllm/v1/chat/completions", {"model": MODEL})

    assert (status, document["error"]["type"], document["error"]["code"]) == (
        400,
        "BadRequestError",
        400,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("together", {"x-ratelimit-remaining": "9", "x-tokenlimit-limit": "60000"}),
        ("fireworks", {"x-ratelimit-remaining-requests": "9"}),
        (
            "fireworks",
            {
                "x-ratelimit-limit-tokens-prompt": "1000",
                "x-ratelimit-limit-tokens-generated": "1000",
            },
        ),
        ("openrouter", {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "9"}),
    ],
)
async def test_rate_headers(name: str, expected: dict[str, str]) -> None:
    plan = CapacityPlan(
        requests=BucketPlan(per_minute=60, burst=10),
        llm_tokens=BucketPlan(per_minute=60_000, burst=60_000),
    )
    scenario = Scenario(title="x", service=QUICK, capacity=plan, rate_headers=True)
    async with running(scenario) as provider:
        _, headers, _ = await provider.post(f"/{name}{BASES[name]}/chat/completions", CHAT)

    assert {field: headers.get(field) for field in expected} == expected


@pytest.mark.parametrize("name", ["deepseek", "vllm"])
async def test_some_tell_no_limits(name: str) -> None:
    plan = CapacityPlan(requests=BucketPlan(per_minute=6, burst=1))
    scenario = Scenario(title="x", service=QUICK, capacity=plan, rate_headers=True)
    async with running(scenario) as provider:
        path = f"/{name}{BASES[name]}/chat/completions"
        await provider.post(path, CHAT)
        status, headers, _ = await provider.post(path, CHAT)

    assert status == 429
    assert not [field for field in headers if "limit" in field or "retry" in field]
