"""Finds the moment at which an answer really begins."""

import re

from sidecar.metering.framing import Framing

_FILLING = re.compile(rb"(?:[\r\n \t]|:[^\n]*\n)*+")
"""Blanks and whole comment lines; ":" begins one in an event stream."""


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
        begin = 0
        if self._in_comment:
            begin = data.find(b"\n") + 1
            if not begin:
                return False
        found = _FILLING.match(data, begin)
        end = found.end() if found else begin
        self._in_comment = data[end : end + 1] == b":"
        return end < len(data) and not self._in_comment
