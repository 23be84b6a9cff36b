"""Paths, methods and bodies that make sense, and those that make none."""

import orjson
import pytest
from openai import AsyncAzureOpenAI, RateLimitError
from openai import DefaultAsyncHttpxClient as OpenAIHttp

from sidecar.simulator.plan import BucketPlan, CapacityPlan
from sidecar.simulator.scenario import Chance, Scenario
from tests.simulator.providing import HELLO, MODEL, QUICK, Running, running
from tests.support import talk


@pytest.mark.parametrize("prefix", ["", "/openai"])
async def test_a_providers_prefix_does_no_harm(quick: Running, prefix: str) -> None:
    body = {"model": MODEL, "messages": HELLO}

    assert (await quick.post(f"{prefix}/v1/chat/completions", body))[0] == 200


async def test_an_unknown_path_is_404_in_the_providers_shape(quick: Running) -> None:
    openai = await quick.post("/v1/nowhere", {})
    anthropic = await quick.post("/v1/messages/nowhere", {})

    assert (openai[0], anthropic[0]) == (404, 404)
    assert orjson.loads(openai[2])["error"]["message"] == "Invalid URL (POST /v1/nowhere)"
    assert orjson.loads(anthropic[2])["error"]["type"] == "not_found_error"


async def test_only_post_asks_for_answers(quick: Running) -> None:
    async with quick.http.get(f"{quick.url}/v1/chat/completions") as response:
        assert response.status == 405
    async with quick.http.head(f"{quick.url}/v1/chat/completions") as response:
        assert response.status == 405
        assert int(response.headers["content-length"]) > 0
    assert (await quick.chat())[0] == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff"])
async def test_a_body_that_is_no_json_object_is_400(quick: Running, body: bytes) -> None:
    async with quick.http.post(f"{quick.url}/v1/chat/completions", data=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_an_unknown_directive_is_400_and_named(quick: Running) -> None:
    status, _, body = await quick.chat(x_simulate="explode")

    assert status == 400
    assert orjson.loads(body)["error"]["message"] == "x-simulate: unknown directive 'explode'"


async def test_a_directive_may_fail_other_paths_too(quick: Running) -> None:
    headers = {"x-simulate": "502"}
    async with quick.http.get(f"{quick.url}/v1/models", headers=headers) as response:
        assert response.status == 502


async def test_an_injected_error_carries_the_headers_asked_for(quick: Running) -> None:
    status, headers, _ = await quick.chat(x_simulate="429; retry-after=1.5; should-retry=false")

    assert status == 429
    assert headers["retry-after"] == "1.500"
    assert headers["retry-after-ms"] == "1500"
    assert headers["x-should-retry"] == "false"


async def test_a_chance_strikes_where_no_directive_does() -> None:
    always = Chance(simulate="500", probability=1)
    never = Chance(simulate="502", probability=0)
    async with running(Scenario(title="x", service=QUICK, chances=(never, always))) as provider:
        assert (await provider.chat())[0] == 500
        assert (await provider.chat(x_simulate="ok; tokens=2"))[0] == 200


async def test_a_waiting_client_is_told_to_go_on(quick: Running) -> None:
    body = orjson.dumps({"model": MODEL, "messages": HELLO})
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
        b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    )

    answer = await talk(quick.port, head, body)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in answer


async def test_azures_sdk_names_the_model_in_the_path() -> None:
    plan = CapacityPlan(requests=BucketPlan(per_minute=6, burst=1))
    scenario = Scenario(title="azure", service=QUICK, capacity=plan, rate_headers=True)
    async with (
        running(scenario) as provider,
        AsyncAzureOpenAI(
            azure_endpoint=provider.url,
            api_version="2024-10-21",
            api_key="key",
            max_retries=0,
            http_client=OpenAIHttp(verify=False),
        ) as azure,
    ):
        answer = await azure.embeddings.create(model="my-deployment", input="a")
        with pytest.raises(RateLimitError) as caught:
            await azure.embeddings.create(model="my-deployment", input="a")

        assert answer.model == "my-deployment"
        assert caught.value.code == "429"
        assert caught.value.response.headers["x-ratelimit-reset-requests"] == "10"


@pytest.mark.parametrize("call", ["messages", "nowhere"])
async def test_a_deployment_has_openais_calls_only(quick: Running, call: str) -> None:
    assert (await quick.post(f"/openai/deployments/m/{call}", {}))[0] == 404
