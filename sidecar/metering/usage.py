"""Reads the tokens that an answer says it used."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sidecar.metering.documents import Path, dig
from sidecar.tokens import Usage

MOST_TOKENS = 1_000_000_000
"""A larger figure is nonsense: a thousand times the largest context window there is."""

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
    cache_write: tuple[Path, ...] = ()
    """The first that is there counts."""
    cache_write_1h: tuple[Path, ...] = ()
    """The first that is there counts."""
    input_audio: tuple[Path, ...] = ()
    """The first that is there counts."""
    output_audio: tuple[Path, ...] = ()
    """The first that is there counts."""
    marker: bytes = field(init=False, repr=False, compare=False)
    """Stands in every text that has these figures: the name of their object, in quotes."""

    place: re.Pattern[bytes] = field(init=False, repr=False, compare=False)
    """Finds that name with something behind it that is not null."""

    def __post_init__(self) -> None:
        marker = b'"%b"' % (self.at or self.output[0])[-1].encode()
        place = re.compile(re.escape(marker) + rb"\s*:\s*(?!null|\s|\Z)")
        object.__setattr__(self, "marker", marker)
        object.__setattr__(self, "place", place)

    def read(self, figures: Figures) -> Usage | None:
        """The usage; None where neither input nor output is told, or one of them is nonsense."""
        given, made = _numbers(figures, self.input), _numbers(figures, self.output)
        if given is None or made is None or not (given or made):
            return None
        whole_input, whole_output = sum(given), sum(made)
        written = _part(figures, self.cache_write, whole_input)
        return Usage(
            whole_input,
            whole_output,
            _part(figures, self.cached_input, whole_input),
            _part(figures, self.reasoning, whole_output),
            written,
            _part(figures, self.cache_write_1h, written),
            _part(figures, self.input_audio, whole_input),
            _part(figures, self.output_audio, whole_output),
        )

    def nonsense(self, figures: Figures) -> bool:
        """Whether something is told, and is no number of tokens."""
        return _numbers(figures, self.input) is None or _numbers(figures, self.output) is None


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


def tells_nonsense(document: object, shapes: Sequence[UsageShape]) -> bool:
    """Whether one answer or event has something where its figures should be, but no figures.

    `null` is nothing: streams have it in every event but the last.
    """
    for shape in shapes:
        figures = dig(document, shape.at)
        if isinstance(figures, dict):
            if shape.nonsense(figures):
                return True
        elif shape.at and figures is not None:
            return True
    return False


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


def _part(figures: Figures, paths: Sequence[Path], whole: int) -> int:
    """The first figure that is there and makes sense; never more than the whole."""
    for path in paths:
        number = _tokens(dig(figures, path))
        if number is not None:
            return min(number, whole)
    return 0


def _tokens(value: object) -> int | None:
    """A whole number of tokens; `5.0` is one (Cohere), `true` and `"5"` are none."""
    if type(value) is int:  # nearly always
        return value if 0 <= value <= MOST_TOKENS else None
    if not isinstance(value, float) or not 0 <= value <= MOST_TOKENS:
        return None
    return int(value) if value == int(value) else None
