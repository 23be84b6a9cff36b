"""Which header fields pass, in both directions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.upstream.headers import (
    TO_WEBSOCKET,
    lookup,
    request_headers,
    response_headers,
    to_websocket,
    uncompressed,
)

HOP_BY_HOP = [
    b"Connection", b"Keep-Alive", b"Proxy-Authenticate", b"Proxy-Authorization",
    b"Proxy-Connection", b"TE", b"Transfer-Encoding", b"Upgrade",
]  # fmt: skip
NAMES = st.sampled_from((b"Host", b"X-A", b"x-a", b"Connection", b"Content-Length", b"Set-Cookie"))
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from((b"", b"x-a", b"close", b"x-b, X-A", b"1"))))


@pytest.mark.parametrize("change", [bytes.lower, bytes.upper, bytes])
@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_hop_by_hop_fields_pass_in_neither_direction(name: bytes, change: type[bytes]) -> None:
    fields = [(b"A", b"1"), (change(name), b"x"), (b"B", b"2")]

    assert request_headers(fields) == response_headers(fields) == [(b"A", b"1"), (b"B", b"2")]


@pytest.mark.parametrize(
    "name", [b"Host", b"HOST", b"Content-Length", b"expect", b"X-Sidecar-Priority", b"x-sidecar-"]
)
def test_what_the_transport_writes_anew_and_what_is_for_us_does_not_go_to_the_provider(
    name: bytes,
) -> None:
    assert request_headers([(name, b"1")]) == []


@pytest.mark.parametrize(
    ("values", "asks"),
    [
        ([b"websocket"], True),
        ([b" WebSocket\t"], True),
        ([], False),
        ([b""], False),
        ([b"h2c"], False),
        ([b"websocket, h2c"], False),
        ([b"websocket/13"], False),
        ([b"websocket", b"websocket"], False),
        ([b"websocket", b"h2c"], False),
    ],
)
def test_an_upgrade_is_one_to_websocket_or_to_something_else(
    values: list[bytes], asks: bool
) -> None:
    fields = [(b"X-Upgrade", b"h2c"), *((b"upGRADE", value) for value in values)]

    assert to_websocket(fields) == asks
    assert request_headers(fields) == [(b"X-Upgrade", b"h2c")]


def test_what_asks_for_a_websocket_does_not_pass_but_is_made_anew() -> None:
    assert to_websocket(TO_WEBSOCKET)
    assert request_headers(TO_WEBSOCKET) == response_headers(TO_WEBSOCKET) == []


def test_a_response_keeps_its_length() -> None:
    fields = [(b"Content-Length", b"5"), (b"Connection", b"close")]

    assert response_headers(fields) == [(b"Content-Length", b"5")]


def test_everything_else_passes_byte_for_byte_in_order_with_duplicates() -> None:
    fields = [
        (b"authorization", b"Bearer secret"),
        (b"X-dup", b"1"),
        (b"Accept-Encoding", b"gzip, br"),
        (b"x-DUP", b"2"),
        (b"X-Bin", b"\xff\x80 \xc3\xa9"),
        (b"Set-Cookie", b"a=b; Path=/"),
        (b"Set-Cookie", b"c=d"),
        (b"X-Empty", b""),
        (b"User-Agent", b"app/1"),
    ]

    assert request_headers(fields) == fields
    assert response_headers(fields) == fields


@pytest.mark.parametrize(
    "connection",
    [
        [b"X-Internal"],
        [b"keep-alive, x-internal"],
        [b"close,X-INTERNAL ,"],
        [b"keep-alive", b"x-internal"],
        [b"close", b"X-Internal"],
        [b"x-internal", b"keep-alive"],
    ],
)
def test_fields_that_connection_names_go_too(connection: list[bytes]) -> None:
    """In whichever of several Connection fields they are named."""
    fields = [(b"Connection", value) for value in connection]
    fields += [(b"X-Internal", b"1"), (b"X-Kept", b"2")]

    assert request_headers(fields) == response_headers(fields) == [(b"X-Kept", b"2")]


@pytest.mark.parametrize("value", [b"keep-alive", b"Keep-Alive", b"close", b""])
def test_a_plain_connection_names_no_field(value: bytes) -> None:
    fields = [(b"Connection", value), (b"Close", b"1"), (b"X", b"2")]

    assert (b"X", b"2") in request_headers(fields)


def test_connection_cannot_take_the_length_of_a_response_away() -> None:
    """What frames the message must stay, or the next answer would be read from the wrong place."""
    fields = [(b"Connection", b"content-length, x-a"), (b"Content-Length", b"5"), (b"X-A", b"1")]

    assert response_headers(fields) == [(b"Content-Length", b"5")]


@given(FIELDS)
def test_fields_are_only_ever_left_out(fields: list[tuple[bytes, bytes]]) -> None:
    for kept in (request_headers(fields), response_headers(fields)):
        rest = iter(fields)
        assert all(field in rest for field in kept), "in order, unchanged"


def test_a_look_up_ignores_case_and_gives_the_first() -> None:
    get = lookup([(b"X-One", b"1"), (b"x-one", b"2")])

    assert get(b"x-one") == b"1"
    assert get(b"x-two") is None


def test_an_answer_that_is_to_be_read_is_asked_for_uncompressed() -> None:
    fields = [
        (b"A", b"1"),
        (b"accept-encoding", b"gzip"),
        (b"b", b"2"),
        (b"Accept-Encoding", b"br"),
    ]

    assert uncompressed(fields) == [(b"A", b"1"), (b"b", b"2"), (b"Accept-Encoding", b"identity")]
