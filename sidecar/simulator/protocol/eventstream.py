"""Amazon's event stream: binary frames with headers, a payload and two checksums.

A frame is: total length, headers' length, CRC-32 of these eight bytes; the headers; the payload;
CRC-32 of all before. A header is its name's length and name, the type 7 (text), the value's
length and value. All numbers are unsigned and big-endian.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_TEXT_HEADER = struct.Struct(">BH")
_TEXT = 7


def event(kind: str, document: Mapping[str, Any]) -> bytes:
    """A frame that carries an event."""
    return _frame({":event-type": kind, **_JSON, ":message-type": "event"}, document)


def exception(kind: str, document: Mapping[str, Any]) -> bytes:
    """A frame that carries an error."""
    return _frame({":exception-type": kind, **_JSON, ":message-type": "exception"}, document)


_JSON = {":content-type": "application/json"}


def _frame(headers: Mapping[str, str], document: Mapping[str, Any]) -> bytes:
    head = b"".join(_header(name, value) for name, value in headers.items())
    payload = orjson.dumps(document)
    total = _PRELUDE.size + _CRC.size + len(head) + len(payload) + _CRC.size
    prelude = _PRELUDE.pack(total, len(head))
    frame = prelude + _CRC.pack(zlib.crc32(prelude)) + head + payload
    return frame + _CRC.pack(zlib.crc32(frame))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return bytes((len(key),)) + key + _TEXT_HEADER.pack(_TEXT, len(text)) + text
