"""Clients that ask, read the answer and ask again: `python -m benchmarks.sockets.load`.

Reads a line of JSON (port, clients, stream), asks until its standard input ends, and prints what
it saw. Costs little: ready-made requests, and of the answers only status and end are looked at.
"""

import asyncio
import json
import sys
from collections import Counter
from typing import cast

import uvloop

MODEL = "hidden"

_PAUSE = 0.25
"""Seconds a client waits after anything but an answer, as SDKs do."""

_WAVE = 50
"""Connections opened at once."""


def _request(*, stream: bool) -> bytes:
    messages = [{"role": "user", "content": "How many calls may I make at once?"}]
    body = json.dumps({"model": MODEL, "stream": stream, "messages": messages}).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: sidecar\r\nAuthorization: Bearer none\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )


class Client(asyncio.Protocol):
    """One connection: a request at a time."""

    __slots__ = ("_ask", "_counts", "_data", "_loop", "_missing", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, ask: bytes, counts: Counter[str]) -> None:
        self._loop = loop
        self._ask = ask
        self._counts = counts
        self._data = b""
        self._missing: int | None = None
        """Bytes of a whole body that are still to come; None = not a whole body, or no head yet."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: ask."""
        self._transport = cast("asyncio.Transport", transport)
        self.ask()

    def ask(self) -> None:
        """Send the request."""
        if not self._transport.is_closing():
            self._transport.write(self._ask)

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or all of it."""
        self._data += data
        head_end = self._data.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._data[:head_end].lower()
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(head[at + 17 :].split(b"\r\n", 1)[0])
            if len(self._data) < head_end + 4 + length:
                return
        elif not self._data.endswith(b"\r\n0\r\n\r\n"):
            # What the beginning says is known; of the rest only the end matters.
            self._data = self._data[: head_end + 4] + self._data[head_end + 4 :][-7:]
            return
        self._data = b""
        self._answered(head)

    def _answered(self, head: bytes) -> None:
        status = head[9:12].decode()
        own = b"\r\nx-sidecar-reason:" in head
        self._counts["shed" if own else status] += 1
        if status == "200":
            self.ask()
        else:
            self._loop.call_later(_PAUSE, self.ask)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Answers that were owed will not come."""
        self._counts["lost"] += 1


async def _run() -> Counter[str]:
    loop = asyncio.get_running_loop()
    job = json.loads(sys.stdin.readline())
    ask, counts, transports = _request(stream=job["stream"]), Counter[str](), []
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    for start in range(0, job["clients"], _WAVE):
        opened = await asyncio.gather(
            *(
                loop.create_connection(lambda: Client(loop, ask, counts), "127.0.0.1", job["port"])
                for _ in range(start, min(start + _WAVE, job["clients"]))
            )
        )
        transports += [transport for transport, _ in opened]
    await over.wait()
    seen = counts.copy()
    for transport in transports:
        transport.abort()
    return seen


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_run())))
