"""Finds figures in a JSON text whose beginning is cut off, or not worth reading."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sidecar.metering.documents import parsed
from sidecar.metering.usage import Figures, Found, UsageShape

_DECODER = json.JSONDecoder()
_COLON = re.compile(rb"\s*:\s*")

_MOST_PLACES = 8
"""Places of one name that are looked at: what a model wrote may be full of them."""


def find_usage_in_fragment(fragment: bytes, shapes: Sequence[UsageShape]) -> Found | None:
    """The last figures that make sense and stand as deep as they should.

    Quotes inside of strings are escaped, so a name between bare quotes is a key or a whole string;
    it may be one in what the model gave a tool.
    """
    for shape in shapes:
        for figures in _figures(fragment, shape):
            if isinstance(figures, dict) and (usage := shape.read(figures)) is not None:
                return Found(shape, figures, usage)
    return None


def tells_nonsense_in_fragment(fragment: bytes, shapes: Sequence[UsageShape]) -> bool:
    """Whether something stands in the last place for figures that is neither figures nor null."""
    for shape in shapes:
        figures = next(_figures(fragment, shape), None)
        if figures is not None and (not isinstance(figures, dict) or shape.nonsense(figures)):
            return True
    return False


def _figures(fragment: bytes, shape: UsageShape) -> Iterator[Any]:
    """What stands where these figures should, the last one first."""
    if shape.at:
        return _values(fragment, shape.marker, len(shape.at))
    return iter((_flat(fragment, shape),))


def _flat(fragment: bytes, shape: UsageShape) -> Figures:
    """The last of each figure, of those that stand in the answer itself."""
    names = [path[0] for path in (*shape.input, *shape.output)]
    return {name: next(_values(fragment, b'"%b"' % name.encode(), 1), None) for name in names}


def _values(fragment: bytes, marker: bytes, depth: int) -> Iterator[Any]:
    """What this key is given in the object at this depth, the last one first."""
    place = len(fragment)
    for _ in range(_MOST_PLACES):
        place = fragment.rfind(marker, 0, place)
        if place < 0:
            return
        colon = _COLON.match(fragment, place + len(marker))
        if colon is None:
            continue
        try:  # latin-1: figures are ASCII, and every byte has a character
            text = fragment[colon.end() :].decode("latin-1")
            value, end = _DECODER.raw_decode(text)
        except (ValueError, RecursionError):
            continue
        if _ends(fragment[colon.end() + end :], depth):
            yield value


def _ends(rest: bytes, depth: int) -> bool:
    """Whether this, behind a value, closes no more than so many objects: fewer where the answer broke
    off, one list more behind the last one of an array of answers."""
    document = b'{"":' * depth + b"0" + rest
    whole = (document, b"[" + document, *(document + b"}" * lost for lost in range(1, depth + 1)))
    return any(parsed(text) is not None for text in whole)
