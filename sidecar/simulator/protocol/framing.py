"""How a stream wraps its documents: the head's content type, comments, and an error in between."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.simulator.protocol.ask import event
from sidecar.simulator.protocol.refusal import Refusal
from sidecar.simulator.protocol.style import Style, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """One way to stream."""

    content_type: str
    comment: bytes = b""
    """Keeps a stream alive before its first token; empty = the framing has no such thing."""
    error: Callable[[Style, Refusal, Told], bytes]
    """The error as the last thing in a stream that began well."""


def _named_event(style: Style, refusal: Refusal, told: Told) -> bytes:
    return event(style.shape(refusal, told), name="error")


def _plain_event(style: Style, refusal: Refusal, told: Told) -> bytes:
    return event(style.shape(refusal, told))


def _line(style: Style, refusal: Refusal, told: Told) -> bytes:
    return line(style.shape(refusal, told))


def line(document: Mapping[str, Any]) -> bytes:
    """One document of a stream of JSON lines."""
    return orjson.dumps(document) + b"\n"


_SSE = "text/event-stream; charset=utf-8"
_COMMENT = b": keep-alive\n\n"

NAMED_EVENTS = Framing(content_type=_SSE, comment=_COMMENT, error=_named_event)
"""SSE; an error is an event of the name `error`."""
PLAIN_EVENTS = Framing(content_type=_SSE, comment=_COMMENT, error=_plain_event)
"""SSE; an error looks like any other event."""
JSON_LINES = Framing(content_type="application/x-ndjson", error=_line)
