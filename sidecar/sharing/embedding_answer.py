"""Checks embeddings answers, divides one among several calls and joins several to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from sidecar.metering.documents import Path, dig
from sidecar.sharing.embedding_shapes import EmbeddingShape
from sidecar.sharing.embedding_usage import added, divided, replaced
from sidecar.sharing.embedding_vectors import read_answer, write_answer


class WrongVectorsError(ValueError):
    """An answer does not have one vector for each input."""


@dataclass(frozen=True, slots=True)
class EmbeddingAnswer:
    """An answer with exactly one vector for each input."""

    shape: EmbeddingShape
    document: dict[str, Any]
    columns: dict[Path, list[Any]]
    """The lists with one item for each input, in the order of the inputs, by where they stand."""

    def divided(self, counts: Sequence[int], weights: Sequence[int]) -> list[bytes]:
        """What each of several calls gets, by its number of inputs and its LLM tokens (estimated).

        Raises WrongVectorsError where it cannot be written again.
        """
        borders = list(pairwise(accumulate(counts, initial=0)))
        documents = [self.document] * len(counts)
        for path in self.shape.usage:
            whole = dig(self.document, path)
            if whole is not None:
                shares = zip(documents, divided(whole, weights), strict=True)
                documents = [replaced(document, path, share) for document, share in shares]
        for path, items in self.columns.items():
            documents = [
                replaced(document, path, _based_on_zero(items[start:end]))
                for document, (start, end) in zip(documents, borders, strict=True)
            ]
        return [_written(document) for document in documents]


def checked(shape: EmbeddingShape, body: bytes, inputs: int) -> EmbeddingAnswer:
    """The answer to a call of so many inputs. Raises WrongVectorsError."""
    try:
        document = read_answer(body)
    except (ValueError, RecursionError) as error:
        raise WrongVectorsError("no JSON") from error
    if not isinstance(document, dict):
        raise WrongVectorsError("no object")
    columns = _columns(shape, document)
    if not columns or any(len(items) != inputs for items in columns.values()):
        raise WrongVectorsError("not one vector for each input")
    return EmbeddingAnswer(
        shape, document, {path: _in_order(items) for path, items in columns.items()}
    )


def joined(answers: Sequence[EmbeddingAnswer]) -> bytes:
    """One answer in place of several to parts of one call, in the order of the parts.

    Raises WrongVectorsError where they differ in what they have, or cannot be written again.
    """
    shape, document, columns = answers[0].shape, answers[0].document, answers[0].columns
    if any(answer.columns.keys() != columns.keys() for answer in answers):
        raise WrongVectorsError("parts of different types")
    for path in shape.usage:
        figures = [dig(answer.document, path) for answer in answers]
        figures = [figure for figure in figures if figure is not None]
        if figures and dig(document, path) is not None:
            document = replaced(document, path, added(figures))
    for path in columns:
        items = [item for answer in answers for item in answer.columns[path]]
        document = replaced(document, path, _based_on_zero(items))
    return _written(document)


def _written(document: dict[str, Any]) -> bytes:
    try:
        return write_answer(document)
    except TypeError as error:
        raise WrongVectorsError("nested too deep") from error


def _columns(shape: EmbeddingShape, document: dict[str, Any]) -> dict[Path, list[Any]]:
    """The lists with one item for each input."""
    vectors = document.get(shape.vectors)
    columns: dict[Path, list[Any]] = {}
    if isinstance(vectors, list):
        columns[shape.vectors,] = vectors
    elif isinstance(vectors, dict):
        for kind, items in vectors.items():
            if isinstance(items, list) and items:  # one that was not asked for may be empty
                columns[shape.vectors, kind] = items
    if any(_vector(shape, item) is None for items in columns.values() for item in items):
        raise WrongVectorsError("an item without a vector")
    if columns and shape.echo is not None:
        echo = document.get(shape.echo)
        if isinstance(echo, list) and echo:
            columns[shape.echo,] = echo
    return columns


def _vector(shape: EmbeddingShape, item: Any) -> Any:
    if shape.item is None:
        return item
    return item.get(shape.item) if isinstance(item, dict) else None


def _in_order(items: list[Any]) -> list[Any]:
    """By their indexes; order counts only where nothing has one."""
    indexes = [item["index"] for item in items if isinstance(item, dict) and "index" in item]
    if not indexes:
        return items
    right = all(type(index) is int for index in indexes)
    if not right or sorted(indexes) != list(range(len(items))):
        raise WrongVectorsError("indexes doubled or missing")
    placed: list[Any] = [None] * len(items)
    for item in items:
        placed[item["index"]] = item
    return placed


def _based_on_zero(items: list[Any]) -> list[Any]:
    return [
        {**item, "index": place} if isinstance(item, dict) and "index" in item else item
        for place, item in enumerate(items)
    ]
