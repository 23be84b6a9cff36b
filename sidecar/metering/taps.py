"""Taps: what watches an answer's body go by."""

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

TAIL_BYTES = 16_384
"""At least this much of a stream's end is kept: errors and usage come last."""

WHOLE_BYTES = 262_144
"""Whole answers up to this size are kept to read their usage; larger ones are not looked into."""

DECODED_BYTES = 1_048_576
"""Bound on a compressed answer's decoded size (a small body can decode to gigabytes)."""

_COMPRESSED = (b"gzip", b"x-gzip", b"deflate")
_GZIP_OR_ZLIB = zlib.MAX_WBITS + 32  # let zlib find out which of the two it is
_ERROR_TYPES = ("error", "response.failed")
_COMMENT = 0x3A  # ":" begins a comment line in an event stream


class FirstByte:
    """Finds the first byte that means something.

    Blank lines and event-stream comments (`: keep-alive`) are sent by providers while a request
    still waits in their queue: taking them for the answer would hide just the latency we look for.
    """

    __slots__ = ("_in_comment", "seen")

    def __init__(self) -> None:
        self.seen = False
        self._in_comment = False

    def feed(self, data: bytes) -> bool:
        """Whether this read brings the first meaningful byte; False ever after."""
        if self.seen:
            return False
        self.seen = self._meaningful(data)
        return self.seen

    def _meaningful(self, data: bytes) -> bool:
        while data:
            if not self._in_comment:
                data = data.lstrip(b"\r\n \t")
                if not data or data[0] != _COMMENT:
                    return bool(data)
            _, newline, data = data.partition(b"\n")
            self._in_comment = not newline
        return False


class StreamTail:
    """Keeps the end of an event stream and finds the error in it, if there is one."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take what passes; old pieces fall out at the other end."""
        for piece in pieces:
            self._pieces.append(piece)
            self._size += len(piece)
        while self._size - len(self._pieces[0]) >= TAIL_BYTES:
            self._size -= len(self._pieces.popleft())

    def error(self) -> bytes | None:
        """The last error document in the stream, or None.

        An error is the last event of a stream that has one, so looking once, at the end, is enough:
        `data: {"error": …}` (OpenAI), `data: {"type": "error", …}` (Anthropic, OpenAI's Responses)
        or `data: {"type": "response.failed", …}` (Responses).
        """
        tail = b"".join(self._pieces)
        if b'"error"' not in tail:
            return None
        for text, document in _documents(tail):
            if document.get("error") or document.get("type") in _ERROR_TYPES:
                return text
        return None


def _documents(tail: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The JSON objects of the stream's last events, last one first, as they came and parsed."""
    for line in reversed(tail.splitlines()):
        if line.startswith(b"data:"):
            text = line[5:].strip()
            try:
                document = orjson.loads(text)
            except orjson.JSONDecodeError:
                continue
            if isinstance(document, dict):
                yield text, document


class WholeAnswer:
    """Keeps a whole answer of reasonable size, to read it once it is complete."""

    __slots__ = ("_limit", "_pieces", "_size")

    def __init__(self, limit: int = WHOLE_BYTES) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take what passes; beyond the limit nothing is kept any more."""
        if self._size <= self._limit:
            self._size += sum(map(len, pieces))
            self._pieces.extend(pieces)

    def body(self, encoding: bytes | None) -> bytes | None:
        """The decoded body; None where it is too large, garbled or in an unknown coding."""
        if self._size > self._limit:
            return None
        body = b"".join(self._pieces)
        return body if encoding in (None, b"", b"identity") else _decoded(body, encoding)


def _decoded(body: bytes, encoding: bytes | None) -> bytes | None:
    if encoding not in _COMPRESSED:
        return None
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        decoded = decoder.decompress(body, DECODED_BYTES)
    except zlib.error:
        return None
    return decoded if decoder.eof else None  # larger than the bound, or cut off
