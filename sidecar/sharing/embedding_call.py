"""Reads embeddings calls, puts several together and takes parts of one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import orjson

from sidecar.metering.documents import parsed
from sidecar.sharing.embedding_shapes import EmbeddingShape

_BYTES_PER_TOKEN = 3
"""English has more than four bytes to a token, code and figures about three, Chinese three and a
little less. A call that is cut without need costs one call more; one that is not cut is refused."""


class InputKind(Enum):
    """What inputs are; one call never has two kinds."""

    TEXT = auto()
    TOKENS = auto()
    REQUEST = auto()


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """The body of one call."""

    shape: EmbeddingShape
    kind: InputKind
    fields: dict[str, Any]
    """Everything but the inputs."""
    inputs: Sequence[Any]
    """At least one."""
    weights: Sequence[int]
    """LLM tokens of each input, 1 or more: exact where they came as tokens, else estimated."""

    @property
    def tokens(self) -> int:
        """LLM tokens of all inputs."""
        return sum(self.weights)

    @property
    def alike(self) -> bytes:
        """Equal for calls that differ in nothing but texts or token arrays."""
        return orjson.dumps([self.kind.name, self.fields], option=orjson.OPT_SORT_KEYS)

    def part(self, where: slice) -> "EmbeddingCall":
        """The same for some of the inputs."""
        return replace(self, inputs=self.inputs[where], weights=self.weights[where])

    def body(self) -> bytes:
        """The call as JSON."""
        return orjson.dumps({**self.fields, self.shape.inputs: self.inputs})


def read_call(shape: EmbeddingShape, body: bytes) -> EmbeddingCall | None:
    """The call; None where anything about it is not as expected, so that it passes as it is."""
    fields = parsed(body)
    if not isinstance(fields, dict):
        return None
    found = _inputs(shape, fields.pop(shape.inputs, None))
    if found is None or not shape.fields.issuperset(fields):
        return None
    kind, inputs = found
    try:
        orjson.dumps([fields])
        weights = [_weight(kind, item) for item in inputs]
    except TypeError:  # nested deeper than it can be written
        return None
    return EmbeddingCall(shape, kind, fields, inputs, weights)


def merged(calls: Sequence[EmbeddingCall]) -> EmbeddingCall:
    """One call in place of several that are `alike`."""
    return replace(
        calls[0],
        inputs=[item for call in calls for item in call.inputs],
        weights=[weight for call in calls for weight in call.weights],
    )


def _inputs(shape: EmbeddingShape, value: object) -> tuple[InputKind, list[Any]] | None:
    if isinstance(value, str) and shape.text_alone:
        return InputKind.TEXT, [value]
    if not isinstance(value, list) or not value:
        return None
    if shape.requests:
        every = all(type(item) is dict for item in value)
        return (InputKind.REQUEST, value) if every else None
    if all(type(item) is str for item in value):
        return InputKind.TEXT, value
    if not shape.token_arrays:
        return None
    if _are_tokens(value):
        return InputKind.TOKENS, [value]
    every = all(type(item) is list and item and _are_tokens(item) for item in value)
    return (InputKind.TOKENS, value) if every else None


def _are_tokens(value: Sequence[object]) -> bool:
    return all(type(token) is int for token in value)  # `True` is no token


def _weight(kind: InputKind, item: Any) -> int:
    if kind is InputKind.TOKENS:
        return len(item)
    if kind is InputKind.REQUEST:
        size = len(orjson.dumps([[item]]))  # as deep as it will stand
    else:
        size = len(item) if item.isascii() else len(item.encode())
    return max(1, -(-size // _BYTES_PER_TOKEN))
