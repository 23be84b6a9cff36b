"""Cohere's rerank: the best documents first."""

import pytest

from tests.simulator.protocol.wire import ask, complaint
from tests.simulator.providing import MODEL, Running

RERANK = {"model": MODEL, "query": "what", "documents": ["one", "two", "three"]}


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
async def test_every_document_has_its_place(quick: Running, path: str) -> None:
    answer = await ask(quick, path, RERANK)
    scores = [result["relevance_score"] for result in answer["results"]]

    assert sorted(result["index"] for result in answer["results"]) == [0, 1, 2]
    assert scores == sorted(scores, reverse=True)
    assert answer["meta"]["billed_units"] == {"search_units": 1}
    assert quick.model()["billed"] | {"calls": 0} == dict.fromkeys(quick.model()["billed"], 0)


async def test_a_score_depends_on_its_document_alone(quick: Running) -> None:
    three = (await ask(quick, "/v2/rerank", RERANK))["results"]
    one = (await ask(quick, "/v2/rerank", {**RERANK, "documents": ["two"]}))["results"]

    assert one[0]["relevance_score"] in [r["relevance_score"] for r in three if r["index"] == 1]


async def test_only_so_many_are_told(quick: Running) -> None:
    answer = await ask(quick, "/v2/rerank", {**RERANK, "top_n": 2})

    assert len(answer["results"]) == 2


async def test_a_thousand_documents_are_the_most(quick: Running) -> None:
    status, _ = await complaint(quick, "/v2/rerank", {**RERANK, "documents": ["x"] * 1001})

    assert status == 400
