"""A blocking client for the measures that need a few requests and nothing fancy."""

import socket

from benchmarks.dataplane.payloads import ANSWER, CHAT, request

_PATIENCE = 60.0
"""Seconds; a sidecar under callgrind is fifty times slower."""


class PlainClient:
    """One kept connection. A context manager."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._request = request("answer 0", CHAT)

    def __enter__(self) -> "PlainClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self) -> bool:
        """Whether the right answer came."""
        self._socket.sendall(self._request)
        answer = b""
        while not answer.endswith(ANSWER):
            data = self._socket.recv(65536)
            if not data:
                return False
            answer += data
        return answer.startswith(b"HTTP/1.1 200 ")
