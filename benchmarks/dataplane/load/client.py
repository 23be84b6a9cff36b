"""A client's connection that costs little: requests are ready-made, answers have a known shape."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from benchmarks.dataplane.payloads import ANSWER


class Client(asyncio.Protocol):
    """Sends one prepared request at a time and compares its answer with the expected one."""

    __slots__ = ("_answered", "_data", "_request", "_transport", "busy", "sent_at")

    def __init__(self, request: bytes, answered: Callable[["Client", bool], None]) -> None:
        """`answered` is told whether the answer was the right one."""
        self.sent_at = 0.0
        self.busy = False
        self._request = request
        self._answered = answered
        self._data = b""

    @classmethod
    async def connect(
        cls, port: int, request: bytes, answered: Callable[["Client", bool], None]
    ) -> "Client":
        """A connection to a local port."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(request, answered), "127.0.0.1", port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        """Send the request."""
        self.busy = True
        self.sent_at = time.perf_counter()
        self._transport.write(self._request)

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return not self.busy and not self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or all of it."""
        data = self._data + data
        head, gap, body = data.partition(b"\r\n\r\n")
        if not gap or len(body) < _content_length(head):
            self._data = data
            return
        self._data = b""
        self.busy = False
        self._answered(self, body == ANSWER and head.startswith(b"HTTP/1.1 200 "))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """An answer that is still owed will not come."""
        if self.busy:
            self.busy = False
            self._answered(self, False)

    def close(self) -> None:
        """Hang up."""
        self.busy = False
        self._transport.abort()


def _content_length(head: bytes) -> int:
    """All answers have one; one without counts as a wrong answer, whatever follows."""
    head = head.lower()
    at = head.find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
