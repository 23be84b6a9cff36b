"""Reads the tokens that an answer says it used."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sidecar.metering.documents import Path, dig

MOST_TOKENS = 1_000_000_000
"""A larger figure is nonsense: a thousand times the largest context window there is."""

_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Usage:
    """LLM tokens of one answer, counted in the same way for all providers."""

    input: int
    """All of the prompt, read from a cache or not."""
    output: int
    """All that was generated, thoughts included."""
    cached_input: int
    """Of `input`: read from the provider's prompt cache."""
    reasoning: int
    """Of `output`: thoughts."""


Figures = Mapping[str, Any]
"""The object in which a provider tells its figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageShape:
    """Where one provider's figures stand, and which of them make a whole."""

    at: Path = ("usage",)
    """Of the object with the figures, in an answer or in an event of a stream."""
    opens: bool = False
    """Whether these figures open a stream, and those at its end leave some of them out."""
    input: tuple[Path, ...]
    """Added up, as far as they are there."""
    output: tuple[Path, ...] = ()
    """Added up, as far as they are there."""
    cached_input: tuple[Path, ...] = ()
    """The first that is there counts."""
    reasoning: tuple[Path, ...] = ()
    """The first that is there counts."""

    @property
    def marker(self) -> bytes:
        """Stands in every text of a stream that has these figures."""
        return b'"%b"' % (self.at or self.output[0])[-1].encode()

    def read(self, figures: Figures) -> Usage | None:
        """The usage; None where neither input nor output is told, or one of them is nonsense."""
        given, made = _numbers(figures, self.input), _numbers(figures, self.output)
        if given is None or made is None or not (given or made):
            return None
        whole_input, whole_output = sum(given), sum(made)
        return Usage(
            input=whole_input,
            output=whole_output,
            cached_input=min(_first(figures, self.cached_input), whole_input),
            reasoning=min(_first(figures, self.reasoning), whole_output),
        )


class Found(NamedTuple):
    """Figures, how to read them, and what they come to."""

    shape: UsageShape
    figures: Figures
    usage: Usage


def find_usage(document: object, shapes: Sequence[UsageShape]) -> Found | None:
    """The figures of one answer or event."""
    for shape in shapes:
        figures = dig(document, shape.at)
        if isinstance(figures, dict) and (usage := shape.read(figures)) is not None:
            return Found(shape, figures, usage)
    return None


def find_usage_in_fragment(fragment: bytes, shapes: Sequence[UsageShape]) -> Found | None:
    """The last figures in a JSON text whose beginning is cut off, whatever they stand in.

    Quotes inside of strings are escaped, so a name between bare quotes is a key or a whole string.
    """
    text = fragment.decode("latin-1")  # figures are ASCII, and every byte has a character
    for shape in shapes:
        for figures in _objects(text, shape.at[-1]) if shape.at else ():
            if (usage := shape.read(figures)) is not None:
                return Found(shape, figures, usage)
    return None


def _objects(text: str, key: str) -> Iterator[Figures]:
    """The objects that are values of this key, the last one first."""
    for match in reversed(list(re.finditer(rf'"{re.escape(key)}"\s*:\s*(?={{)', text))):
        try:
            yield _DECODER.raw_decode(text, match.end())[0]
        except (ValueError, RecursionError):
            continue


def _numbers(figures: Figures, paths: Sequence[Path]) -> list[int] | None:
    """The figures that are there; None where one of them is no number of tokens."""
    numbers: list[int] = []
    for path in paths:
        value = dig(figures, path)
        if value is not None:
            number = _tokens(value)
            if number is None:
                return None
            numbers.append(number)
    return numbers


def _first(figures: Figures, paths: Sequence[Path]) -> int:
    return next((n for path in paths if (n := _tokens(dig(figures, path))) is not None), 0)


def _tokens(value: object) -> int | None:
    """A whole number of tokens; `5.0` is one (Cohere), `true` and `"5"` are none."""
    if type(value) is int:  # nearly always
        return value if 0 <= value <= MOST_TOKENS else None
    if not isinstance(value, float) or not 0 <= value <= MOST_TOKENS:
        return None
    return int(value) if value == int(value) else None
