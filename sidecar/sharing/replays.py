"""Bounds what all answers together keep of their beginnings, for readers who may still join."""

MOST = 67_108_864
"""Bytes; each answer alone keeps no more than `Bounds.replay`."""


class Replays:
    """Counts the bytes kept."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.held = 0

    def __repr__(self) -> str:
        return f"<Replays {self.held}/{self._most} bytes>"

    def take(self, size: int) -> bool:
        """Reserve; False = there is no memory for it, and nothing was reserved."""
        if self.held + size > self._most:
            return False
        self.held += size
        return True

    def give(self, size: int) -> None:
        """Give back what was reserved."""
        self.held -= size


class Replay:
    """What one answer keeps, from its start."""

    __slots__ = ("_all", "_held", "_most")

    def __init__(self, together: Replays, most: int) -> None:
        """`most` bytes of this one."""
        self._all = together
        self._most = most
        self._held = 0

    def take(self, size: int) -> bool:
        """Keep so many bytes more; False = that is too much, of this one or of all together."""
        if self._held + size > self._most or not self._all.take(size):
            return False
        self._held += size
        return True

    def end(self) -> None:
        """Keep nothing of it any more. Harmless when repeated."""
        self._all.give(self._held)
        self._held = 0
