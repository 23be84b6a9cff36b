"""Answers and requests as tests write them."""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from sidecar.dialects import Call, Dialect, Rejection
from sidecar.outcomes import RejectionKind

WALL = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
NOW = int(WALL.timestamp())
JSON = b"application/json"


def rejection(
    dialect: Dialect, status: int, body: object = None, headers: Mapping[bytes, bytes] | None = None
) -> Rejection | None:
    """What the dialect makes of an answer with this document (or these bytes) as its body."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return dialect.classify(status, (headers or {}).get, content, wall=WALL)


def kind_of(
    dialect: Dialect, status: int, body: object = None, headers: Mapping[bytes, bytes] | None = None
) -> RejectionKind | None:
    """The kind of that rejection."""
    found = rejection(dialect, status, body, headers)
    return None if found is None else found.kind


def call(dialect: Dialect, path: str, document: object = None) -> Call:
    """What the dialect makes of a request with this document as its body, or with none."""
    body = b"" if document is None else orjson.dumps(document)
    return dialect.describe(path, JSON, body, whole=True)


def headers(text: str) -> list[tuple[bytes, bytes]]:
    """Header fields, one a line."""
    pairs = (line.split(":", 1) for line in text.strip().splitlines())
    return [(name.strip().encode(), value.strip().encode()) for name, value in pairs]
