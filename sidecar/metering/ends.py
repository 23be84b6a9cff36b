"""Keeps the beginning and the end of a body that may be long."""

from collections import deque
from collections.abc import Sequence

HEAD_BYTES = 8_192
"""Of a stream's beginning: Anthropic's first event tells the input tokens."""

TAIL_BYTES = 16_384
"""Of a stream's end: errors and usage come last."""


class Ends:
    """Takes pieces in constant time each; what it gives depends on the bytes, not on the pieces."""

    __slots__ = ("_head", "_head_size", "_tail", "_tail_size", "size")

    def __init__(self) -> None:
        self.size = 0
        """Bytes that passed in all."""
        self._head: list[bytes] = []
        self._head_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take what passes; old pieces of the end fall out."""
        for piece in pieces:
            if self._head_size < HEAD_BYTES:
                begin = piece[: HEAD_BYTES - self._head_size]
                self._head.append(begin)
                self._head_size += len(begin)
            self._tail.append(piece)
            self.size += len(piece)
            self._tail_size += len(piece)
        while self._tail and self._tail_size - len(self._tail[0]) >= TAIL_BYTES:
            self._tail_size -= len(self._tail.popleft())

    def take(self) -> tuple[bytes, bytes]:
        """Beginning and end; an empty beginning where the end is all of it."""
        head, tail = b"".join(self._head), b"".join(self._tail)[-TAIL_BYTES:]
        between = self.size - len(tail)
        if between <= len(head):
            return b"", head[:between] + tail
        return head, tail
