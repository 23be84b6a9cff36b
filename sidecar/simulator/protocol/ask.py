"""What a request asks for and what it gets: the values between protocols and capacity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.simulator.protocol.flaws import (
    UsageFlaw,
    VectorsFlaw,
    flawed_field,
    flawed_figures,
)
from sidecar.simulator.protocol.prefix import UNCACHED, CacheUse, Prefix
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import Prompt

Body = Mapping[str, Any]
"""A JSON request body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """What an embeddings request adds to an Ask."""

    inputs: Sequence[bytes]
    """What each vector is computed from."""
    dimensions: int
    base64: bool = False
    kinds: Sequence[str] = ()
    """Kinds of numbers that Cohere is asked for by name."""
    flaw: VectorsFlaw | None = None
    """What an input asks to go wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request asks for, whatever the protocol."""

    model: str
    prompt: Prompt
    max_tokens: int | None = None
    """Most output tokens; None = as long as the provider likes; 0 = the answer has no words."""
    stream: bool = False
    include_usage: bool = True
    """A stream ends with usage."""
    embeddings: Embeddings | None = None
    items: Sequence[bytes] = ()
    """What is judged one by one (rerank, moderations)."""
    most_items: int | None = None
    """That so many of them are wanted at most."""
    prefixes: Sequence[Prefix] = ()
    """Beginnings of the prompt that a prompt cache may know, the longest first."""
    charged: bool = True
    """Its LLM tokens are billed."""

    @property
    def vectors(self) -> Embeddings:
        """What is to be embedded; only where something is."""
        if self.embeddings is None:
            raise TypeError("not an embeddings request")
        return self.embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider says."""

    id: str
    """24 hex digits."""
    created: int
    """Unix seconds."""
    words: Sequence[bytes]
    """One per output token, safe inside JSON strings."""
    cut: bool
    """The words end because of `max_tokens`."""
    reasoning: int = 0
    """Output tokens that were thoughts; they come before the words, and nobody sees them."""
    cache: CacheUse = UNCACHED
    usage_flaw: UsageFlaw | None = None
    vectors_flaw: VectorsFlaw | None = None

    @property
    def text(self) -> str:
        """All the words."""
        return b"".join(self.words).decode()

    @property
    def output(self) -> int:
        """Output tokens, thoughts included."""
        return self.reasoning + len(self.words)

    def tells(self, field: str, figures: Mapping[str, Any]) -> dict[str, Any]:
        """The field that tells the usage, or what was asked to come instead of it."""
        return flawed_field(self.usage_flaw, field, figures)

    def tells_plainly(self, figures: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same figures as fields of their own."""
        return flawed_figures(self.usage_flaw, figures)


@dataclass(frozen=True, slots=True)
class Script:
    """A streamed answer as ready-made SSE bytes."""

    opening: bytes
    """Sent with the first piece."""
    pieces: Sequence[bytes]
    """One event per output token."""
    closing: bytes
    """Sent at the end: finish reason, usage, end mark."""


def event(document: Mapping[str, Any], *, name: str | None = None) -> bytes:
    """One SSE event."""
    data = b"data: %b\n\n" % orjson.dumps(document)
    return data if name is None else b"event: %b\n%b" % (name.encode(), data)


def parse(raw: bytes) -> Body:
    """The JSON object in a request body; RefusedError where it is none."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise RefusedError(
            Trouble.BAD_REQUEST, "We could not parse the JSON body of your request."
        ) from exc
    if not isinstance(document, dict):
        raise RefusedError(Trouble.BAD_REQUEST, "The request body must be a JSON object.")
    return document


def model_of(body: Body, fallback: str | None) -> str:
    """The model that the body names, else `fallback` (from the path)."""
    name = body.get("model", fallback)
    if not isinstance(name, str) or not name:
        raise RefusedError(Trouble.BAD_REQUEST, "you must provide a model parameter", param="model")
    return name


def required(body: Body, field: str, kinds: type | tuple[type, ...]) -> Any:
    """A field that must be there, not empty, and of one of these types."""
    value = body.get(field)
    if not value:
        raise RefusedError(
            Trouble.BAD_REQUEST, f"Missing required parameter: '{field}'.", param=field
        )
    if not isinstance(value, kinds):
        raise RefusedError(Trouble.BAD_REQUEST, f"Invalid type for '{field}'.", param=field)
    return value


def flag(body: Body, field: str) -> bool:
    """A boolean field, false by default."""
    value = body.get(field) or False
    if not isinstance(value, bool):
        raise RefusedError(Trouble.BAD_REQUEST, f"Invalid type for '{field}'.", param=field)
    return value


def count(body: Body, *fields: str) -> int | None:
    """The first of these fields that is there, as a number of 1 or more; None where none is."""
    for field in fields:
        value = body.get(field)
        if value is None:
            continue
        if type(value) is not int or value < 1:
            raise RefusedError(
                Trouble.BAD_REQUEST, f"'{field}' must be an integer of at least 1.", param=field
            )
        return value
    return None


def single_choice(body: Body) -> None:
    """Refuse `n` above 1, which is not simulated."""
    if count(body, "n") not in (None, 1):
        raise RefusedError(
            Trouble.BAD_REQUEST, "The simulated provider gives one choice only.", param="n"
        )
