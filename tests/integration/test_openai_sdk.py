"""OpenAI's own SDK cannot tell the sidecar from the provider."""

import asyncio
import json
from typing import Any

import openai
import pytest

from tests.integration.rig import Held, Provider, eventually, rig, silent
from tests.integration.sdks import FACES, HELLO, MODEL, base, front, openai_sdk
from tests.integration.wire import ok, post

pytestmark = pytest.mark.parametrize("face", FACES)

EMBEDDED = {"model": MODEL, "input": ["one", "two"]}
CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hello"},
        }
    ],
}
ANSWER = ok(json.dumps(COMPLETION).encode())
LIMITED = ok(
    b'{"error":{"message":"Slow down","type":"requests","code":"rate_limit_exceeded"}}',
    extra=b"retry-after-ms: 1\r\n",
    status=b"429 Too Many Requests",
)


def _chat(client: Any, **more: Any) -> Any:
    return client.chat.completions.create(**CHAT, **more)


async def test_a_whole_answer(face: str) -> None:
    async with front(openai_sdk, face) as at:
        direct, through = await at.both(_chat)

        assert through.model_dump() == direct.model_dump()
        assert through.choices[0].message.content
        assert through.usage.completion_tokens > 0
        assert await at.it.statuses() == {"openai,sim,ok": 1}


async def test_a_raw_answer_has_the_providers_fields_and_ours(face: str) -> None:
    async with front(openai_sdk, face) as at:
        direct, through = await at.both(
            lambda client: client.chat.completions.with_raw_response.create(**CHAT)
        )

        ours = {"x-sidecar-attempts", "x-sidecar-queue-ms"}
        assert through.http_response.content == direct.http_response.content
        assert dict(direct.headers).items() <= dict(through.headers).items()
        assert set(through.headers) - set(direct.headers) == ours
        assert through.request_id == direct.request_id


async def test_a_streamed_answer(face: str) -> None:
    async with front(openai_sdk, face) as at:
        direct, through = await at.collect_both(
            lambda client: _chat(client, stream=True, stream_options={"include_usage": True})
        )

        assert [event.model_dump() for event in through] == [event.model_dump() for event in direct]
        assert len(through) > 3
        assert through[-1].usage.completion_tokens > 0
        assert await at.it.statuses() == {"openai,sim,ok": 1}


async def test_the_responses_api(face: str) -> None:
    async with front(openai_sdk, face) as at:
        direct, through = await at.both(
            lambda client: client.responses.create(model=MODEL, input="Hello")
        )
        assert through.model_dump() == direct.model_dump()
        direct, through = await at.collect_both(
            lambda client: client.responses.create(model=MODEL, input="Hello", stream=True)
        )
        assert [event.model_dump() for event in through] == [event.model_dump() for event in direct]
        assert through[-1].type == "response.completed"


async def test_embeddings(face: str) -> None:
    async with front(openai_sdk, face) as at:
        direct, through = await at.both(lambda client: client.embeddings.create(**EMBEDDED))

        assert through.model_dump() == direct.model_dump()
        assert [item.index for item in through.data] == [0, 1]
        metrics = await at.it.metrics()
        assert metrics["ai_api_latency_seconds_count{openai,sim,embeddings}"] == 1


async def test_the_list_of_models(face: str) -> None:
    async with front(openai_sdk, face) as at:
        direct, through = await at.collect_both(lambda client: client.models.list())

        assert [model.id for model in through] == [model.id for model in direct]
        assert "sim-large" in [model.id for model in through]
        one = await at.through(lambda client: client.models.retrieve("sim-large"))
        assert one.id == "sim-large"


ERRORS: list[tuple[str, int, type[openai.APIStatusError]]] = [
    ("400", 400, openai.BadRequestError),
    ("401", 401, openai.AuthenticationError),
    ("403", 403, openai.PermissionDeniedError),
    ("404", 404, openai.NotFoundError),
    ("409", 409, openai.ConflictError),
    ("422", 422, openai.UnprocessableEntityError),
    ("429; retry-after=0.5", 429, openai.RateLimitError),
    ("insufficient_quota", 429, openai.RateLimitError),
    ("500", 500, openai.InternalServerError),
    ("503", 503, openai.InternalServerError),
]


@pytest.mark.parametrize(("what", "status", "kind"), ERRORS, ids=[error[0] for error in ERRORS])
async def test_errors_of_the_provider_are_its_own(
    what: str, status: int, kind: type[openai.APIStatusError], face: str
) -> None:
    """Exception, body and fields are those of a direct call."""

    def ask(client: Any) -> Any:
        return _chat(client, extra_headers={"x-simulate": what})

    async with front(openai_sdk, face) as at:
        with pytest.raises(kind) as direct:
            await at.direct(ask)
        with pytest.raises(kind) as through:
            await at.through(ask)

        assert through.value.status_code == status
        assert through.value.response.content == direct.value.response.content
        assert through.value.body == direct.value.body
        assert through.value.code == direct.value.code
        assert through.value.request_id == direct.value.request_id
        headers, direct_headers = through.value.response.headers, direct.value.response.headers
        for field in ("retry-after", "retry-after-ms"):
            assert headers.get(field) == direct_headers.get(field)
        told = "false" if what == "insufficient_quota" else None  # no retry makes it pass
        assert headers.get("x-should-retry") == told
        assert "x-sidecar-reason" not in headers


@pytest.mark.parametrize("fault", ["reset-before-head", "close-before-head", "garbage"])
async def test_a_provider_that_breaks_down_is_a_server_error(fault: str, face: str) -> None:
    async with front(openai_sdk, face) as at:
        with pytest.raises(openai.InternalServerError) as caught:
            await at.through(lambda client: _chat(client, extra_headers={"x-simulate": fault}))

        error = caught.value
        assert (error.status_code, error.code, error.type) == (
            502,
            "upstream_protocol",
            "server_error",
        )
        assert error.response.headers["x-sidecar-reason"] == "upstream_protocol"


@pytest.mark.parametrize("fault", ["reset-mid-stream", "truncate"])
async def test_a_stream_that_breaks_off_does_not_look_finished(fault: str, face: str) -> None:
    async with front(openai_sdk, face) as at:
        with pytest.raises(Exception, match=r"(?i)closed|incomplete|reset|connection"):
            await at.through.collect(
                lambda client: _chat(client, stream=True, extra_headers={"x-simulate": fault})
            )
        await at.it.at_rest()
        assert await at.it.statuses() == {"openai,sim,server_error": 1}


async def test_an_error_in_a_stream_is_the_providers(face: str) -> None:
    async with front(openai_sdk, face) as at:
        with pytest.raises(openai.APIError, match="overloaded"):
            await at.through.collect(
                lambda client: _chat(
                    client, stream=True, extra_headers={"x-simulate": "error-in-stream"}
                )
            )
        await at.it.at_rest()
        assert await at.it.statuses() == {"openai,sim,overloaded": 1}


# Timeouts and retries


async def test_the_sdks_timeout_is_a_deadline_that_is_answered_and_not_tried_again(
    face: str,
) -> None:
    async with (
        rig(silent) as it,
        openai_sdk(base(it), face, max_retries=2) as sdk,
    ):
        with pytest.raises(openai.InternalServerError) as caught:
            await sdk(
                lambda client: _chat(client, extra_headers={"x-stainless-read-timeout": "0.1"})
            )

        assert (caught.value.status_code, caught.value.code) == (504, "deadline")
        assert caught.value.response.headers["x-should-retry"] == "false"
        await it.at_rest()
        assert len(it.provider.peers) == 1


async def test_an_sdk_that_gives_up_first_frees_everything(face: str) -> None:
    """Older versions do not tell how long they wait."""
    async with rig(silent) as it, openai_sdk(base(it), face, timeout=0.2) as sdk:
        with pytest.raises(openai.APITimeoutError):
            await sdk(
                lambda client: _chat(
                    client, extra_headers={"x-stainless-read-timeout": openai.omit}
                )
            )
        await it.at_rest()
        assert await it.statuses() == {"openai,sim,cancelled": 1}


async def test_the_sdk_tells_the_provider_its_timeout(face: str) -> None:
    provider = Provider(ANSWER)
    async with rig(provider) as it, openai_sdk(base(it), face, timeout=12.0) as sdk:
        await sdk(_chat)

    assert provider.received[0].get("x-stainless-read-timeout") == b"12.0"


async def test_the_sdk_tries_again_after_the_providers_429(face: str) -> None:
    provider = Provider(LIMITED, ANSWER)
    async with rig(provider) as it, openai_sdk(base(it), face, max_retries=2) as sdk:
        completion = await sdk(_chat)

        assert completion.choices[0].message.content == "Hello"
        assert [request.body for request in provider.received] == [provider.received[0].body] * 2
        assert await it.statuses() == {"openai,sim,rate_limited": 1, "openai,sim,ok": 1}
        metrics = await it.metrics()
        assert metrics["ai_api_client_retries_total{openai,sim}"] == 1
        assert metrics["ai_api_rate_limit_hits_total{openai,sim}"] == 1


async def test_without_retries_the_429_surfaces(face: str) -> None:
    async with rig(Provider(LIMITED, ANSWER)) as it, openai_sdk(base(it), face) as sdk:
        with pytest.raises(openai.RateLimitError, match="Slow down"):
            await sdk(_chat)


@pytest.mark.slow
async def test_the_sdk_tries_a_shed_request_again_when_it_is_told_to(face: str) -> None:
    """503 with Retry-After; the provider never hears of the first try."""
    held = Held(ANSWER)
    async with (
        rig(held, limit_initial=1, queue_size=0) as it,
        openai_sdk(base(it), face, max_retries=1) as sdk,
    ):
        occupant = await it.connect()
        occupant.post(post(b'{"model":"sim"}'))
        await it.in_place(in_flight=1)

        async with asyncio.TaskGroup() as group:
            asking = group.create_task(sdk(_chat))
            await eventually(lambda: it.shed("queue_full"))
            held.release.set()
        assert asking.result().choices[0].message.content == "Hello"
        assert (await occupant.answer()).status == 200
        assert await it.statuses() == {"openai,sim,shed": 1, "openai,sim,ok": 2}
        assert len(held.received) == 2


async def test_without_retries_a_shed_surfaces_with_its_reason(face: str) -> None:
    async with (
        rig(silent, limit_initial=1, queue_size=0) as it,
        openai_sdk(base(it), face) as sdk,
    ):
        occupant = await it.connect()
        occupant.post(post(b'{"model":"sim"}'))
        await it.in_place(in_flight=1)

        with pytest.raises(openai.InternalServerError) as caught:
            await sdk(_chat)

        assert (caught.value.status_code, caught.value.code) == (503, "queue_full")
        assert caught.value.response.headers["x-sidecar-reason"] == "queue_full"
        assert int(caught.value.response.headers["retry-after"]) >= 1
        occupant.close()
