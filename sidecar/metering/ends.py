"""Keeps the beginning and the end of a body that may be long."""

from collections.abc import Sequence

HEAD_BYTES = 4_096
"""Of a stream's beginning: Anthropic's first event tells the input tokens."""

TAIL_BYTES = 8_192
"""Of a stream's end: errors and usage come last. Not more than is needed, for what is kept drives
other things out of the processor's nearest cache."""


class Ends:
    """Takes pieces in constant time each; what it gives depends on the bytes, not on the pieces.

    The end is kept in two parts: when the newer one alone is long enough, it becomes the older one,
    which is thrown away as a whole. So nothing is copied while bytes pass.
    """

    __slots__ = ("_head", "_new", "_new_size", "_old", "_old_size", "_thrown")

    def __init__(self) -> None:
        self._head = b""
        """Empty until there is an older part."""
        self._old: list[bytes] = []
        self._old_size = 0
        self._new: list[bytes] = []
        self._new_size = 0
        self._thrown = 0
        """Bytes that are in neither part any more."""

    @property
    def size(self) -> int:
        """Bytes that passed in all."""
        return self._thrown + self._old_size + self._new_size

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take what passes: the hot path."""
        self._new.extend(pieces)
        size = self._new_size
        for piece in pieces:
            size += len(piece)
        self._new_size = size
        if size >= TAIL_BYTES:
            self._turn()

    def _turn(self) -> None:
        """The newer part is as long as the end has to be."""
        if not self._head:
            self._head = b"".join(self._new)[:HEAD_BYTES]
        self._thrown += self._old_size
        self._old, self._old_size = self._new, self._new_size
        self._new, self._new_size = [], 0

    def take(self) -> tuple[bytes, bytes]:
        """Beginning and end; an empty beginning where the end is all of it."""
        data = b"".join((*self._old, *self._new))
        if self.size <= HEAD_BYTES + TAIL_BYTES:
            return b"", data
        return self._head, data[-TAIL_BYTES:]
