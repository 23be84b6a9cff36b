"""The providers' own SDKs cannot tell that their calls were merged."""

import asyncio
from typing import Any

import pytest

from sidecar.simulator.scenario import Scenario
from tests.integration.embedding import MODEL, Embedded, ask, embedded
from tests.integration.sdks import FACES, Sdk, cohere_sdk, openai_sdk
from tests.simulator.providing import QUICK

pytestmark = pytest.mark.parametrize("face", FACES)

TEXTS = [f"text number {number}" for number in range(12)]
QUICKLY = Scenario(title="quick and always the same", service=QUICK, deterministic=True)


def _openai(text: str | list[str]) -> Any:
    return lambda client: client.embeddings.create(model=MODEL, input=text, dimensions=64)


def _cohere(texts: list[str]) -> Any:
    return lambda client: client.embed(
        model=MODEL, texts=texts, input_type="search_document", embedding_types=["float"]
    )


async def _merged(e: Embedded, sdk: Sdk, operations: list[Any], upstream: str) -> list[Any]:
    """What each gets when all ask while the only place is taken."""
    asked: dict[str, Any] = {
        "openai": ask("place holder"),
        "cohere": {"model": MODEL, "texts": ["place holder"], "input_type": "classification"},
    }
    before = e.figure("accepted")
    holder = asyncio.get_running_loop().create_task(
        e.post(asked[upstream], upstream, **{"x-simulate": "total=0.4"})
    )
    await e.it.in_place(in_flight=1)
    answers = list(await asyncio.gather(*(sdk(operation) for operation in operations)))
    await holder
    assert e.figure("accepted") - before < len(operations)
    assert await e.metric("ai_api_batched_requests_total") >= 2
    return answers


async def test_openai_gets_the_same_vectors(face: str) -> None:
    """It asks for base64, and makes numbers of it."""
    async with embedded(QUICKLY, limit_initial=1) as e, openai_sdk(f"{e.url}/openai", face) as sdk:
        alone = [await sdk(_openai(text)) for text in TEXTS]
        merged = await _merged(e, sdk, [_openai(text) for text in TEXTS], "openai")

        for one, other in zip(alone, merged, strict=True):
            assert one.data == other.data
            assert other.data[0].index == 0
            assert len(other.data[0].embedding) == 64
            assert other.usage.prompt_tokens == other.usage.total_tokens > 0
        assert sum(other.usage.prompt_tokens for other in merged) == sum(
            one.usage.prompt_tokens for one in alone
        )


async def test_openai_gets_lists_of_them(face: str) -> None:
    async with embedded(QUICKLY, limit_initial=1) as e, openai_sdk(f"{e.url}/openai", face) as sdk:
        operations = [_openai(TEXTS[at : at + 3]) for at in range(0, 12, 3)]
        alone = [await sdk(operation) for operation in operations]
        merged = await _merged(e, sdk, operations, "openai")

        assert [answer.data for answer in merged] == [answer.data for answer in alone]


async def test_cohere_gets_the_same_vectors(face: str) -> None:
    async with embedded(QUICKLY, limit_initial=1) as e, cohere_sdk(f"{e.url}/cohere", face) as sdk:
        operations = [_cohere([text, text + "!"]) for text in TEXTS]
        alone = [await sdk(operation) for operation in operations]
        merged = await _merged(e, sdk, operations, "cohere")

        for one, other in zip(alone, merged, strict=True):
            assert one.embeddings == other.embeddings
            assert one.texts == other.texts
        units = [
            sum(answer.meta.billed_units.input_tokens for answer in answers)
            for answers in (alone, merged)
        ]
        assert units[0] == units[1]
