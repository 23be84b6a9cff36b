"""Makes the framings that providers stream in."""

import struct
from base64 import b64encode
from zlib import crc32

import orjson


def sse(document: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    begin = b"" if name is None else b"event: %b\n" % name.encode()
    return begin + b"data: " + orjson.dumps(document) + b"\n\n"


def line(document: object) -> bytes:
    """One line of JSON."""
    return orjson.dumps(document) + b"\n"


def string_header(name: str, value: str) -> bytes:
    """A header of an event-stream frame."""
    text = value.encode()
    return b"%c%b\x07%b%b" % (len(name), name.encode(), struct.pack(">H", len(text)), text)


def raw_frame(headers: bytes, payload: bytes) -> bytes:
    """One event-stream frame with both checksums."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))


def frame(payload: bytes, **headers: str) -> bytes:
    """A frame with these headers, written with _ for -."""
    encoded = (string_header(":" + name.replace("_", "-"), text) for name, text in headers.items())
    return raw_frame(b"".join(encoded), payload)


def event_frame(kind: str, document: object) -> bytes:
    """An event of a ConverseStream answer."""
    return frame(orjson.dumps(document), message_type="event", event_type=kind)


def chunk_frame(document: object) -> bytes:
    """An event of a model behind InvokeModelWithResponseStream."""
    return event_frame("chunk", {"bytes": b64encode(orjson.dumps(document)).decode(), "p": "abc"})


def exception_frame(kind: str, message: str) -> bytes:
    """An error in mid-stream."""
    payload = orjson.dumps({"message": message})
    return frame(payload, message_type="exception", exception_type=kind)
