"""How much one embeddings call may carry, by provider, and how a larger one is cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddingLimits:
    """Bounds of one call; None = none is known."""

    inputs: int | None = None
    tokens: int | None = None
    """LLM tokens of all inputs together."""

    @property
    def unknown(self) -> bool:
        """Whether nothing is ever too much."""
        return self.inputs is None and self.tokens is None

    def hold(self, inputs: int, tokens: int) -> bool:
        """Whether so much fits into one call."""
        return (self.inputs is None or inputs <= self.inputs) and (
            self.tokens is None or tokens <= self.tokens
        )


_OPENAI = EmbeddingLimits(2048, 300_000)

_LIMITS: Mapping[str, EmbeddingLimits] = {
    "openai": _OPENAI,
    "azure": _OPENAI,
    "cohere": EmbeddingLimits(96),
    "gemini": EmbeddingLimits(100),
}
"""By the dialect's name, as the providers document them. Others document none, or one that
whoever runs the server chooses."""


def embedding_limits(
    dialect: str, *, inputs: int | None = None, tokens: int | None = None
) -> EmbeddingLimits:
    """The provider's limits, `inputs` and `tokens` taking the place of what it documents."""
    own = _LIMITS.get(dialect, EmbeddingLimits())
    return EmbeddingLimits(
        own.inputs if inputs is None else inputs, own.tokens if tokens is None else tokens
    )


def cut(weights: Sequence[int], limits: EmbeddingLimits) -> list[slice]:
    """Where to cut inputs of these LLM tokens so that each part fits, in order.

    What does not fit by itself stands alone: the provider has to say so.
    """
    parts: list[slice] = []
    start = tokens = 0
    for place, weight in enumerate(weights):
        if place > start and not limits.hold(place - start + 1, tokens + weight):
            parts.append(slice(start, place))
            start, tokens = place, 0
        tokens += weight
    parts.append(slice(start, len(weights)))
    return parts
