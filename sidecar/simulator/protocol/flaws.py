"""What may be wrong with an answer that is otherwise well formed."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

BAD_INPUT = "[[bad]]"
"""An input with this in it makes the provider refuse the whole embeddings request (400)."""
_TRIGGER = re.compile(r"\[\[vectors=([a-z-]+)\]\]")


class UsageFlaw(StrEnum):
    """What an answer tells instead of the LLM tokens that it used."""

    NONE = "none"
    """Nothing: the fields are not there."""
    NULL = "null"
    NEGATIVE = "negative"
    """Numbers below zero."""
    STRING = "string"
    """The right numbers as texts."""


class VectorsFlaw(StrEnum):
    """What is wrong with the vectors of an embeddings answer."""

    MISSING = "missing"
    """The last one is left out."""
    EXTRA = "extra"
    """The last one comes twice, as if there was another input."""
    DOUBLED = "doubled"
    """The last one has the first one's index."""
    REVERSED = "reversed"
    """The last one comes first; nothing is wrong with the indexes."""
    NO_INDEX = "no-index"
    """They come without indexes."""


def flawed_field(flaw: UsageFlaw | None, name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The field with the figures of an answer's usage, or what comes instead of it."""
    match flaw:
        case None:
            return {name: figures}
        case UsageFlaw.NONE:
            return {}
        case UsageFlaw.NULL:
            return {name: None}
        case _:
            return {name: flawed_figures(flaw, figures)}


def flawed_figures(flaw: UsageFlaw | None, figures: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures themselves, for providers that tell them beside everything else."""
    if flaw is None:
        return figures
    if flaw is UsageFlaw.NONE:
        return {}
    return {name: _flawed(flaw, value) for name, value in figures.items()}


def _flawed(flaw: UsageFlaw, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _flawed(flaw, item) for name, item in value.items()}
    if not isinstance(value, int | float):
        return value
    match flaw:
        case UsageFlaw.NEGATIVE:
            return -1 - value
        case UsageFlaw.STRING:
            return str(value)
        case _:
            return None


def flawed_vectors(flaw: VectorsFlaw | None, vectors: Sequence[Any]) -> list[Any]:
    """Vectors without indexes, in the order of their inputs: only their number can be wrong."""
    if flaw is VectorsFlaw.MISSING:
        return list(vectors[:-1])
    if flaw is VectorsFlaw.EXTRA:
        return [*vectors, vectors[-1]]
    return list(vectors)


def flawed_items(flaw: VectorsFlaw | None, vectors: Sequence[Any]) -> list[dict[str, Any]]:
    """OpenAI's items, one per vector."""
    items: list[dict[str, Any]] = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(flawed_vectors(flaw, vectors))
    ]
    if flaw is VectorsFlaw.DOUBLED:
        items[-1]["index"] = 0
    if flaw is VectorsFlaw.REVERSED:
        items.reverse()
    if flaw is VectorsFlaw.NO_INDEX:
        return [{name: item[name] for name in ("object", "embedding")} for item in items]
    return items


def triggered(inputs: Sequence[bytes]) -> VectorsFlaw | None:
    """The flaw that `[[vectors=FLAW]]` in an input asks for; only where there are several inputs.

    Calls that were put together from several have no header of their own to ask for it in; each
    of the inputs by itself is answered well.
    """
    if len(inputs) < 2:
        return None
    for text in inputs:
        found = _TRIGGER.search(text.decode("utf-8", "replace")) if b"[[" in text else None
        if found is not None and found[1] in set(VectorsFlaw):
            return VectorsFlaw(found[1])
    return None
