"""Takes AWS event-stream frames (`application/vnd.amazon.eventstream`) apart.

A frame: its whole length, its headers' length and the CRC-32 of these eight bytes (four bytes
each), the headers, the payload, the CRC-32 of all of it. The first checksum is what finds the next
frame in bytes that begin in the middle of one; the last one is not looked at, for we only look on.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zlib import crc32

_PRELUDE = struct.Struct(">III")
_OVERHEAD = 16
"""Bytes of a frame without headers and payload."""

_STRING = 7
_BYTES = 6
_FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Sizes of header values by type: true, false, byte, short, int, long, timestamp, UUID."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    headers: Mapping[str, str]
    """Those whose value is a string; no other says anything to us."""
    payload: bytes


def frames(data: bytes) -> Iterator[Frame]:
    """The whole frames in some part of a stream; what is none is skipped, never an error."""
    place = 0
    while 0 <= place <= len(data) - _OVERHEAD:
        total, headers, checksum = _PRELUDE.unpack_from(data, place)
        if total < headers + _OVERHEAD or checksum != crc32(data[place : place + 8]):
            place = data.find(
                b"\0", place + 1
            )  # frames are smaller than 16 MiB: the first byte is 0
            continue
        if place + total > len(data):
            return
        begin = place + _PRELUDE.size
        yield Frame(
            headers=_headers(data[begin : begin + headers]),
            payload=data[begin + headers : place + total - 4],
        )
        place += total


def _headers(data: bytes) -> dict[str, str]:
    """The string headers, up to where the data makes no sense."""
    found: dict[str, str] = {}
    place = 0
    try:
        while place < len(data):
            name_end = place + 1 + data[place]
            name, kind = data[place + 1 : name_end], data[name_end]
            place = name_end + 1
            if kind in (_STRING, _BYTES):
                size = int.from_bytes(data[place : place + 2], "big")
                place += 2
                if kind == _STRING:
                    value = data[place : place + size].decode("utf-8", "replace")
                    found[name.decode("utf-8", "replace")] = value
            else:
                size = _FIXED_SIZES[kind]
            place += size
    except (IndexError, KeyError):
        pass
    return found
