"""Keeps whole answers for a while, within a bound of bytes."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

_ENTRY_BYTES = 1_024
"""What an entry takes beside its answer: key, head, bookkeeping."""


@dataclass(slots=True)
class _Entry(Generic[Answer]):
    answer: Answer
    size: int
    kept_at: float


class AnswerCache(Generic[Answer]):
    """Answers by key, the one that was used the longest ago first."""

    def __init__(self, *, ttl: float, max_bytes: int) -> None:
        """`ttl` in seconds, 0 = nothing is kept."""
        self._ttl = ttl
        self._max_bytes = max_bytes
        self._entries: dict[bytes, _Entry[Answer]] = {}
        self.held = 0
        """Bytes."""

    def __repr__(self) -> str:
        return f"<AnswerCache {len(self)} answers, {self.held}/{self._max_bytes} bytes>"

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def enabled(self) -> bool:
        """Whether anything is kept at all."""
        return self._ttl > 0

    def keep(self, key: bytes, answer: Answer, size: int, now: float) -> None:
        """An answer of `size` bytes came at `now` (loop seconds); one that is too large is not kept."""
        size += _ENTRY_BYTES
        self._drop(key)
        if not self.enabled or size > self._max_bytes:
            return
        self._entries[key] = _Entry(answer, size, now)
        self.held += size
        while self.held > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def get(self, key: bytes, now: float) -> tuple[Answer, float] | None:
        """The answer and its age in seconds; None where there is none, or it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = now - entry.kept_at
        if age >= self._ttl:
            self._drop(key)
            return None
        self._entries[key] = self._entries.pop(key)  # used last
        return entry.answer, age

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.held -= entry.size
