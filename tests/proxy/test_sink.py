"""The app's end of the line: what is written to its connection, byte for byte."""

import asyncio
from collections.abc import Callable

import pytest
from aiohttp.web import BaseRequest

from sidecar.errors import ClientGoneError
from sidecar.proxy.sink import AnsweredResponse, ClientSink
from sidecar.upstream.transport import ResponseHead
from tests.support import serving, settle, talk

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
GET_KEPT = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
GET_10 = b"GET / HTTP/1.0\r\n\r\n"
GET_10_KEPT = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CHUNKED = ResponseHead(200, b"Fine", (), None)

Act = Callable[[ClientSink], AnsweredResponse]


async def answered(request: bytes, act: Act) -> bytes:
    """What the app reads until its connection ends."""

    async def handle(request: BaseRequest) -> AnsweredResponse:
        return act(ClientSink(request, asyncio.get_running_loop()))

    async with serving(handle) as port:
        return await talk(port, request)


def relayed(
    *pieces: bytes,
    status: int = 200,
    length: int | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    trailers: tuple[tuple[bytes, bytes], ...] = (),
) -> Act:
    """Relay an answer with these body pieces, one write each."""

    def act(sink: ClientSink) -> AnsweredResponse:
        sink.start(ResponseHead(status, b"Fine", headers, length), headers)
        assert sink.started
        for piece in pieces:
            assert sink.write([piece])
        return sink.finish(trailers)

    return act


async def test_a_known_length_is_kept_with_the_fields_as_they_came() -> None:
    fields = ((b"X-dup", b"1"), (b"x-DUP", b"\xff"), (b"Content-Length", b"2"))

    assert await answered(GET, relayed(b"h", b"i", length=2, headers=fields)) == (
        b"HTTP/1.1 200 Fine\r\nX-dup: 1\r\nx-DUP: \xff\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n\r\nhi"
    )


async def test_an_unknown_length_is_sent_in_chunks_as_they_came() -> None:
    assert await answered(GET, relayed(b"data: 1\n\n", b"x")) == (
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"9\r\ndata: 1\n\n\r\n1\r\nx\r\n0\r\n\r\n"
    )


async def test_trailers_follow_the_last_chunk() -> None:
    answer = await answered(GET, relayed(b"x", trailers=((b"X-Sum", b"1"), (b"Y", b"2"))))

    assert answer.endswith(b"1\r\nx\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n")


async def test_an_empty_answer_of_unknown_length_has_an_end_too() -> None:
    assert (await answered(GET, relayed())).endswith(b"\r\n\r\n0\r\n\r\n")


async def test_an_app_of_http_1_0_gets_no_chunks_but_the_connection_s_end() -> None:
    assert await answered(GET_10_KEPT, relayed(b"a", b"b")) == (
        b"HTTP/1.1 200 Fine\r\nConnection: close\r\n\r\nab"
    )


async def test_an_app_of_http_1_0_that_asks_for_it_keeps_its_connection() -> None:
    answer = await answered(GET_10_KEPT + GET_10, relayed(b"a", length=1))

    assert answer == (
        b"HTTP/1.1 200 Fine\r\nConnection: keep-alive\r\n\r\na"
        b"HTTP/1.1 200 Fine\r\nConnection: close\r\n\r\na"
    )


async def test_a_connection_carries_several_answers() -> None:
    answer = await answered(GET_KEPT + GET_KEPT + GET, relayed(b"a"))

    assert answer.count(b"HTTP/1.1 200 Fine\r\n") == 3
    assert answer.count(b"Connection: close") == 1


@pytest.mark.parametrize(("request_", "status"), [(HEAD, 200), (GET, 204), (GET, 304)])
async def test_an_answer_that_can_have_no_body_is_not_framed_as_one(
    request_: bytes, status: int
) -> None:
    answer = await answered(request_, relayed(status=status))

    assert answer == b"HTTP/1.1 %d Fine\r\nConnection: close\r\n\r\n" % status


async def test_the_head_leaves_by_itself_before_the_first_byte_of_the_body() -> None:
    """An app may wait for it while the provider still thinks."""
    go = asyncio.Event()

    async def handle(request: BaseRequest) -> AnsweredResponse:
        sink = ClientSink(request, asyncio.get_running_loop())
        sink.start(CHUNKED, ())
        await go.wait()
        sink.write([b"x"])
        return sink.finish(())

    async with serving(handle) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        head = await reader.readuntil(b"\r\n\r\n")
        go.set()
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert head.startswith(b"HTTP/1.1 200 Fine\r\n")
    assert rest == b"1\r\nx\r\n0\r\n\r\n"


async def test_an_answer_that_broke_off_has_no_end() -> None:
    """Or the app would take half an answer for a whole one."""

    def act(sink: ClientSink) -> AnsweredResponse:
        sink.start(CHUNKED, ())
        sink.write([b"half"])
        return sink.abort()

    assert (await answered(GET_KEPT, act)).endswith(b"4\r\nhalf\r\n")


async def test_a_broken_answer_to_http_1_0_ends_in_a_reset() -> None:
    """Nothing else tells it from a whole one."""

    def act(sink: ClientSink) -> AnsweredResponse:
        sink.start(CHUNKED, ())
        sink.write([b"half"])
        return sink.abort()

    assert await answered(GET_10, act) == b""


async def test_an_answer_of_our_own_is_whole_and_keeps_the_connection() -> None:
    def act(sink: ClientSink) -> AnsweredResponse:
        return sink.answer(503, b"No", [(b"X", b"1")], b"{}")

    assert await answered(GET_KEPT + GET, act) == (
        b"HTTP/1.1 503 No\r\nX: 1\r\nContent-Length: 2\r\n\r\n{}"
        b"HTTP/1.1 503 No\r\nX: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    )


async def test_an_answer_of_our_own_to_head_has_no_body() -> None:
    answer = await answered(HEAD, lambda sink: sink.answer(503, b"No", [], b"{}"))

    assert answer == b"HTTP/1.1 503 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"


async def test_an_answer_before_the_body_was_read_closes_the_connection() -> None:
    """What follows on it could be the rest of that body."""
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe"

    answer = await answered(post, lambda sink: sink.answer(413, b"No", [], b"{}"))

    assert answer.endswith(b"Connection: close\r\n\r\n{}")


async def test_an_app_that_left_is_noticed_and_ending_is_harmless() -> None:
    """While its connection closes as well as when it is gone."""
    noticed: list[str] = []

    async def handle(request: BaseRequest) -> AnsweredResponse:
        sink = ClientSink(request, asyncio.get_running_loop())
        sink.start(CHUNKED, ())
        assert request.transport is not None
        request.transport.abort()
        with pytest.raises(ClientGoneError):
            sink.write([b"closing"])
        noticed.append("closing")
        try:
            await settle()
        finally:  # the handler is cancelled when the app leaves
            with pytest.raises(ClientGoneError):
                sink.write([b"gone"])
            sink.finish(())
            sink.abort()
            noticed.append("gone")
        return sink.abort()

    async with serving(handle) as port:
        assert await talk(port, GET_KEPT) == b""

    assert noticed == ["closing", "gone"]


async def test_draining_a_connection_that_is_gone_says_so() -> None:
    async def drain() -> None:
        raise ConnectionResetError

    caught: list[Exception] = []

    async def handle(request: BaseRequest) -> AnsweredResponse:
        sink = ClientSink(request, asyncio.get_running_loop())
        await sink.drain()
        request.writer.drain = drain  # type: ignore[method-assign]
        try:
            await sink.drain()
        except ClientGoneError as error:
            caught.append(error)
        return sink.answer(200, b"Fine", [], b"")

    async with serving(handle) as port:
        await talk(port, GET)

    assert len(caught) == 1
