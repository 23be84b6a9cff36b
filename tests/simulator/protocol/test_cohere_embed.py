"""Cohere's vectors: plain lists in its first API, by kind in its second."""

from typing import Any

import pytest

from tests.simulator.protocol.wire import ask, complaint
from tests.simulator.providing import MODEL, Running

EMBED: dict[str, Any] = {"model": MODEL, "texts": ["one", "two"], "output_dimension": 4}


async def test_the_first_api_has_one_plain_list(quick: Running) -> None:
    plain = await ask(quick, "/v1/embed", EMBED)
    by_kind = await ask(quick, "/v2/embed", EMBED)

    assert plain["response_type"] == "embeddings_floats"
    assert plain["embeddings"] == by_kind["embeddings"]["float"]
    assert plain["texts"] == ["one", "two"]
    assert plain["meta"]["billed_units"] == {"input_tokens": 2}


@pytest.mark.parametrize("path", ["/v1/embed", "/v2/embed"])
async def test_all_kinds_that_are_asked_for(quick: Running, path: str) -> None:
    answer = await ask(quick, path, {**EMBED, "embedding_types": ["int8", "float", "base64"]})

    assert answer["response_type"] == "embeddings_by_type"
    assert list(answer["embeddings"]) == ["int8", "float", "base64"]
    assert [len(vectors) for vectors in answer["embeddings"].values()] == [2, 2, 2]
    assert {abs(number) for number in answer["embeddings"]["int8"][0]} == {64}


async def test_a_vector_depends_on_its_text_alone(quick: Running) -> None:
    both = await ask(quick, "/v1/embed", {**EMBED, "output_dimension": 99})
    second = await ask(quick, "/v1/embed", {**EMBED, "texts": ["two"], "output_dimension": 99})

    assert both["embeddings"][1] == second["embeddings"][0] != both["embeddings"][0]


async def test_ninety_six_texts_are_the_most(quick: Running) -> None:
    await ask(quick, "/v1/embed", {**EMBED, "texts": ["x"] * 96})
    status, document = await complaint(quick, "/v1/embed", {**EMBED, "texts": ["x"] * 97})

    assert status == 400
    assert "at most 96" in document["message"]


async def test_other_kinds_are_refused(quick: Running) -> None:
    for kinds in (["binary"], "float", 5):
        status, _ = await complaint(quick, "/v2/embed", {**EMBED, "embedding_types": kinds})

        assert status == 400
