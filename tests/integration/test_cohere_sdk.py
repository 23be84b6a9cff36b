"""Cohere's own SDK cannot tell the sidecar from the provider."""

from typing import Any

import pytest

from tests.integration.sdks import FACES, HELLO, MODEL, Sdk, cohere_sdk, front, provided

pytestmark = pytest.mark.parametrize("face", FACES)

PREFIX = "/cohere"
CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 5}


def _ask(client: Any, **http: str) -> Any:
    return client.chat(**CHAT, request_options={"additional_headers": http})


def _ask_for_stream(client: Any) -> Any:
    return client.chat_stream(**CHAT)


def _embed(client: Any) -> Any:
    return client.embed(
        model=MODEL,
        texts=["one", "two"],
        input_type="search_document",
        embedding_types=["float"],
    )


async def _error(sdk: Sdk, what: str) -> Any:
    from cohere.core.api_error import ApiError

    with pytest.raises(ApiError) as caught:
        await sdk(lambda client: _ask(client, **{"x-simulate": f"{what}; should-retry=false"}))
    return caught.value


# The simulated provider speaks the protocol


async def test_a_whole_answer_of_the_provider(face: str) -> None:
    async with provided(cohere_sdk, face, PREFIX) as sdk:
        answer = await sdk(_ask)

    assert len(answer.message.content[0].text.split()) == answer.usage.tokens.output_tokens == 5
    assert answer.finish_reason == "MAX_TOKENS"


async def test_a_streamed_answer_of_the_provider(face: str) -> None:
    async with provided(cohere_sdk, face, PREFIX) as sdk:
        events = await sdk.collect(_ask_for_stream)

    assert [event.type for event in events] == [
        "message-start",
        "content-start",
        *["content-delta"] * 5,
        "content-end",
        "message-end",
    ]
    assert events[-1].delta.usage.billed_units.output_tokens == 5


async def test_embeddings_of_the_provider(face: str) -> None:
    async with provided(cohere_sdk, face, PREFIX) as sdk:
        answer = await sdk(_embed)

    assert [len(vector) for vector in answer.embeddings.float_] == [1536, 1536]
    assert answer.meta.billed_units.input_tokens == 2


@pytest.mark.parametrize(
    ("what", "status", "kind"),
    [
        ("429; retry-after=2", 429, "TooManyRequestsError"),
        ("400", 400, "BadRequestError"),
        ("503", 503, "ServiceUnavailableError"),
    ],
)
async def test_errors_of_the_provider(what: str, status: int, kind: str, face: str) -> None:
    async with provided(cohere_sdk, face, PREFIX) as sdk:
        error = await _error(sdk, what)

    assert (type(error).__name__, error.status_code) == (kind, status)
    assert error.body["message"]
    assert error.headers.get("retry-after") == ("2" if "=2" in what else None)


# The sidecar changes nothing


async def test_a_whole_answer(face: str) -> None:
    async with front(cohere_sdk, face, PREFIX) as at:
        direct, through = await at.both(_ask)

        assert through.model_dump() == direct.model_dump()
        assert await at.it.statuses() == {"cohere,sim,ok": 1}


async def test_a_streamed_answer(face: str) -> None:
    async with front(cohere_sdk, face, PREFIX) as at:
        direct, through = await at.collect_both(_ask_for_stream)

        assert [event.model_dump() for event in through] == [event.model_dump() for event in direct]
        assert await at.it.statuses() == {"cohere,sim,ok": 1}


async def test_embeddings(face: str) -> None:
    async with front(cohere_sdk, face, PREFIX) as at:
        direct, through = await at.both(_embed)

        assert through.model_dump() == direct.model_dump()
        metrics = await at.it.metrics()
        assert metrics["ai_api_latency_seconds_count{cohere,sim,embeddings}"] == 1


@pytest.mark.parametrize("what", ["429; retry-after=2", "400"])
async def test_errors_are_the_providers_own(what: str, face: str) -> None:
    async with front(cohere_sdk, face, PREFIX) as at:
        direct, through = await _error(at.direct, what), await _error(at.through, what)

        assert type(through) is type(direct)
        assert (through.status_code, through.body) == (direct.status_code, direct.body)
