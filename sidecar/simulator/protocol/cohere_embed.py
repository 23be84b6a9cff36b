"""Cohere's embeddings: lists of numbers without indexes, of several kinds at once if asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from sidecar.simulator.protocol.ask import Answer, Ask, Body, count, model_of, required
from sidecar.simulator.protocol.embeddings import embeddings_ask
from sidecar.simulator.protocol.flaws import flawed_vectors
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import prompt, vector_base64, vector_floats

_MAX_INPUTS = 96  # Cohere's own
_DIMENSIONS = 1536


def _int8(seed_text: bytes, dimensions: int) -> list[int]:
    return [round(number * 127) for number in vector_floats(seed_text, dimensions)]


_KINDS: Mapping[str, Callable[[bytes, int], object]] = {
    "float": vector_floats,
    "base64": vector_base64,
    "int8": _int8,
}


def read_embed(body: Body, path_model: str | None) -> Ask:
    """A request for embeddings of texts."""
    texts = required(body, "texts", list)
    if len(texts) > _MAX_INPUTS:
        raise RefusedError(
            Trouble.BAD_REQUEST,
            f"invalid request: total number of texts must be at most {_MAX_INPUTS},"
            f" received {len(texts)}",
        )
    if not all(isinstance(text, str) for text in texts):
        raise RefusedError(Trouble.BAD_REQUEST, "invalid request: texts must be strings")
    return embeddings_ask(
        model_of(body, path_model),
        [(prompt(text), text.encode()) for text in texts],
        dimensions=count(body, "output_dimension") or _DIMENSIONS,
        kinds=_kinds(body),
    )


def _kinds(body: Body) -> Sequence[str]:
    kinds = body.get("embedding_types") or ()
    if isinstance(kinds, list | tuple) and all(kind in _KINDS for kind in kinds):
        return kinds
    raise RefusedError(
        Trouble.BAD_REQUEST, f"invalid request: embedding_types must be of {', '.join(_KINDS)}"
    )


def whole_embed_v1(ask: Ask, answer: Answer) -> bytes:
    """The first API's answer: one plain list unless kinds were asked for."""
    if ask.vectors.kinds:
        return _document(ask, answer, "1", "embeddings_by_type", _by_kind(ask, answer))
    return _document(ask, answer, "1", "embeddings_floats", _vectors(ask, answer, "float"))


def whole_embed(ask: Ask, answer: Answer) -> bytes:
    """The second API's answer."""
    return _document(ask, answer, "2", "embeddings_by_type", _by_kind(ask, answer))


def _document(ask: Ask, answer: Answer, version: str, kind: str, embeddings: object) -> bytes:
    told = answer.tells("billed_units", {"input_tokens": ask.prompt.tokens})
    return orjson.dumps(
        {
            "id": answer.id,
            "response_type": kind,
            "embeddings": embeddings,
            "texts": [text.decode() for text in ask.vectors.inputs],
            "meta": {"api_version": {"version": version}, **told},
        }
    )


def _by_kind(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    return {kind: _vectors(ask, answer, kind) for kind in ask.vectors.kinds or ("float",)}


def _vectors(ask: Ask, answer: Answer, kind: str) -> list[object]:
    wanted, make = ask.vectors, _KINDS[kind]
    vectors = [make(text, wanted.dimensions) for text in wanted.inputs]
    return flawed_vectors(answer.vectors_flaw, vectors)
