"""Reads an answer that is one document, once it has passed."""

import re
from collections import deque
from collections.abc import Iterable, Sequence

from sidecar.metering.decoding import decoded, plain
from sidecar.metering.documents import parsed
from sidecar.metering.fragments import find_usage_in_fragment, tells_nonsense_in_fragment
from sidecar.metering.usage import Found, UsageShape, find_usage, tells_nonsense
from sidecar.tokens import Usage

WHOLE_BYTES = 262_144
"""Answers up to this size are kept whole; of larger ones only the end, where the usage stands."""

TAIL_BYTES = 16_384
"""Of larger answers: usage and errors stand near the end."""

_SHORT_BYTES = 2_048
"""Of longer answers the end is looked at first: they are mostly text, or vectors, which are slow to
parse."""

_ERROR = re.compile(rb'"error"\s*:\s*(?!null\b|\s)')


class WholeAnswer:
    """Keeps a whole answer of reasonable size, or else its end."""

    __slots__ = ("_kept", "_limit", "_pieces", "_read", "_size")

    def __init__(self, limit: int = WHOLE_BYTES) -> None:
        self._limit = limit
        self._pieces: deque[bytes] = deque()
        self._kept = 0
        self._size = 0
        self._read: tuple[bytes | None, bytes | None] | None = None
        """The encoding that the body was read by, and what came of it."""

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take what passes; beyond the limit old pieces fall out."""
        size = sum(map(len, pieces))
        self._pieces.extend(pieces)
        self._size += size
        self._kept += size
        if self._size > self._limit:
            while self._kept - len(self._pieces[0]) >= TAIL_BYTES:
                self._kept -= len(self._pieces.popleft())

    def body(self, encoding: bytes | None) -> bytes | None:
        """The decoded body; None where it is too large, garbled or in an unknown coding.

        Once it was asked for, nothing may be fed.
        """
        if self._size > self._limit:
            return None
        if self._read is None or self._read[0] != encoding:
            self._read = encoding, decoded(b"".join(self._pieces), encoding)
        return self._read[1]

    def usage(self, shapes: Sequence[UsageShape], encoding: bytes | None) -> Usage | None:
        """What the answer says it used; None where it does not, or cannot be read."""
        if not shapes:
            return None
        body = self.body(encoding)
        if body is None:
            found = find_usage_in_fragment(self._end(encoding), shapes)
        else:
            found = _find(body, shapes)
        return None if found is None else found.usage

    def tells_nonsense(self, shapes: Sequence[UsageShape], encoding: bytes | None) -> bool:
        """Whether something stands where the usage should that is none."""
        body = self.body(encoding)
        if body is None:
            return tells_nonsense_in_fragment(self._end(encoding), shapes)
        return any(tells_nonsense(element, shapes) for element in _elements(parsed(body)))

    def _end(self, encoding: bytes | None) -> bytes:
        """Of an answer that is too large; nothing where it would have to be decoded."""
        return b"".join(self._pieces)[-TAIL_BYTES:] if plain(encoding) else b""


def error_in(body: bytes) -> bytes | None:
    """The body of a successful answer, if it holds an error all the same; else None.

    OpenRouter answers 200 with `{"error": …}` when a model's own provider failed; an array of
    answers (Gemini without `alt=sse`) ends with an element that has an error.
    """
    if not any(map(_ERROR.search, _ends(body))):
        return None
    return body if any(map(_has_error, _elements(parsed(body)))) else None


def _ends(body: bytes) -> Iterable[bytes]:
    """Where an error may stand: first or last."""
    ends = (body,) if len(body) <= TAIL_BYTES else (body[:_SHORT_BYTES], body[-TAIL_BYTES:])
    return (end for end in ends if b'"error"' in end)


def _find(body: bytes, shapes: Sequence[UsageShape]) -> Found | None:
    if len(body) > _SHORT_BYTES:
        found = find_usage_in_fragment(body[-TAIL_BYTES:], shapes)
        if found is not None:
            return found
    for element in _elements(parsed(body)):
        found = find_usage(element, shapes)
        if found is not None:
            return found
    return None


def _has_error(element: object) -> bool:
    """Whether an error is told; OpenAI's jobs have one whose fields are all null."""
    error = element.get("error") if isinstance(element, dict) else None
    return any(error.values()) if isinstance(error, dict) else bool(error)


def _elements(document: object) -> Iterable[object]:
    """The document, or the elements of an array of them, the last one first."""
    return reversed(document) if isinstance(document, list) else (document,)
