"""Takes a stream, or some part of it, apart into events."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from sidecar.metering.documents import parsed
from sidecar.metering.frames import Frame, frames
from sidecar.metering.framing import Framing


class Event(NamedTuple):
    """One event of a stream."""

    text: bytes
    """Its JSON text, not yet parsed."""
    is_error: bool = False
    """Whether the framing itself says so."""


def split(data: bytes, framing: Framing) -> Iterator[Event]:
    """The events in some part of a stream, in order."""
    if framing is Framing.FRAMES:
        yield from map(_frame_event, frames(data))
    elif framing is Framing.LINES:
        yield from map(Event, data.splitlines())
    else:
        name = b""
        for line in data.splitlines():
            if line.startswith(b"data:"):
                yield Event(line[5:].strip(), name == b"error")
            elif line.startswith(b"event:"):
                name = line[6:].strip()
            elif not line:
                name = b""


def texts_from_end(data: bytes, framing: Framing) -> Iterator[bytes]:
    """The events' JSON texts but for blank ones, the last one first; lines and server-sent events
    that nobody asks for are not taken apart."""
    if framing is Framing.FRAMES:
        yield from (event.text for event in reversed(list(split(data, framing))))
    elif framing is Framing.LINES:
        yield from _lines_from_end(data)
    else:
        for line in _lines_from_end(data):
            if line[:5] == b"data:":
                yield line[5:].strip()


def _lines_from_end(data: bytes) -> Iterator[bytes]:
    end = len(data)
    while end >= 0:
        begin = data.rfind(b"\n", 0, end) + 1
        line = data[begin:end]
        if b"\r" in line:
            yield from reversed(line.splitlines())  # it may end a line, too
        elif line:
            yield line
        end = begin - 1


def _frame_event(frame: Frame) -> Event:
    """A frame as the JSON event that it carries."""
    headers, kind = frame.headers, frame.headers.get(":message-type")
    if kind == "exception":
        return _exception(frame, headers.get(":exception-type", ""))
    if kind == "error":
        message = {"message": headers.get(":error-message", "")}
        return _labelled(message, headers.get(":error-code", ""))
    if headers.get(":event-type") == "chunk":
        return Event(_inner(frame.payload))
    return Event(frame.payload)


def _exception(frame: Frame, label: str) -> Event:
    document = parsed(frame.payload)
    return _labelled(document if isinstance(document, dict) else {}, label)


def _labelled(document: dict[str, Any], label: str) -> Event:
    message = document.get("message")
    text = message if isinstance(message, str) else ""
    return Event(orjson.dumps({"__type": label, "message": text}), is_error=True)


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
