from collections.abc import AsyncIterator

import pytest

from sidecar.upstream.request_head import encode_chunk, encode_head
from sidecar.upstream.transport import Origin, RawHeaders, UpstreamRequest

ORIGIN = Origin(tls=False, host="provider", port=80)


async def nothing() -> AsyncIterator[bytes]:
    return
    yield


def request(
    *,
    method: str = "POST",
    target: bytes = b"/v1",
    headers: RawHeaders = (),
    body: bytes | AsyncIterator[bytes] | None = None,
    content_length: int | None = None,
) -> UpstreamRequest:
    return UpstreamRequest(ORIGIN, method, target, headers, body, content_length)


def test_host_comes_first_then_the_fields_as_given_then_the_framing() -> None:
    fields = [(b"X-b", b"1"), (b"x-A", b"2"), (b"X-b", b"3")]

    head = encode_head(request(headers=fields, body=b"hi"), b"provider")

    assert head == (
        b"POST /v1 HTTP/1.1\r\nHost: provider\r\nX-b: 1\r\nx-A: 2\r\nX-b: 3\r\n"
        b"Content-Length: 2\r\n\r\n"
    )


def test_a_websocket_is_asked_for_behind_the_fields() -> None:
    fields = [(b"sec-WebSocket-KEY", b"x")]
    wanted = UpstreamRequest(ORIGIN, "GET", b"/v1", fields, None, websocket=True)

    assert encode_head(wanted, b"provider") == (
        b"GET /v1 HTTP/1.1\r\nHost: provider\r\nsec-WebSocket-KEY: x\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )


def test_bytes_that_are_no_utf8_and_targets_stay_as_they_are() -> None:
    wanted = request(target=b"/v1/files/a%2Fb?q=\xe9", headers=[(b"X", b"caf\xe9 \xff")])

    head = encode_head(wanted, b"provider")

    assert head == (
        b"POST /v1/files/a%2Fb?q=\xe9 HTTP/1.1\r\nHost: provider\r\nX: caf\xe9 \xff\r\n\r\n"
    )


def test_nothing_is_added() -> None:
    assert encode_head(request(method="GET"), b"h") == b"GET /v1 HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "length", "framing"),
    [
        (None, None, b""),
        (b"", None, b"Content-Length: 0\r\n"),
        (b"abc", None, b"Content-Length: 3\r\n"),
        (nothing(), 7, b"Content-Length: 7\r\n"),
        (nothing(), None, b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_framing_follows_the_body(
    body: bytes | AsyncIterator[bytes] | None, length: int | None, framing: bytes
) -> None:
    head = encode_head(request(body=body, content_length=length), b"h")

    assert head == b"POST /v1 HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n"


@pytest.mark.parametrize(
    "bad",
    [
        request(target=b"/ HTTP/1.1\r\nX: y\r\n"),
        request(target=b"/a b"),
        request(target=b"/a\n"),
        request(target=b"/a\0"),
        request(target=b""),
        request(method=""),
        request(method="GET /"),
        request(method="GET\r\nX:"),
        request(method="GÉT"),
        request(headers=[(b"X\r\nY", b"1")]),
        request(headers=[(b"X", b"1\r\nY: 2")]),
        request(headers=[(b"X", b"1\n")]),
        request(headers=[(b"X", b"\r1")]),
        request(headers=[(b"X", b"1\0")]),
    ],
)
def test_no_request_can_say_more_than_its_parts(bad: UpstreamRequest) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError for the method
        encode_head(bad, b"provider")


def test_a_host_cannot_smuggle_either() -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        encode_head(request(), b"h\r\nX: y")


def test_a_chunk_has_its_size_in_hex() -> None:
    assert encode_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
