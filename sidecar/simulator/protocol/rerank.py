"""Cohere's rerank: documents by how much they have to do with a query."""

import zlib

import orjson

from sidecar.simulator.protocol.ask import Answer, Ask, Body, count, model_of, required
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import prompt

_MOST_DOCUMENTS = 1000  # Cohere's own
_DOCUMENTS_PER_UNIT = 100
"""A search unit is a query with up to so many documents."""


def read_rerank(body: Body, path_model: str | None) -> Ask:
    """A request to rank documents; it costs searches, no LLM tokens."""
    query, documents = required(body, "query", str), required(body, "documents", list)
    if len(documents) > _MOST_DOCUMENTS:
        raise RefusedError(
            Trouble.BAD_REQUEST, f"invalid request: at most {_MOST_DOCUMENTS} documents"
        )
    return Ask(
        model=model_of(body, path_model),
        prompt=prompt(query, documents),
        max_tokens=0,
        items=[orjson.dumps([query, document]) for document in documents],
        most_items=count(body, "top_n"),
        charged=False,
    )


def whole_rerank(ask: Ask, answer: Answer) -> bytes:
    """The documents' numbers, the best ones first; a document's score depends on it alone."""
    results = [
        {"index": index, "relevance_score": (zlib.crc32(item) % 1000) / 1000}
        for index, item in enumerate(ask.items)
    ]
    results.sort(key=lambda result: -result["relevance_score"])
    units = -(-len(ask.items) // _DOCUMENTS_PER_UNIT)
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": units}}
    return orjson.dumps({"id": answer.id, "results": results[: ask.most_items], "meta": meta})
