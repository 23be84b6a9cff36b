"""Google's own SDK cannot tell the sidecar from the provider."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.sdks import FACES, MODEL, Sdk, front, gemini_sdk, provided

pytestmark = pytest.mark.parametrize("face", FACES)

PREFIX = "/gemini"
TEXTS = ["one", "two"]


def _ask(client: Any, **http: str) -> Any:
    config = {"max_output_tokens": 5, "http_options": {"headers": http}}
    return client.models.generate_content(model=MODEL, contents="Hello there", config=config)


def _ask_for_stream(client: Any, **http: str) -> Any:
    return client.models.generate_content_stream(
        model=MODEL, contents="Hello there", config={"http_options": {"headers": http}}
    )


def _embed(client: Any) -> Any:
    return client.models.embed_content(model=MODEL, contents=TEXTS)


def _count(client: Any) -> Any:
    return client.models.count_tokens(model=MODEL, contents="Hello there")


def _failing(what: str, ask: Callable[..., Any] = _ask) -> Callable[[Any], Any]:
    # Nobody is to try it again: that is somebody else's test.
    return lambda client: ask(client, **{"x-simulate": f"{what}; should-retry=false"})


def _said(answer: Any) -> Any:
    """Without what is told of the HTTP exchange."""
    return answer.model_dump(exclude={"sdk_http_response"})


async def _error(sdk: Sdk, what: str) -> Any:
    from google.genai import errors

    with pytest.raises(errors.APIError) as caught:
        await sdk(_failing(what))
    return caught.value


# The simulated provider speaks the protocol


async def test_a_whole_answer_of_the_provider(face: str) -> None:
    async with provided(gemini_sdk, face, PREFIX) as sdk:
        answer = await sdk(_ask)

    assert len(answer.text.split()) == answer.usage_metadata.candidates_token_count == 5
    assert answer.candidates[0].finish_reason.value == "MAX_TOKENS"


async def test_a_streamed_answer_of_the_provider(face: str) -> None:
    async with provided(gemini_sdk, face, PREFIX) as sdk:
        chunks = await sdk.collect(_ask_for_stream)

    last = chunks[-1]
    text = "".join(chunk.text for chunk in chunks)
    assert len(text.split()) == last.usage_metadata.candidates_token_count == len(chunks) - 2
    assert last.candidates[0].finish_reason.value == "STOP"


async def test_embeddings_and_counts_of_the_provider(face: str) -> None:
    async with provided(gemini_sdk, face, PREFIX) as sdk:
        embedded = await sdk(_embed)
        counted = await sdk(_count)
        answer = await sdk(_ask)

    assert [len(item.values) for item in embedded.embeddings] == [3072, 3072]
    assert embedded.embeddings[0].values != embedded.embeddings[1].values
    assert counted.total_tokens == answer.usage_metadata.prompt_token_count


@pytest.mark.parametrize(
    ("what", "code", "status"),
    [
        ("429; retry-after=46", 429, "RESOURCE_EXHAUSTED"),
        ("insufficient_quota", 429, "RESOURCE_EXHAUSTED"),
        ("400", 400, "INVALID_ARGUMENT"),
        ("503", 503, "UNAVAILABLE"),
    ],
)
async def test_errors_of_the_provider(what: str, code: int, status: str, face: str) -> None:
    from google.genai import errors

    async with provided(gemini_sdk, face, PREFIX) as sdk:
        error = await _error(sdk, what)

    assert isinstance(error, errors.ClientError if code < 500 else errors.ServerError)
    assert (error.code, error.status) == (code, status)
    kinds = [
        detail["@type"].rpartition(".")[2] for detail in error.details["error"].get("details", ())
    ]
    assert ("RetryInfo" in kinds) == ("46" in what)
    assert ("QuotaFailure" in kinds) == (code == 429)


# The sidecar changes nothing


async def test_a_whole_answer(face: str) -> None:
    async with front(gemini_sdk, face, PREFIX) as at:
        direct, through = await at.both(_ask)

        assert _said(through) == _said(direct)
        assert await at.it.statuses() == {"gemini,sim,ok": 1}


async def test_a_streamed_answer(face: str) -> None:
    async with front(gemini_sdk, face, PREFIX) as at:
        direct, through = await at.collect_both(_ask_for_stream)

        assert [_said(chunk) for chunk in through] == [_said(chunk) for chunk in direct]
        assert len(through) > 3
        assert await at.it.statuses() == {"gemini,sim,ok": 1}


async def test_embeddings(face: str) -> None:
    async with front(gemini_sdk, face, PREFIX) as at:
        direct, through = await at.both(_embed)

        assert _said(through) == _said(direct)
        metrics = await at.it.metrics()
        assert metrics["ai_api_latency_seconds_count{gemini,sim,embeddings}"] == 1


@pytest.mark.parametrize("what", ["429; retry-after=46", "insufficient_quota", "400"])
async def test_errors_are_the_providers_own(what: str, face: str) -> None:
    async with front(gemini_sdk, face, PREFIX) as at:
        direct, through = await _error(at.direct, what), await _error(at.through, what)

        assert type(through) is type(direct)
        assert (through.code, through.status) == (direct.code, direct.status)
        assert through.details == direct.details
