"""Taking event-stream frames apart."""

import struct
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.frames import Frame, frames
from tests.metering.wire import frame, raw_frame, string_header

ONE = frame(b'{"n":1}', message_type="event", event_type="a")
TWO = frame(b'{"n":2}', message_type="event", event_type="b")


def payloads(data: bytes) -> list[bytes]:
    return [found.payload for found in frames(data)]


def test_a_frame_has_headers_and_a_payload() -> None:
    assert list(frames(ONE)) == [
        Frame({":message-type": "event", ":event-type": "a"}, b'{"n":1}'),
    ]


def test_frames_follow_each_other() -> None:
    assert payloads(ONE + TWO + ONE) == [b'{"n":1}', b'{"n":2}', b'{"n":1}']


def test_a_frame_may_be_empty() -> None:
    assert list(frames(raw_frame(b"", b""))) == [Frame({}, b"")]


@pytest.mark.parametrize("cut", range(1, len(ONE)))
def test_bytes_that_begin_inside_of_a_frame_give_the_frames_after_it(cut: int) -> None:
    assert payloads(ONE[cut:] + TWO) == [b'{"n":2}']


@pytest.mark.parametrize("cut", range(1, len(TWO)))
def test_a_frame_that_is_cut_off_is_none(cut: int) -> None:
    assert payloads(ONE + TWO[:-cut]) == [b'{"n":1}']


@pytest.mark.parametrize("garbage", [b"\0" * 100, b"HTTP/1.1 500", b"\xff" * 20, b"\0\0\0\x10"])
def test_garbage_between_frames_is_skipped(garbage: bytes) -> None:
    assert payloads(garbage + ONE + garbage + TWO) == [b'{"n":1}', b'{"n":2}']


def test_a_length_that_cannot_be_is_no_frame_whatever_its_checksum() -> None:
    wrong = bytearray(raw_frame(b"", b""))
    wrong[:8] = struct.pack(">II", 16, 1)
    wrong[8:12] = struct.pack(">I", crc32(wrong[:8]))

    assert payloads(bytes(wrong) + ONE) == [b'{"n":1}']


def test_headers_of_every_type_are_passed_over() -> None:
    values = {
        0: b"",
        1: b"",
        2: b"\x05",
        3: b"\0\x05",
        4: b"\0\0\0\x05",
        5: bytes(8),
        6: b"\0\x03abc",
        8: bytes(8),
        9: UUID(int=5).bytes,
    }
    others = b"".join(b"\x01h%c%b" % (kind, value) for kind, value in values.items())
    headers = others + string_header("last", "é")

    assert [dict(found.headers) for found in frames(raw_frame(headers, b""))] == [{"last": "é"}]


@pytest.mark.parametrize("rest", [b"\x05ab", b"\x01", b"\x01h\x0a", b"\x01h"])
def test_headers_are_read_as_far_as_they_make_sense(rest: bytes) -> None:
    headers = string_header("a", "b") + rest

    assert [dict(found.headers) for found in frames(raw_frame(headers, b"x"))] == [{"a": "b"}]


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    list(frames(data))
    list(frames(raw_frame(data, data)))
