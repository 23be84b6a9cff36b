"""What our reader and llhttp together make of responses, good and bad, in any split."""

import gc
import itertools
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import StreamBrokenError, UpstreamError, UpstreamProtocolError
from sidecar.upstream.response_reader import ResponseReader

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LIMIT = 65536


def reader_of(
    *reads: bytes, for_head: bool = False, limit: int = LIMIT, websocket: bool = False
) -> ResponseReader:
    reader = ResponseReader(for_head=for_head, max_head_bytes=limit, websocket=websocket)
    for data in reads:
        reader.feed(data)
    return reader


def test_a_head_keeps_case_order_duplicates_and_bytes() -> None:
    reader = reader_of(b"HTTP/1.1 429 Trop de requ\xeates\r\nX-b: 1\r\nx-A: \xff\r\nX-b:\r\n\r\n")

    assert reader.head is not None
    assert (reader.head.status, reader.head.reason) == (429, b"Trop de requ\xeates")
    assert reader.head.headers == [(b"X-b", b"1"), (b"x-A", b"\xff"), (b"X-b", b"")]
    assert reader.head.content_length is None
    assert reader.head.get(b"x-b") == b"1"


@pytest.mark.parametrize("start", [b"HTTP/1.1 200\r\n", b"HTTP/1.1 200 \r\n"])
def test_a_reason_may_be_missing(start: bytes) -> None:
    reader = reader_of(start + b"Content-Length: 0\r\n\r\n")

    assert reader.head is not None
    assert reader.head.reason == b""
    assert reader.complete


def test_content_length_ends_the_body() -> None:
    reader = reader_of(OK + b"content-LENGTH: 5\r\n\r\nhe", b"llo")

    assert reader.head is not None
    assert reader.head.content_length == 5
    assert reader.take() == [b"he", b"llo"]
    assert reader.take() == []
    assert (reader.complete, reader.keep_alive) == (True, True)


def test_chunks_in_one_read_stay_separate_pieces() -> None:
    reader = reader_of(CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")

    assert reader.take() == [b"abc", b"de"]
    assert (reader.complete, reader.keep_alive) == (True, True)


def test_trailers_are_kept_apart_from_the_head() -> None:
    reader = reader_of(CHUNKED + b"1\r\na\r\n0\r\nX-Sum: \xe9\r\nx-SUM: 2\r\n\r\n")

    assert reader.trailers == [(b"X-Sum", b"\xe9"), (b"x-SUM", b"2")]
    assert reader.head is not None
    assert reader.head.headers == [(b"Transfer-Encoding", b"chunked")]
    assert reader.complete


def test_a_body_without_framing_lasts_until_the_end_of_the_connection() -> None:
    reader = reader_of(OK + b"\r\nabc", b"def")
    assert not reader.complete

    reader.finish()

    assert (reader.take(), reader.complete, reader.keep_alive) == ([b"abc", b"def"], True, False)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize(
    "fields", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]
)
def test_204_and_304_have_no_body_whatever_they_say(status: bytes, fields: bytes) -> None:
    reader = reader_of(b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n")

    assert (reader.complete, reader.keep_alive, reader.take()) == (True, True, [])
    assert reader.head is not None
    assert reader.head.content_length == 0


@pytest.mark.parametrize("junk", [b"junk", OK + b"Content-Length: 4\r\n\r\njunk", b"H"])
def test_bytes_behind_the_end_spoil_the_connection_not_the_response(junk: bytes) -> None:
    """In the same read or in a later one."""
    for response, body in [
        (b"HTTP/1.1 204 No Content\r\n\r\n", []),
        (OK + b"Content-Length: 2\r\n\r\nhi", [b"hi"]),
        (CHUNKED + b"2\r\nhi\r\n0\r\n\r\n", [b"hi"]),
    ]:
        for reads in [(response + junk,), (response, junk)]:
            reader = reader_of(*reads)
            assert (reader.complete, reader.keep_alive) == (True, False)
            assert (reader.take(), reader.trailers) == (body, [])


@pytest.mark.parametrize(
    ("fields", "keep_alive"),
    [
        (b"Content-Length: 5\r\n", True),
        (b"Content-Length: 0\r\n", True),
        (b"Transfer-Encoding: chunked\r\n", False),
        (b"Content-Length: 5\r\nConnection: close\r\n", False),
        (b"", False),
    ],
)
def test_the_answer_to_head_ends_with_its_head(fields: bytes, keep_alive: bool) -> None:
    reader = reader_of(OK + fields + b"\r\n", for_head=True)

    assert (reader.complete, reader.keep_alive, reader.take()) == (True, keep_alive, [])
    assert reader.head is not None
    assert reader.head.content_length == 0


@pytest.mark.parametrize("fields", [b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b""])
def test_a_body_in_answer_to_head_is_dropped_with_the_connection(fields: bytes) -> None:
    reader = reader_of(OK + fields + b"\r\nhello", for_head=True)

    assert (reader.complete, reader.keep_alive, reader.take()) == (True, False, [])


def test_interim_responses_are_skipped() -> None:
    reader = reader_of(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nhi"
    )

    assert reader.head is not None
    assert (reader.head.status, reader.head.reason) == (200, b"Fine")
    assert reader.head.headers == [(b"Content-Length", b"2")]
    assert (reader.take(), reader.complete, reader.keep_alive) == ([b"hi"], True, True)


@pytest.mark.parametrize(
    ("response", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
        (
            b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\n",
            False,  # RFC 9112, section 6.1
        ),
    ],
)
def test_who_may_use_the_connection_again(response: bytes, keep_alive: bool) -> None:
    reader = reader_of(response)

    assert (reader.complete, reader.keep_alive) == (True, keep_alive)


SWITCH = b"HTTP/1.1 101 Go\r\nConnection: x, UPGRADE\r\nupgrade: WebSocket\r\n"


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 3\r\n", b"Transfer-Encoding: x\r\n"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_behind_a_101_that_was_asked_for_everything_is_kept_as_it_is(
    framing: bytes, size: int
) -> None:
    data = SWITCH + framing + b"\r\n\x00HTTP/1.1 200 OK\r\n\r\n\xff"
    reader = reader_of(
        b"HTTP/1.1 103 Early\r\n\r\n",
        *(data[i : i + size] for i in range(0, len(data), size)),
        b"more",
        websocket=True,
    )
    reader.finish()

    assert reader.head is not None
    assert (reader.head.status, reader.head.reason, reader.head.content_length) == (101, b"Go", 0)
    assert (b"upgrade", b"WebSocket") in reader.head.headers
    assert b"".join(reader.take()) == b"\x00HTTP/1.1 200 OK\r\n\r\n\xffmore"
    assert (reader.complete, reader.keep_alive) == (True, False)


@pytest.mark.parametrize(
    "response",
    [
        SWITCH.replace(b"WebSocket", b"h2c"),
        SWITCH.replace(b"WebSocket", b"websocket, h2c"),
        SWITCH + b"Upgrade: websocket\r\n",
        SWITCH.replace(b"UPGRADE", b"y"),
        SWITCH.replace(b"Connection: x, UPGRADE\r\n", b""),
        SWITCH.replace(b"HTTP/1.1", b"HTTP/1.0"),
        SWITCH + b"X: %b\r\n" % bytes(LIMIT).replace(b"\0", b"x"),
    ],
    ids=["h2c", "a list", "two", "not for this hop", "no Connection", "HTTP/1.0", "too long"],
)
def test_a_101_that_does_not_grant_a_websocket_is_a_protocol_error(response: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        reader_of(response + b"\r\nabc", websocket=True)


def test_a_websocket_that_is_refused_is_answered_like_anything_else() -> None:
    refusal = (
        b"HTTP/1.1 429 No\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n"
    )
    reader = reader_of(refusal + b"\r\nno", websocket=True)

    assert reader.take() == [b"no"]
    assert (reader.complete, reader.keep_alive) == (True, True)


BAD_HEADS = {
    "garbage": b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
    "html": b"<html>\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "no version": b"ICY 200 OK\r\n\r\n",
    "version 2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "version 0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "status 20": b"HTTP/1.1 20 OK\r\n\r\n",
    "status 2000": b"HTTP/1.1 2000 OK\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes",
    "101 to WebSocket": SWITCH + b"\r\nbytes",
    "101 without upgrade": b"HTTP/1.1 101 Switching\r\n\r\n",
    "100 with a body": b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc" + OK + b"\r\n",
    "NUL in a value": OK + b"X: a\0b\r\n\r\n",
    "CR in a value": OK + b"X: a\rb\r\n\r\n",
    "space before colon": OK + b"X : a\r\n\r\n",
    "no name": OK + b": a\r\n\r\n",
    "no colon": OK + b"abc\r\n\r\n",
    "obsolete folding": OK + b"X: a\r\n b\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "length list": OK + b"Content-Length: 5, 6\r\n\r\n",
    "signed length": OK + b"Content-Length: +5\r\n\r\n",
    "negative length": OK + b"Content-Length: -5\r\n\r\n",
    "empty length": OK + b"Content-Length:\r\n\r\n",
    "huge length": OK + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "length and chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "chunked, gzip": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "xchunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n",
}


@pytest.mark.parametrize("response", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_what_is_no_proper_head_is_a_protocol_error(response: bytes) -> None:
    with pytest.raises(UpstreamProtocolError) as caught:
        reader_of(response)

    assert "abc" not in str(caught.value)  # no bytes of a response in a message
    with pytest.raises(UpstreamProtocolError):  # nor does the split matter
        reader_of(*(response[i : i + 1] for i in range(len(response))))


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhelloX",
        b"x\r\n",
        b"-1\r\n",
        b"5\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"fffffffffffffffff\r\n",
        b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    ],
)
def test_bad_chunk_framing_breaks_the_stream(body: bytes) -> None:
    with pytest.raises(StreamBrokenError):
        reader_of(CHUNKED + body)


def test_the_pieces_before_a_fault_can_be_taken() -> None:
    reader = reader_of()

    with pytest.raises(StreamBrokenError):
        reader.feed(CHUNKED + b"5\r\nhello\r\nnonsense")

    assert reader.take() == [b"hello"]


@pytest.mark.parametrize(
    ("so_far", "error"),
    [
        (b"", UpstreamProtocolError),
        (b"HTTP/1.1 2", UpstreamProtocolError),
        (OK + b"Content-Length: 5\r\n", UpstreamProtocolError),
        (b"HTTP/1.1 100 Continue\r\n\r\n", UpstreamProtocolError),
        (OK + b"Content-Length: 5\r\n\r\n", StreamBrokenError),
        (OK + b"Content-Length: 5\r\n\r\nhell", StreamBrokenError),
        (CHUNKED, StreamBrokenError),
        (CHUNKED + b"5\r\nhello", StreamBrokenError),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", StreamBrokenError),
        (CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n", StreamBrokenError),
    ],
)
def test_an_end_of_input_too_early_is_an_error(so_far: bytes, error: type[UpstreamError]) -> None:
    reader = reader_of(so_far) if so_far else reader_of()

    with pytest.raises(error, match="cut off"):
        reader.finish()


def test_an_end_of_input_after_the_end_only_rules_out_another_exchange() -> None:
    reader = reader_of(OK + b"Content-Length: 0\r\n\r\n")

    reader.finish()

    assert (reader.complete, reader.keep_alive) == (True, False)


@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_a_head_over_the_limit_is_refused_in_any_split(size: int) -> None:
    head = OK + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 90) for i in range(20)) + b"\r\nbody"

    with pytest.raises(UpstreamProtocolError, match="size limit"):
        reader_of(*(head[i : i + size] for i in range(0, len(head), size)), limit=1500)


def test_a_head_within_the_limit_may_come_with_a_large_body_in_one_read() -> None:
    reader = reader_of(OK + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, limit=100)

    assert reader.complete


@pytest.mark.parametrize(
    "endless",
    [
        [OK, b"X: ", *[b"y" * 100] * 50],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 200,
        [CHUNKED, b"0\r\nX: ", *[b"y" * 100] * 50],
        [CHUNKED, b"5;", *[b"y" * 100] * 50],
    ],
    ids=["head", "interim", "trailers", "extension"],
)
def test_what_is_no_body_cannot_grow_without_end(endless: list[bytes]) -> None:
    with pytest.raises(UpstreamError, match="size limit"):
        reader_of(*endless, limit=2000)


def test_a_long_stream_of_small_chunks_is_under_no_limit() -> None:
    reader = reader_of(CHUNKED, *[b"1\r\na\r\n"] * 1000, b"0\r\n\r\n", limit=100)

    assert reader.complete


def test_a_complete_reader_needs_no_garbage_collector() -> None:
    class Watched(ResponseReader):
        __slots__ = ("__weakref__",)

    reader = Watched(for_head=False, max_head_bytes=LIMIT)
    reader.feed(OK + b"Content-Length: 0\r\n\r\n")
    watch = weakref.ref(reader)
    gc.disable()
    try:
        del reader
        assert watch() is None
    finally:
        gc.enable()


RESPONSES = [
    OK + b"X-A: \xff\xe9\r\nContent-Length: 11\r\nx-a:\r\n\r\nhello world",
    CHUNKED + b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-T: 1\r\nX-U: \xe9\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
]


@given(st.sampled_from(RESPONSES), st.data())
def test_any_split_into_reads_gives_the_same_response(response: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(response)), max_size=12).map(sorted))
    edges = [0, *cuts, len(response)]
    reads = [response[a:b] for a, b in itertools.pairwise(edges) if a < b]

    whole, split = reader_of(response), reader_of(*reads)

    assert split.head == whole.head
    assert b"".join(split.take()) == b"".join(whole.take())
    assert (split.trailers, split.complete) == (whole.trailers, whole.complete)
    assert split.keep_alive == whole.keep_alive
