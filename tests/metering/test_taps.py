"""What watches an answer's body go by: first byte, errors in mid-stream, whole answers."""

import gzip
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.taps import DECODED_BYTES, TAIL_BYTES, FirstByte, StreamTail, WholeAnswer
from tests.support import splits

CUTS = st.lists(st.integers(0, 10_000), max_size=12)
LINES = st.sampled_from(
    (
        b": keep-alive\n",
        b":\r\n",
        b"\n",
        b"\r\n",
        b" \t\n",
        b"event: message\n",
        b'data: {"delta": "a: b"}\n',
        b"data: [DONE]\n\n",
        b'data: {"error": {"code": "slow_down"}}\n\n',
        b'data: {"type": "error", "error": null}\n',
        b'data: {"choices": [], "error": null}\n',
        b'data: {"error": broken\n',
        b'data: "error"\n',
    )
)
STREAMS = st.lists(LINES, max_size=12).map(b"".join)


def first_byte_at(pieces: list[bytes]) -> int | None:
    """Where the piece begins that brought the first meaningful byte."""
    tap, seen = FirstByte(), 0
    for piece in pieces:
        if tap.feed(piece):
            return seen + len(piece)
        seen += len(piece)
    return None


def place_of_first_byte(stream: bytes) -> int | None:
    """The same by an obvious way: the first line that is neither blank nor a comment."""
    place = 0
    for line in stream.splitlines(keepends=True):
        if line.strip() and not line.startswith(b":"):
            return place + len(line) - len(line.lstrip())
        place += len(line)
    return None


@pytest.mark.parametrize(
    "noise",
    [b"", b"\n", b"\r\n\r\n", b"  \t", b":", b": keep-alive\n\n", b":a\r\n:b\r\n", b": {not data"],
)
def test_blank_lines_and_comments_are_not_the_first_byte(noise: bytes) -> None:
    tap = FirstByte()

    assert not tap.feed(noise)
    assert not tap.seen


def test_the_first_byte_comes_once() -> None:
    tap = FirstByte()

    assert [tap.feed(piece) for piece in (b": wait\n", b"data: 1\n", b"data: 2\n")] == [
        False,
        True,
        False,
    ]


def test_what_follows_a_comment_in_the_same_read_counts() -> None:
    assert FirstByte().feed(b": wait\n\ndata: 1\n")


def test_a_comment_may_come_in_several_reads() -> None:
    tap = FirstByte()

    assert [tap.feed(p) for p in (b": wa", b"it", b"ing\n", b"d")] == [False, False, False, True]


def test_a_colon_inside_of_a_line_begins_no_comment() -> None:
    assert FirstByte().feed(b'{"a": 1}')


@given(STREAMS, CUTS)
def test_any_split_gives_the_same_first_byte(stream: bytes, cuts: list[int]) -> None:
    pieces, place = splits(stream, cuts), place_of_first_byte(stream)

    found = first_byte_at(pieces)

    if place is None:
        assert found is None
    else:
        ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
        assert found == next(end for end in ends if end > place)


def error_in(*pieces: bytes) -> object:
    tail = StreamTail()
    tail.feed(pieces)
    found = tail.error()
    return None if found is None else orjson.loads(found)


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"code": "slow_down"}},
        {"type": "error", "error": {"type": "overloaded_error"}},
        {"type": "error", "code": "rate_limit_exceeded", "error": None},
        {"type": "response.failed", "response": {"error": {"code": "server_error"}}},
    ],
)
def test_an_error_event_is_found_at_the_end_of_a_stream(event: object) -> None:
    data = b"event: x\ndata: " + orjson.dumps(event) + b"\n\n"

    assert error_in(b'data: {"delta":1}\n\n', data) == event
    assert error_in(data.replace(b"\n", b"\r\n"), b"data: [DONE]\n\n") == event
    assert error_in(data.replace(b"data: ", b"data:")) == event


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b'data: {"choices":[],"usage":null}\n\ndata: [DONE]\n\n',
        b'data: {"error":null}\n\n',
        b'data: {"text":"the word \\"error\\""}\n\n',
        b'data: ["error"]\n\n',
        b'data: {"error":\n\n',
        b': {"error":1}\n\n',
        b'{"error":1}\n',
    ],
)
def test_a_stream_without_an_error_has_none(stream: bytes) -> None:
    assert error_in(stream) is None


def test_of_several_errors_the_last_one_counts() -> None:
    assert error_in(b'data: {"error":1}\n\ndata: {"error":2}\n\n') == {"error": 2}


@given(STREAMS, CUTS)
def test_any_split_gives_the_same_error(stream: bytes, cuts: list[int]) -> None:
    at_once, in_pieces = StreamTail(), StreamTail()
    at_once.feed([stream])
    for piece in splits(stream, cuts):
        in_pieces.feed([piece])

    assert in_pieces.error() == at_once.error()


def test_an_error_document_that_could_not_be_written_again_is_given_as_it_came() -> None:
    """orjson reads deeper documents than it writes."""
    document = b'{"error": ' + b"[" * 300 + b"]" * 300 + b"}"

    assert error_in(b"data: " + document + b"\n\n") == orjson.loads(document)


def test_only_the_end_of_a_long_stream_is_kept() -> None:
    tail = StreamTail()
    for _ in range(1000):
        tail.feed([b"data: {}\n\n" * 10, b"\n"])
    tail.feed([b'data: {"error":1}\n\n'])

    assert tail.error() == b'{"error":1}'
    assert TAIL_BYTES <= tail._size < TAIL_BYTES + 101
    assert tail._size == sum(map(len, tail._pieces))


def whole(*pieces: bytes, limit: int = 1000, encoding: bytes | None = None) -> bytes | None:
    answer = WholeAnswer(limit)
    for piece in pieces:
        answer.feed([piece])
    return answer.body(encoding)


@pytest.mark.parametrize("encoding", [None, b"", b"identity"])
def test_an_answer_up_to_the_limit_is_kept_whole(encoding: bytes | None) -> None:
    assert whole(b"ab", b"cd", limit=4, encoding=encoding) == b"abcd"


def test_a_larger_answer_is_not_looked_into_and_not_kept() -> None:
    answer = WholeAnswer(4)
    for _ in range(1000):
        answer.feed([b"abc", b"de"])

    assert answer.body(None) is None
    assert len(answer._pieces) == 2


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"gzip", gzip.compress(b"body")),
        (b"x-gzip", gzip.compress(b"body")),
        (b"deflate", zlib.compress(b"body")),
    ],
)
def test_a_compressed_answer_is_read(encoding: bytes, data: bytes) -> None:
    assert whole(data, encoding=encoding) == b"body"


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"br", b"body"),
        (b"zstd", b"body"),
        (b"gzip, gzip", gzip.compress(b"body")),
        (b"gzip", b"body"),
        (b"gzip", gzip.compress(b"body")[:-1]),
        (b"gzip", b""),
    ],
)
def test_an_unknown_garbled_or_cut_off_coding_gives_nothing(encoding: bytes, data: bytes) -> None:
    assert whole(data, encoding=encoding) is None


@pytest.mark.parametrize(
    ("size", "readable"),
    [(DECODED_BYTES - 1, True), (DECODED_BYTES + 1, False), (64 * DECODED_BYTES, False)],
)
def test_a_small_body_that_decodes_to_more_than_1_mib_is_not_read(
    size: int, readable: bool
) -> None:
    bomb = gzip.compress(bytes(size))

    assert (whole(bomb, limit=262_144, encoding=b"gzip") is not None) == readable
