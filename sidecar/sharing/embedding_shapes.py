"""How providers shape embeddings calls and their answers, as tables.

Only what is listed here is ever merged or cut. A field that is not known might bind a call's inputs
together (`late_chunking`), or mean something for one caller alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.metering.documents import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingShape:
    """One kind of embeddings call."""

    inputs: str
    """The field with what is to be embedded."""
    fields: frozenset[str]
    """All other fields that a call may have and still be merged or cut: each says something about
    every input by itself."""
    text_alone: bool = False
    """A text may stand for a list of one."""
    token_arrays: bool = False
    """An input may be a list of token numbers; such a list alone is one input."""
    requests: bool = False
    """The inputs are objects, each a request of its own."""
    vectors: str
    """Where the answer has one vector for each input: a list, or one list for each type."""
    item: str | None = None
    """Where an item of that list has its vector; None = it is the vector."""
    echo: str | None = None
    """Where the answer repeats the inputs, if it does."""
    usage: tuple[Path, ...]
    """Where the answer tells what all inputs together used."""


_OPENAI = EmbeddingShape(
    inputs="input",
    fields=frozenset(
        (
            "model",
            "dimensions",
            "encoding_format",
            "user",
            # Of servers that speak OpenAI's API beside their own fields: Mistral, vLLM, Together,
            # Fireworks, OpenRouter, and Voyage or Jina behind an upstream of one's own.
            "add_special_tokens",
            "embedding_type",
            "input_type",
            "metadata",
            "normalize",
            "normalized",
            "output_dimension",
            "output_dtype",
            "provider",
            "task",
            "truncate",
            "truncate_prompt_tokens",
            "truncation",
        )
    ),
    text_alone=True,
    token_arrays=True,
    vectors="data",
    item="embedding",
    usage=(("usage",),),
)

_COHERE = EmbeddingShape(
    inputs="texts",
    fields=frozenset(
        ("model", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens")
    ),
    vectors="embeddings",
    echo="texts",
    usage=(("meta", "billed_units"), ("meta", "tokens")),
)

_GEMINI = EmbeddingShape(
    inputs="requests",
    fields=frozenset(),
    requests=True,
    vectors="embeddings",
    item="values",
    usage=(("usageMetadata",),),
)

_OLLAMA = EmbeddingShape(
    inputs="input",
    fields=frozenset(("model", "truncate", "options", "keep_alive", "dimensions")),
    text_alone=True,
    vectors="embeddings",
    usage=(("prompt_eval_count",),),
)

_OWN: Mapping[str, tuple[str, EmbeddingShape]] = {
    "cohere": ("/embed", _COHERE),
    "gemini": (":batchEmbedContents", _GEMINI),
    "ollama": ("/api/embed", _OLLAMA),
}
"""By the dialect's name: the end of the path of its own API, and the shape there."""

_UNLIKE = frozenset(("bedrock", "other", "anthropic"))
"""Dialects without OpenAI's embeddings: Bedrock's calls are signed, body included."""


def embedding_shape(dialect: str, path: str) -> EmbeddingShape | None:
    """The shape of what a dialect serves under a path (without query); None = not known."""
    if dialect in _UNLIKE:
        return None
    own = _OWN.get(dialect)
    if own is not None and path.endswith(own[0]):
        return own[1]
    return _OPENAI if path.endswith("/embeddings") and not path.startswith("/api/") else None
