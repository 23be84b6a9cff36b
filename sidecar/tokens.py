"""LLM tokens of one answer, counted in the same way for all providers."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer used; every figure is 0 or more."""

    input: int
    """All of the prompt, read from a cache or not."""
    output: int
    """All that was generated, thoughts included."""
    cached_input: int = 0
    """Of `input`: read from the provider's prompt cache."""
    reasoning: int = 0
    """Of `output`: thoughts."""
    cache_write: int = 0
    """Of `input`: written to the provider's prompt cache, at a price of its own."""
    cache_write_1h: int = 0
    """Of `cache_write`: to be kept for an hour instead of minutes."""
    input_audio: int = 0
    """Of `input`: sound."""
    output_audio: int = 0
    """Of `output`: sound."""

    def __add__(self, other: "Usage") -> "Usage":
        """What both used together."""
        return Usage(*(getattr(self, name) + getattr(other, name) for name in _FIGURES))


_FIGURES = tuple(field.name for field in fields(Usage))
