"""Asks a local port for the same document again and again, on one connection."""

import json
from http.client import HTTPConnection
from typing import Any


class Reader:
    """One path of one port."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=10)
        self._path = path

    def text(self) -> str:
        """The document as it is now."""
        self._connection.request("GET", self._path)
        return self._connection.getresponse().read().decode()

    def document(self) -> dict[str, Any]:
        """The same, decoded from JSON."""
        found: dict[str, Any] = json.loads(self.text())
        return found

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
