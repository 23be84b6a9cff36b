"""Anthropic's own SDK cannot tell the sidecar from the provider."""

import asyncio
import json
from typing import Any

import anthropic
import pytest

from tests.integration.rig import Held, Provider, Rig, eventually, rig, silent
from tests.integration.sdks import FACES, HELLO, MODEL, anthropic_sdk, base, front
from tests.integration.wire import ok, post

pytestmark = pytest.mark.parametrize("face", FACES)

PREFIX = "/anthropic"
ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "messages": HELLO}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
ANSWER = ok(json.dumps(MESSAGE).encode())


def _refusal(kind: str, status: bytes, extra: bytes = b"") -> bytes:
    document = {"type": "error", "error": {"type": kind, "message": "Slow down"}}
    return ok(json.dumps(document).encode(), status=status, extra=extra)


LIMITED = _refusal("rate_limit_error", b"429 Too Many Requests", b"retry-after-ms: 1\r\n")


def _url(it: Rig) -> str:
    return base(it) + PREFIX


def _create(client: Any, **more: Any) -> Any:
    return client.messages.create(**ASK, **more)


async def test_a_whole_message(face: str) -> None:
    async with front(anthropic_sdk, face, PREFIX) as at:
        direct, through = await at.both(_create)

        assert through.model_dump() == direct.model_dump()
        assert through.content[0].text
        assert through.usage.output_tokens > 0
        assert await at.it.statuses() == {"anthropic,sim,ok": 1}
        metrics = await at.it.metrics()
        assert metrics["ai_api_latency_seconds_count{anthropic,sim,messages}"] == 1


async def test_a_streamed_message(face: str) -> None:
    async with front(anthropic_sdk, face, PREFIX) as at:
        direct, through = await at.collect_both(lambda client: _create(client, stream=True))

        assert [event.model_dump() for event in through] == [event.model_dump() for event in direct]
        assert through[0].type == "message_start"
        assert through[-1].type == "message_stop"
        assert await at.it.statuses() == {"anthropic,sim,ok": 1}


async def test_the_helper_for_streams(face: str) -> None:
    def final_sync(client: Any) -> Any:
        with client.messages.stream(**ASK) as stream:
            return stream.get_final_message()

    async def final(client: Any) -> Any:
        async with client.messages.stream(**ASK) as stream:
            return await stream.get_final_message()

    async with front(anthropic_sdk, face, PREFIX) as at:
        direct, through = await at.both(final_sync if face == "sync" else final)

        assert through.model_dump() == direct.model_dump()
        assert through.stop_reason == "end_turn"


async def test_the_counting_of_tokens(face: str) -> None:
    async with front(anthropic_sdk, face, PREFIX) as at:
        direct, through = await at.both(
            lambda client: client.messages.count_tokens(model=MODEL, messages=HELLO)
        )

        assert through.input_tokens == direct.input_tokens > 0


async def test_the_list_of_models(face: str) -> None:
    async with front(anthropic_sdk, face, PREFIX) as at:
        direct, through = await at.collect_both(lambda client: client.models.list())

        assert [model.id for model in through] == [model.id for model in direct]
        assert "sim-large" in [model.id for model in through]


ERRORS: list[tuple[str, int, type[anthropic.APIStatusError]]] = [
    ("400", 400, anthropic.BadRequestError),
    ("401", 401, anthropic.AuthenticationError),
    ("403", 403, anthropic.PermissionDeniedError),
    ("404", 404, anthropic.NotFoundError),
    ("413", 413, anthropic.RequestTooLargeError),
    ("429; retry-after=0.5", 429, anthropic.RateLimitError),
    ("ramp_limit_exceeded", 429, anthropic.RateLimitError),
    ("500", 500, anthropic.InternalServerError),
    ("504", 504, anthropic.DeadlineExceededError),
    ("529", 529, anthropic.OverloadedError),
]


@pytest.mark.parametrize(("what", "status", "kind"), ERRORS, ids=[error[0] for error in ERRORS])
async def test_errors_of_the_provider_are_its_own(
    what: str, status: int, kind: type[anthropic.APIStatusError], face: str
) -> None:
    """Exception, body and fields are those of a direct call."""

    def ask(client: Any) -> Any:
        return _create(client, extra_headers={"x-simulate": what})

    async with front(anthropic_sdk, face, PREFIX) as at:
        with pytest.raises(kind) as direct:
            await at.direct(ask)
        with pytest.raises(kind) as through:
            await at.through(ask)

        assert through.value.status_code == status
        assert through.value.response.content == direct.value.response.content
        assert through.value.body == direct.value.body
        assert through.value.request_id == direct.value.request_id
        for field in ("retry-after", "x-should-retry"):
            assert through.value.response.headers.get(field) == direct.value.response.headers.get(
                field
            )
        assert "x-sidecar-reason" not in through.value.response.headers


@pytest.mark.parametrize("fault", ["reset-before-head", "close-before-head", "garbage"])
async def test_a_provider_that_breaks_down_is_a_server_error(fault: str, face: str) -> None:
    async with front(anthropic_sdk, face, PREFIX) as at:
        with pytest.raises(anthropic.InternalServerError) as caught:
            await at.through(lambda client: _create(client, extra_headers={"x-simulate": fault}))

        error: Any = caught.value
        assert error.status_code == 502
        assert error.body["error"]["type"] == "api_error"
        assert error.body["error"]["details"]["error_code"] == "upstream_protocol"
        assert error.response.headers["x-sidecar-reason"] == "upstream_protocol"


@pytest.mark.parametrize("fault", ["reset-mid-stream", "truncate"])
async def test_a_stream_that_breaks_off_does_not_look_finished(fault: str, face: str) -> None:
    async with front(anthropic_sdk, face, PREFIX) as at:
        with pytest.raises(Exception, match=r"(?i)closed|incomplete|reset|connection"):
            await at.through.collect(
                lambda client: _create(client, stream=True, extra_headers={"x-simulate": fault})
            )
        await at.it.at_rest()
        assert await at.it.statuses() == {"anthropic,sim,server_error": 1}


async def test_an_error_in_a_stream_is_the_providers(face: str) -> None:
    async with front(anthropic_sdk, face, PREFIX) as at:
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            await at.through.collect(
                lambda client: _create(
                    client, stream=True, extra_headers={"x-simulate": "error-in-stream"}
                )
            )
        await at.it.at_rest()
        assert await at.it.statuses() == {"anthropic,sim,overloaded": 1}


# Timeouts and retries


async def test_the_sdks_timeout_is_a_deadline_that_is_answered_and_not_tried_again(
    face: str,
) -> None:
    async with rig(silent) as it, anthropic_sdk(_url(it), face, max_retries=2) as sdk:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await sdk(
                lambda client: _create(client, extra_headers={"x-stainless-read-timeout": "0.1"})
            )

        error: Any = caught.value
        assert (error.status_code, error.body["error"]["type"]) == (504, "timeout_error")
        assert error.response.headers["x-sidecar-reason"] == "deadline"
        await it.at_rest()
        assert len(it.provider.peers) == 1


async def test_an_sdk_that_gives_up_first_frees_everything(face: str) -> None:
    """Older versions do not tell how long they wait."""
    unsaid = {"x-stainless-read-timeout": anthropic.omit}
    async with rig(silent) as it, anthropic_sdk(_url(it), face, timeout=0.2) as sdk:
        with pytest.raises(anthropic.APITimeoutError):
            await sdk(lambda client: _create(client, extra_headers=unsaid))
        await it.at_rest()
        assert await it.statuses() == {"anthropic,sim,cancelled": 1}


@pytest.mark.parametrize(
    ("refusal", "counted"),
    [
        (LIMITED, "rate_limited"),
        (_refusal("overloaded_error", b"529 Overloaded", b"retry-after-ms: 1\r\n"), "overloaded"),
    ],
    ids=["429", "529"],
)
async def test_the_sdk_tries_again_after_push_back(refusal: bytes, counted: str, face: str) -> None:
    provider = Provider(refusal, ANSWER)
    async with rig(provider) as it, anthropic_sdk(_url(it), face, max_retries=2) as sdk:
        message = await sdk(_create)

        assert message.content[0].text == "Hello"
        assert [request.body for request in provider.received] == [provider.received[0].body] * 2
        assert await it.statuses() == {f"anthropic,sim,{counted}": 1, "anthropic,sim,ok": 1}
        metrics = await it.metrics()
        assert metrics["ai_api_client_retries_total{anthropic,sim}"] == 1


async def test_without_retries_the_429_surfaces(face: str) -> None:
    async with rig(Provider(LIMITED, ANSWER)) as it, anthropic_sdk(_url(it), face) as sdk:
        with pytest.raises(anthropic.RateLimitError, match="Slow down"):
            await sdk(_create)


@pytest.mark.slow
async def test_the_sdk_tries_a_shed_request_again_when_it_is_told_to(face: str) -> None:
    """503 with Retry-After; the provider never hears of the first try."""
    held = Held(ANSWER)
    async with (
        rig(held, limit_initial=1, queue_size=0) as it,
        anthropic_sdk(_url(it), face, max_retries=1) as sdk,
    ):
        occupant = await it.connect()
        occupant.post(post(b'{"model":"sim"}', path="/anthropic/v1/messages"))
        await it.in_place(in_flight=1)

        async with asyncio.TaskGroup() as group:
            asking = group.create_task(sdk(_create))
            await eventually(lambda: it.shed("queue_full"))
            held.release.set()
        assert asking.result().content[0].text == "Hello"
        assert (await occupant.answer()).status == 200
        assert await it.statuses() == {"anthropic,sim,shed": 1, "anthropic,sim,ok": 2}
        assert len(held.received) == 2


async def test_without_retries_a_shed_surfaces_with_its_reason(face: str) -> None:
    async with (
        rig(silent, limit_initial=1, queue_size=0) as it,
        anthropic_sdk(_url(it), face) as sdk,
    ):
        occupant = await it.connect()
        occupant.post(post(b'{"model":"sim"}', path="/anthropic/v1/messages"))
        await it.in_place(in_flight=1)

        with pytest.raises(anthropic.APIStatusError) as caught:
            await sdk(_create)

        error: Any = caught.value
        assert (error.status_code, error.body["error"]["type"]) == (503, "api_error")
        assert error.response.headers["x-sidecar-reason"] == "queue_full"
        assert int(error.response.headers["retry-after"]) >= 1
        occupant.close()
