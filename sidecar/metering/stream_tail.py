"""Finds the error and the usage in a stream that has passed."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from sidecar.metering.documents import dig, parsed
from sidecar.metering.ends import Ends
from sidecar.metering.frames import Frame, frames
from sidecar.metering.framing import Framing
from sidecar.metering.usage import (
    Found,
    Usage,
    UsageShape,
    find_usage,
    find_usage_in_fragment,
)

_ERROR_TYPES = ("error", "response.failed")
_FINISH = ("delta", "finish_reason")


class _Event(NamedTuple):
    """One event of a stream."""

    text: bytes
    """Its JSON text, not yet parsed."""
    is_error: bool = False
    """Whether the framing itself says so."""


class StreamTail:
    """Keeps a stream's two ends while it passes, and looks into them once, when it has passed."""

    __slots__ = ("_begin", "_cut", "_end", "_ends", "_framing")

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._ends = Ends()
        self._begin = b""
        """The stream's beginning, where something between it and the end was not kept."""
        self._cut = b""
        """The end's first line, of which then some is missing."""
        self._end: list[_Event] | None = None

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take what passes."""
        self._ends.feed(pieces)

    def error(self) -> bytes | None:
        """The last error document in the stream, or None.

        An error is the last event of a stream that has one: `event: error`, `data: {"error": …}`
        (OpenAI), `{"type": "error", …}` (Anthropic, Responses), `{"type": "response.failed", …}`
        (Responses), `{"object": "error", …}` (Mistral), a last event whose reason to finish is ERROR
        (Cohere), a line `{"error": …}` (Ollama), or an exception frame (Bedrock), whose type stands
        under `__type` in what is given.
        """
        for event in reversed(self._events()):
            if event.is_error:
                return event.text
            if b'"error"' in event.text and _is_error(parsed(event.text)):
                return event.text
        return None

    def usage(self, shapes: Sequence[UsageShape]) -> Usage | None:
        """What the stream says it used; None where it does not.

        Figures are cumulative everywhere: the last ones count. Anthropic tells the input only in
        the first event, so what the last figures leave out is taken from such an opening.
        """
        last = _first_figures(reversed(self._events()), shapes)
        if last is None and self._cut:
            last = find_usage_in_fragment(self._cut, shapes)
        first = self._opening([shape for shape in shapes if shape.opens])
        if last is None or first is None:
            found = last or first
            return None if found is None else found.usage
        told = {name: value for name, value in last.figures.items() if value is not None}
        return last.shape.read({**first.figures, **told})

    def _opening(self, shapes: Sequence[UsageShape]) -> Found | None:
        if not shapes:
            return None
        events = _split(self._begin, self._framing) if self._begin else self._events()
        return _first_figures(events, shapes)

    def _events(self) -> list[_Event]:
        """Those of the end; found on the first call, after which nothing may be fed."""
        if self._end is None:
            self._begin, end = self._ends.take()
            if self._begin and self._framing is not Framing.FRAMES:
                self._cut, _, end = end.partition(b"\n")
            self._end = list(_split(end, self._framing))
        return self._end


def _first_figures(events: Iterable[_Event], shapes: Sequence[UsageShape]) -> Found | None:
    """The first figures in these events; only texts that may have some are parsed."""
    markers = {shape.marker for shape in shapes}
    for event in events:
        if any(marker in event.text for marker in markers):
            found = find_usage(parsed(event.text), shapes)
            if found is not None:
                return found
    return None


def _is_error(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    if document.get("error") or document.get("object") == "error":
        return True
    return document.get("type") in _ERROR_TYPES or dig(document, _FINISH) == "ERROR"


def _split(data: bytes, framing: Framing) -> Iterator[_Event]:
    """The events in some part of a stream, in order."""
    if framing is Framing.FRAMES:
        yield from map(_frame_event, frames(data))
    elif framing is Framing.LINES:
        yield from map(_Event, data.splitlines())
    else:
        name = b""
        for line in data.splitlines():
            if line.startswith(b"data:"):
                yield _Event(line[5:].strip(), name == b"error")
            elif line.startswith(b"event:"):
                name = line[6:].strip()
            elif not line:
                name = b""


def _frame_event(frame: Frame) -> _Event:
    """A frame as the JSON event that it carries."""
    headers, kind = frame.headers, frame.headers.get(":message-type")
    if kind == "exception":
        return _exception(frame, headers.get(":exception-type", ""))
    if kind == "error":
        message = {"message": headers.get(":error-message", "")}
        return _labelled(message, headers.get(":error-code", ""))
    if headers.get(":event-type") == "chunk":
        return _Event(_inner(frame.payload))
    return _Event(frame.payload)


def _exception(frame: Frame, label: str) -> _Event:
    document = parsed(frame.payload)
    return _labelled(document if isinstance(document, dict) else {}, label)


def _labelled(document: dict[str, Any], label: str) -> _Event:
    message = document.get("message")
    text = message if isinstance(message, str) else ""
    return _Event(orjson.dumps({"__type": label, "message": text}), is_error=True)


def _inner(payload: bytes) -> bytes:
    """What a model behind InvokeModelWithResponseStream said: JSON in Base64 in JSON."""
    document = parsed(payload)
    wrapped = document.get("bytes") if isinstance(document, dict) else None
    if not isinstance(wrapped, str):
        return payload
    try:
        return b64decode(wrapped)
    except (Base64Error, ValueError):
        return payload
