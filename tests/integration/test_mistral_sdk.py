"""Mistral's own SDK cannot tell the sidecar from the provider."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.sdks import FACES, HELLO, MODEL, Sdk, front, mistral_sdk, provided

pytestmark = pytest.mark.parametrize("face", FACES)

PREFIX = "/mistral"
CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 5}
Call = Callable[[Any], Any]


def _asking(face: str, **http: str) -> Call:
    name = "complete" if face == "sync" else "complete_async"
    return lambda client: getattr(client.chat, name)(**CHAT, http_headers=http)


def _streaming(face: str) -> Call:
    name = "stream" if face == "sync" else "stream_async"
    return lambda client: getattr(client.chat, name)(**CHAT)


def _embedding(face: str) -> Call:
    name = "create" if face == "sync" else "create_async"
    return lambda client: getattr(client.embeddings, name)(model=MODEL, inputs=["one", "two"])


async def _error(sdk: Sdk, face: str, what: str) -> Any:
    from mistralai.client.errors import SDKError

    with pytest.raises(SDKError) as caught:
        await sdk(_asking(face, **{"x-simulate": f"{what}; should-retry=false"}))
    return caught.value


# The simulated provider speaks the protocol


async def test_a_whole_answer_of_the_provider(face: str) -> None:
    async with provided(mistral_sdk, face, PREFIX) as sdk:
        answer = await sdk(_asking(face))

    assert len(answer.choices[0].message.content.split()) == answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"


async def test_a_streamed_answer_of_the_provider(face: str) -> None:
    """The last chunk has the usage without being asked for it."""
    async with provided(mistral_sdk, face, PREFIX) as sdk:
        events = await sdk.collect(_streaming(face))

    assert [event.data.usage for event in events[:-1]] == [None] * 6
    assert events[-1].data.usage.completion_tokens == 5
    assert events[-1].data.choices[0].finish_reason == "length"


async def test_embeddings_of_the_provider(face: str) -> None:
    async with provided(mistral_sdk, face, PREFIX) as sdk:
        answer = await sdk(_embedding(face))

    assert [len(item.embedding) for item in answer.data] == [1536, 1536]


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("429; retry-after=2", 429, "1300"),
        ("400", 400, None),
        ("503", 503, "3505"),
        ("502", 502, "1100"),
    ],
)
async def test_errors_of_the_provider(what: str, status: int, code: str | None, face: str) -> None:
    async with provided(mistral_sdk, face, PREFIX) as sdk:
        error = await _error(sdk, face, what)

    document = error.raw_response.json()
    assert (error.status_code, document["object"], document["code"]) == (status, "error", code)
    assert error.headers.get("retry-after") == ("2" if "=2" in what else None)


# The sidecar changes nothing


async def test_a_whole_answer(face: str) -> None:
    async with front(mistral_sdk, face, PREFIX) as at:
        direct, through = await at.both(_asking(face))

        assert through.model_dump() == direct.model_dump()
        assert await at.it.statuses() == {"mistral,sim,ok": 1}


async def test_a_streamed_answer(face: str) -> None:
    async with front(mistral_sdk, face, PREFIX) as at:
        direct, through = await at.collect_both(_streaming(face))

        assert [event.data.model_dump() for event in through] == [
            event.data.model_dump() for event in direct
        ]
        assert await at.it.statuses() == {"mistral,sim,ok": 1}


async def test_embeddings(face: str) -> None:
    async with front(mistral_sdk, face, PREFIX) as at:
        direct, through = await at.both(_embedding(face))

        assert through.model_dump() == direct.model_dump()
        metrics = await at.it.metrics()
        assert metrics["ai_api_latency_seconds_count{mistral,sim,embeddings}"] == 1


@pytest.mark.parametrize("what", ["429; retry-after=2", "400"])
async def test_errors_are_the_providers_own(what: str, face: str) -> None:
    async with front(mistral_sdk, face, PREFIX) as at:
        direct = await _error(at.direct, face, what)
        through = await _error(at.through, face, what)

        assert through.status_code == direct.status_code
        assert through.body == direct.body
        assert through.headers.get("retry-after") == direct.headers.get("retry-after")
