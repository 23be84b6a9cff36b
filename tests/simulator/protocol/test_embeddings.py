"""OpenAI's SDK gets vectors: from texts and token numbers, as base64 and as floats."""

import math

import orjson
import pytest
from openai import AsyncOpenAI

from sidecar.simulator.protocol.ask import Answer, Ask
from sidecar.simulator.protocol.embeddings import whole_embeddings
from sidecar.simulator.protocol.text import Prompt
from tests.simulator.providing import MODEL, Running


async def test_a_list_of_texts_gives_vectors_in_order(openai: AsyncOpenAI) -> None:
    one = await openai.embeddings.create(model=MODEL, input="one")
    both = await openai.embeddings.create(model=MODEL, input=["zero", "one"])

    assert [item.index for item in both.data] == [0, 1]
    assert both.data[1].embedding == one.data[0].embedding
    assert both.data[0].embedding != one.data[0].embedding
    assert len(one.data[0].embedding) == 1536
    assert math.isclose(sum(x * x for x in one.data[0].embedding), 1, rel_tol=1e-5)
    assert both.usage.prompt_tokens == 2


async def test_floats_and_base64_are_the_same_numbers(openai: AsyncOpenAI) -> None:
    packed = await openai.embeddings.create(model=MODEL, input="one", dimensions=9)
    plain = await openai.embeddings.create(
        model=MODEL, input="one", dimensions=9, encoding_format="float"
    )

    assert packed.data[0].embedding == plain.data[0].embedding
    assert len(plain.data[0].embedding) == 9


async def test_token_numbers_are_one_input_and_lists_of_them_several(openai: AsyncOpenAI) -> None:
    one = await openai.embeddings.create(model=MODEL, input=[5, 6, 7])
    two = await openai.embeddings.create(model="text-embedding-3-large", input=[[5], [6, 7]])

    assert (len(one.data), one.usage.prompt_tokens) == (1, 3)
    assert (len(two.data), two.usage.prompt_tokens) == (2, 3)
    assert len(two.data[0].embedding) == 3072


@pytest.mark.parametrize(
    "fields",
    [
        {"input": ""},
        {"input": ["a", ""]},
        {"input": [1, "a"]},
        {"input": [[]]},
        {"input": ["a"] * 2049},
        {"input": [[5] * 10_000] * 31},  # 310,000 LLM tokens
        {"input": "so [[bad]] it is"},
        {"input": ["a", "[[bad]]"]},
        {"input": "a", "dimensions": 0},
        {"input": "a", "dimensions": 9000},
        {"input": "a", "encoding_format": "hex"},
    ],
)
async def test_what_cannot_be_embedded_is_refused(quick: Running, fields: object) -> None:
    assert isinstance(fields, dict)
    status, _, body = await quick.post("/v1/embeddings", {"model": MODEL, **fields})

    assert status == 400
    assert orjson.loads(body)["error"]["type"] == "invalid_request_error"


async def test_a_request_may_be_as_large_as_openai_allows(quick: Running) -> None:
    body = {"model": MODEL, "input": [[5] * 10_000] * 30, "dimensions": 1}
    status, _, answer = await quick.post("/v1/embeddings", body)

    assert status == 200
    assert orjson.loads(answer)["usage"]["prompt_tokens"] == 300_000


def test_only_embeddings_requests_have_vectors() -> None:
    ask = Ask(model=MODEL, prompt=Prompt(1, 1))
    with pytest.raises(TypeError, match="not an embeddings request"):
        whole_embeddings(ask, Answer(id="", created=0, words=(), cut=False))
