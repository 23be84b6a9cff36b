"""Finds the moment at which an answer really begins."""

from sidecar.metering.framing import Framing

_COMMENT = 0x3A  # ":" begins a comment line in an event stream


class FirstByte:
    """Finds the first byte that means something.

    Blank lines and event-stream comments (`: keep-alive`) are sent by providers while a request
    still waits in their queue (DeepSeek sends blank lines even before a JSON document): taking them
    for the answer would hide just the latency we look for. Lines and frames have no such filling.
    """

    __slots__ = ("_filled", "_in_comment", "seen")

    def __init__(self, framing: Framing) -> None:
        self.seen = False
        self._filled = framing in (Framing.EVENTS, Framing.WHOLE)
        self._in_comment = False

    def feed(self, data: bytes) -> bool:
        """Whether this read brings the first meaningful byte; False ever after."""
        if self.seen:
            return False
        self.seen = self._meaningful(data) if self._filled else bool(data)
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
