"""The moment at which an answer really begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.first_byte import FirstByte
from sidecar.metering.framing import Framing
from tests.support import splits

CUTS = st.lists(st.integers(0, 10_000), max_size=12)
LINES = st.sampled_from(
    (
        b": keep-alive\n",
        b": OPENROUTER PROCESSING\n\n",
        b":\r\n",
        b"\n",
        b"\r\n",
        b" \t\n",
        b"event: message\n",
        b'data: {"delta": "a: b"}\n',
        b'{"id":1}',
    )
)
STREAMS = st.lists(LINES, max_size=12).map(b"".join)
FILLED = (Framing.EVENTS, Framing.WHOLE)
UNFILLED = (Framing.LINES, Framing.FRAMES)


def place_of_first_byte(stream: bytes) -> int | None:
    """By an obvious way: the first line that is neither blank nor a comment."""
    place = 0
    for line in stream.splitlines(keepends=True):
        if line.strip() and not line.startswith(b":"):
            return place + len(line) - len(line.lstrip())
        place += len(line)
    return None


@pytest.mark.parametrize("framing", FILLED)
@pytest.mark.parametrize(
    "noise",
    [b"", b"\n", b"\r\n\r\n", b"  \t", b":", b": keep-alive\n\n", b":a\r\n:b\r\n", b": {not data"],
)
def test_blank_lines_and_comments_are_not_the_first_byte(framing: Framing, noise: bytes) -> None:
    tap = FirstByte(framing)

    assert not tap.feed(noise)
    assert not tap.seen


@pytest.mark.parametrize("framing", UNFILLED)
@pytest.mark.parametrize("data", [b"\n", b":", b"\x00\x00\x01", b"{"])
def test_lines_and_frames_begin_with_their_first_byte(framing: Framing, data: bytes) -> None:
    tap = FirstByte(framing)

    assert [tap.feed(piece) for piece in (b"", data, data)] == [False, True, False]


def test_the_blank_lines_of_a_waiting_request_do_not_begin_its_document() -> None:
    """DeepSeek sends them under load, for minutes."""
    tap = FirstByte(Framing.WHOLE)

    assert [tap.feed(piece) for piece in (b"\n", b"\n\n", b"\n\n{")] == [False, False, True]


def test_the_first_byte_comes_once() -> None:
    tap = FirstByte(Framing.EVENTS)

    assert [tap.feed(piece) for piece in (b": wait\n", b"data: 1\n", b"data: 2\n")] == [
        False,
        True,
        False,
    ]


def test_what_follows_a_comment_in_the_same_read_counts() -> None:
    assert FirstByte(Framing.EVENTS).feed(b": wait\n\ndata: 1\n")


def test_a_comment_may_come_in_several_reads() -> None:
    tap = FirstByte(Framing.EVENTS)

    assert [tap.feed(p) for p in (b": wa", b"it", b"ing\n", b"d")] == [False, False, False, True]


def test_a_colon_inside_of_a_line_begins_no_comment() -> None:
    assert FirstByte(Framing.EVENTS).feed(b'{"a": 1}')


@given(STREAMS, CUTS, st.sampled_from(Framing))
def test_any_split_gives_the_same_first_byte(
    stream: bytes, cuts: list[int], framing: Framing
) -> None:
    pieces = splits(stream, cuts)
    ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
    tap = FirstByte(framing)

    found = [end for end, piece in zip(ends, pieces, strict=True) if tap.feed(piece)]

    place = place_of_first_byte(stream) if framing in FILLED else (0 if stream else None)
    assert found == ([] if place is None else [next(end for end in ends if end > place)])


def test_comments_cost_time_in_proportion_to_their_length() -> None:
    """Looking at each anew with all that follows would outlast the test's own time."""
    assert not FirstByte(Framing.EVENTS).feed(b":\n" * 4_000_000)
