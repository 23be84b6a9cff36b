"""One chunk goes out of a stream, whatever pieces it comes in, and nothing waits."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.metering.stream_usage import WithoutUsage
from tests.support import splits

USAGE = b'{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
WORD = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}],"usage":null}\n\n'
CHUNK = b"data: " + USAGE + b"\n\n"
DONE = b"data: [DONE]\n\n"


def passed(*pieces: bytes) -> bytes:
    """All that passes of a stream, its end included."""
    stream = WithoutUsage()
    return b"".join([*(b"".join(stream.feed([piece])) for piece in pieces), stream.finish()])


CHUNKS = {
    "as OpenAI writes it": CHUNK,
    "with white space": b'data: {"choices" : [ ],\t"usage" : {}}\n\n',
    "with CR LF": b"data: " + USAGE + b"\r\n\r\n",
    "with both ends of lines": b"data: " + USAGE + b"\r\n\n",
    "without a space": b"data:" + USAGE + b"\n\n",
    "with other fields": b"event: chunk\nid: 7\ndata: " + USAGE + b"\nretry: 5\n\n",
    "with a comment inside": b"data: " + USAGE + b"\n: so much for that\n\n",
    "in several lines": b'data: {"choices":[],\ndata:"usage":\ndata: {"prompt_tokens":1}}\n\n',
    "after an empty line of data": b"data:\ndata: " + USAGE + b"\n\n",
    "with words about choices": b'data: {"x":"\\"choices\\":[{","choices":[],"usage":{}}\n\n',
}


@pytest.mark.parametrize("chunk", CHUNKS.values(), ids=CHUNKS)
def test_the_chunk_is_taken_out(chunk: bytes) -> None:
    assert passed(WORD + chunk + DONE) == WORD + DONE
    assert passed(WORD, chunk, DONE) == WORD + DONE
    assert passed(chunk) == b""


OTHERS = {
    "a word": WORD,
    "the end": DONE,
    "usage with the last word": b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}\n\n',
    "Azure's first chunk": b'data: {"choices":[],"prompt_filter_results":[{}]}\n\n',
    "no usage yet": b'data: {"choices":[],"usage":null}\n\n',
    "an error": b'data: {"choices":[],"usage":{},"error":{"message":"no"}}\n\n',
    "no choices at all": b'data: {"usage":{"prompt_tokens":1}}\n\n',
    "a text about it": b"data: "
    + json.dumps({"choices": [{"x": USAGE.decode()}]}).encode()
    + b"\n\n",
    "no JSON": b'data: "choices":[] "usage":{}\n\n',
    "cut JSON": b'data: {"choices":[],"usage":{}\n\n',
    "a comment": b": " + USAGE + b"\n\n",
    "another field": b"dat: " + USAGE + b"\n\n",
    "no data": b"event: ping\n\n",
    "too long": b'data: {"choices":[],"usage":{},"x":"' + b"x" * 17_000 + b'"}\n\n',
}


@pytest.mark.parametrize("event", OTHERS.values(), ids=OTHERS)
def test_everything_else_passes(event: bytes) -> None:
    assert passed(event + CHUNK + event) == event + event
    assert passed(event) == event


def test_what_stands_around_it_stays() -> None:
    comment = b": keep-alive\n\n\r\n: more\r\n"

    assert passed(comment + CHUNK + comment) == comment + comment


def test_a_stream_that_ends_in_mid_event_keeps_its_end() -> None:
    assert passed(WORD, WORD[:-1]) == WORD + WORD[:-1]
    assert passed(WORD, CHUNK[:-9]) == WORD + CHUNK[:-9]
    assert passed(WORD, CHUNK.rstrip()) == WORD


def test_whole_events_pass_as_they_came() -> None:
    pieces = [WORD + WORD, DONE]

    assert WithoutUsage().feed(pieces) is pieces


def test_what_is_swallowed_leaves_no_empty_piece() -> None:
    stream = WithoutUsage()

    assert list(stream.feed([CHUNK])) == []
    assert list(stream.feed([CHUNK[:20]])) == []
    assert list(stream.feed([CHUNK[20:]])) == []
    assert list(stream.feed([WORD + CHUNK, CHUNK + DONE])) == [WORD, DONE]


@pytest.mark.parametrize("event", [WORD, DONE, b"data: hello\n\n"])
def test_an_event_in_pieces_passes_as_soon_as_it_is_surely_another(event: bytes) -> None:
    """Also for an app that reads lines, and does not wait for the empty one."""
    stream = WithoutUsage()
    beginning = event[:-1]

    assert list(stream.feed([beginning])) == [beginning]
    assert list(stream.feed([b"\n"])) == [b"\n"]
    assert list(stream.feed([CHUNK])) == []


CRLF_WORD = WORD.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    "pieces",
    [
        (WORD[:-9], WORD[-9:]),
        (WORD[:-9], WORD[-9:-1], WORD[-1:]),
        (CRLF_WORD[:-1], CRLF_WORD[-1:]),
        (CRLF_WORD[:-2], CRLF_WORD[-2:]),
        (CRLF_WORD[:-2], CRLF_WORD[-2:-1], CRLF_WORD[-1:]),
        (CRLF_WORD[:-4], CRLF_WORD[-4:-1], CRLF_WORD[-1:]),
    ],
)
def test_the_end_of_an_event_in_pieces_is_found_wherever_it_is_cut(pieces: list[bytes]) -> None:
    event = b"".join(pieces)

    assert passed(*pieces, CHUNK, DONE) == event + DONE
    assert passed(*pieces[:-1], pieces[-1] + CHUNK, DONE) == event + DONE


def test_a_comment_passes_before_its_event_does() -> None:
    stream = WithoutUsage()

    assert b"".join(stream.feed([b": keep-alive\n"])) == b": keep-alive\n"
    assert b"".join(stream.feed([b"\n: more\n" + CHUNK[:30]])) == b"\n: more\n"
    assert stream.feed([CHUNK[30:]]) == []


def test_no_more_is_held_than_the_chunk_can_be_long() -> None:
    stream, passing = WithoutUsage(), 0
    for _ in range(200):
        passing += sum(map(len, stream.feed([b'data: {"a":"' + b"x" * 1000])))

    assert passing >= 200 * 1012 - 16_384


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""However busy the machine is."""

STREAM = st.lists(st.sampled_from([*CHUNKS.values(), *OTHERS.values(), b"\n", b"\r\n", b": x\n"]))
CUTS = st.lists(st.integers(min_value=0), max_size=20)


def _wanted(events: Sequence[bytes]) -> bytes:
    chunks = list(CHUNKS.values())
    return b"".join(event for event in events if event not in chunks)


@unhurried
@given(STREAM, CUTS)
def test_what_is_taken_out_does_not_depend_on_the_pieces(
    events: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(events)

    assert passed(*splits(data, cuts)) == _wanted(events)


@unhurried
@given(STREAM.map(lambda events: events[:4]))
def test_nor_on_single_bytes(events: list[bytes]) -> None:
    short = [event for event in events if len(event) < 1000]

    assert passed(*splits(b"".join(short), range(sum(map(len, short))))) == _wanted(short)


SOUP: Any = st.lists(
    st.sampled_from(
        [b"\n", b"\r", b"data:", b" ", b'"choices":[]', b"{", b'"usage":{}', b"}", b","]
    )
)


@unhurried
@given(SOUP.map(b"".join), CUTS, CUTS)
def test_nonsense_passes_alike_in_any_pieces(
    data: bytes, cuts: list[int], others: list[int]
) -> None:
    assert passed(*splits(data, cuts)) == passed(*splits(data, others))
