"""Reads an answer that is one document, once it has passed."""

import zlib
from collections import deque
from collections.abc import Iterable, Sequence

from sidecar.metering.documents import parsed
from sidecar.metering.ends import TAIL_BYTES
from sidecar.metering.usage import Found, Usage, UsageShape, find_usage, find_usage_in_fragment

WHOLE_BYTES = 262_144
"""Answers up to this size are kept whole; of larger ones only the end, where the usage stands."""

DECODED_BYTES = 1_048_576
"""Bound on a compressed answer's decoded size (a small body can decode to gigabytes)."""

_COMPRESSED = (b"gzip", b"x-gzip", b"deflate")
_GZIP_OR_ZLIB = zlib.MAX_WBITS + 32  # let zlib find out which of the two it is
_PLAIN = (None, b"", b"identity")


class WholeAnswer:
    """Keeps a whole answer of reasonable size, or else its end."""

    __slots__ = ("_kept", "_limit", "_pieces", "_size")

    def __init__(self, limit: int = WHOLE_BYTES) -> None:
        self._limit = limit
        self._pieces: deque[bytes] = deque()
        self._kept = 0
        self._size = 0

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
        """The decoded body; None where it is too large, garbled or in an unknown coding."""
        if self._size > self._limit:
            return None
        body = b"".join(self._pieces)
        return body if encoding in _PLAIN else _decoded(body, encoding)

    def usage(self, shapes: Sequence[UsageShape], encoding: bytes | None) -> Usage | None:
        """What the answer says it used; None where it does not, or cannot be read.

        A large answer is mostly text or vectors, and its usage stands near its end: looking there
        first saves parsing all of it.
        """
        if not shapes:
            return None
        body = self.body(encoding)
        if body is None:
            end = b"".join(self._pieces) if encoding in _PLAIN else b""
            found = find_usage_in_fragment(end[-TAIL_BYTES:], shapes)
        else:
            found = _find(body, shapes)
        return None if found is None else found.usage


def error_in(body: bytes) -> bytes | None:
    """The body of a successful answer, if it holds an error all the same; else None.

    OpenRouter answers 200 with `{"error": …}` when a model's own provider failed; an array of
    answers (Gemini without `alt=sse`) ends with an element that has an error.
    """
    if b'"error"' not in body:
        return None
    return body if any(map(_has_error, _elements(parsed(body)))) else None


def _find(body: bytes, shapes: Sequence[UsageShape]) -> Found | None:
    if len(body) > TAIL_BYTES:
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


def _decoded(body: bytes, encoding: bytes | None) -> bytes | None:
    if encoding not in _COMPRESSED:
        return None
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        decoded = decoder.decompress(body, DECODED_BYTES)
    except zlib.error:
        return None
    return decoded if decoder.eof else None  # larger than the bound, or cut off
