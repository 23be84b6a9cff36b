"""Takes the chunk that only tells the usage out of an OpenAI-shaped event stream.

Nothing else changes, and no event waits: of what arrived, only the beginning of an event is held
that may still turn out to be that chunk. What is taken out depends on the bytes alone, not on how
they arrive: what passes early is known to be something else, whatever follows.
"""

import re
from collections.abc import Iterator, Sequence

from sidecar.metering.documents import parsed

_MOST = 16_384
"""Bytes of an event that is looked at; the chunk has some hundreds."""

_END = re.compile(rb"\n\r?\n")
_ENDS = (b"\n\n", b"\n\r\n")
_BETWEEN = re.compile(rb"(?:(?::[^\n]*)?\r?\n)+")
"""Blank lines and comments before an event."""

_CHOICE = re.compile(rb'"choices"\s*:\s*\[\s*[^\s\]]')
_NO_CHOICE = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_NO_OBJECT = re.compile(rb"(?:(?!data:)[^\n]*\n)*data:[ \t]*[^{\s]")
"""An event whose data is no JSON object."""


class WithoutUsage:
    """Stands in the way of one stream's bytes."""

    __slots__ = ("_held", "_last", "_passing")

    def __init__(self) -> None:
        self._held = b""
        """The beginning of an event that may be the chunk."""
        self._passing = False
        """In an event that is not, and whose beginning has passed."""
        self._last = b""
        """Of what has passed of it, the last bytes: its end may begin there."""

    def feed(self, pieces: Sequence[bytes]) -> Sequence[bytes]:
        """What passes of what arrived; none of it is empty."""
        if not self._held and not self._passing and all(map(_is_clear, pieces)):
            return pieces
        return [passed for piece in pieces for passed in self._take(piece) if passed]

    def finish(self) -> bytes:
        """What is left at the stream's end: an event without an end, unless it is the chunk."""
        rest, self._held = self._held, b""
        return b"" if _is_usage(rest) else rest

    def _take(self, piece: bytes) -> Iterator[bytes]:
        if self._passing:
            end = _END.search(self._last + piece)
            if end is None:
                self._last = (self._last + piece)[-2:]
                yield piece
                return
            self._passing = False
            place = end.end() - len(self._last)
            yield piece[:place]
            piece = piece[place:]
        data, self._held = self._held + piece, b""
        yield from self._events(data)

    def _events(self, data: bytes) -> Iterator[bytes]:
        """From an event's beginning on."""
        passed = place = 0
        while place < len(data):
            between = _BETWEEN.match(data, place)
            if between is not None:
                place = between.end()
                continue
            end = _END.search(data, place)
            if end is None:
                break
            if _is_usage(data[place : end.end()]):
                yield data[passed:place]
                passed = end.end()
            place = end.end()
        rest = data[place:]
        if len(rest) > _MOST or _is_other(rest):
            self._passing, self._last = True, rest[-2:]
            yield data[passed:]
        else:
            self._held = rest
            yield data[passed:place]


def _is_clear(piece: bytes) -> bool:
    """Whole events, and none of them the chunk; nearly every read of a stream is that."""
    return piece.endswith(_ENDS) and _NO_CHOICE.search(piece) is None


def _is_other(event: bytes) -> bool:
    """Whether an event of which this is the beginning is surely not the chunk."""
    return _CHOICE.search(event) is not None or _NO_OBJECT.match(event) is not None


def _is_usage(event: bytes) -> bool:
    """Whether this event only tells the usage."""
    if len(event) > _MOST or _is_other(event) or _NO_CHOICE.search(event) is None:
        return False
    lines = event.splitlines()
    document = parsed(b"\n".join(line[5:] for line in lines if line.startswith(b"data:")))
    return (
        isinstance(document, dict)
        and document.get("choices") == []
        and isinstance(document.get("usage"), dict)
        and not document.get("error")
    )
