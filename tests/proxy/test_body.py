"""The app's request body: held where it is small, streamed where it is not, always bounded."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import TransferEncodingError
from aiohttp.web import BaseRequest, RequestPayloadError, Response

from sidecar.dialects.request_model import PREFIX_BYTES
from sidecar.errors import BadRequestError, BodyTooLargeError, ClientGoneError, ShedError
from sidecar.outcomes import ShedReason
from sidecar.proxy.body import (
    BUFFERED_BYTES,
    BodyConfig,
    BodyMemory,
    BodyReader,
    RequestBody,
    _next,
)
from tests.support import chunked, serving, talk

BIG = BUFFERED_BYTES + 1
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class Reading:
    """A server that reads one request's body as the proxy does."""

    def __init__(self, config: BodyConfig | None = None) -> None:
        self.config = config or BodyConfig()
        self.memory = BodyMemory(self.config.max_held_bytes)
        self.body: RequestBody | None = None
        self.content: bytes | None = None
        self.held = 0
        self.error: Exception | None = None
        self.done = asyncio.Event()

    async def __call__(self, request: BaseRequest) -> Response:
        try:
            with BodyReader(request, self.memory, self.config) as reader:
                self.body = await reader.read()
                self.held = self.memory.held
                self.content = await whole(self.body.content)
        except Exception as error:  # noqa: BLE001  # the test looks at it
            self.error = error
        self.done.set()
        response = Response()
        response.force_close()
        return response

    async def take(self, *pieces: bytes) -> RequestBody:
        """Read the body of this request; it must succeed."""
        async with serving(self) as port:
            await talk(port, *pieces)
        assert self.error is None
        assert self.body is not None
        return self.body

    async def refuse(self, *pieces: bytes) -> Exception:
        """Read the body of this request; it must fail."""
        async with serving(self) as port:
            await talk(port, *pieces)
        assert self.error is not None
        return self.error


async def whole(content: bytes | AsyncIterator[bytes] | None) -> bytes | None:
    if content is None or isinstance(content, bytes):
        return content
    return b"".join([piece async for piece in content])


def sized(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
async def reading() -> AsyncIterator[Reading]:
    """Nothing is held any more at the end."""
    reading = Reading()
    yield reading
    assert reading.memory.held == 0


async def test_no_framing_is_no_body(reading: Reading) -> None:
    body = await reading.take(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert (body.content, body.length, body.beginning, body.whole) == (None, None, b"", True)


async def test_a_length_of_0_is_an_empty_body(reading: Reading) -> None:
    """The provider is told the same: `Content-Length: 0` goes on."""
    body = await reading.take(sized(b""))

    assert (body.content, body.whole) == (b"", True)


async def test_a_small_body_is_held_so_that_it_can_be_sent_again(reading: Reading) -> None:
    body = await reading.take(sized(b"hello"))

    assert (body.content, body.length, body.beginning, body.whole) == (
        b"hello", None, b"hello", True,
    )  # fmt: skip
    assert reading.held == 5


async def test_a_chunked_body_that_turns_out_small_is_held(reading: Reading) -> None:
    body = await reading.take(CHUNKED + chunked(b"hel", b"lo"))

    assert (body.content, body.whole) == (b"hello", True)
    assert reading.held == 5


async def test_a_chunked_body_reserves_the_most_it_may_hold_until_its_size_is_known() -> None:
    reading = Reading(BodyConfig(max_held_bytes=BUFFERED_BYTES))
    reading.memory.take(1)

    error = await reading.refuse(CHUNKED + chunked(b"hello"))

    assert isinstance(error, ShedError)
    assert reading.memory.held == 1


async def test_a_large_body_streams_and_its_beginning_can_be_looked_at(reading: Reading) -> None:
    data = bytes(range(256)) * (BIG // 256 + 1)

    body = await reading.take(sized(data))

    assert not body.whole
    assert body.length == len(data)
    assert body.beginning == data[:PREFIX_BYTES]
    assert reading.content == data
    assert reading.held == PREFIX_BYTES


async def test_a_large_chunked_body_streams_without_a_length(reading: Reading) -> None:
    body = await reading.take(CHUNKED, chunked(*[b"x" * 65_536] * 20))

    assert (body.whole, body.length) == (False, None)
    assert len(body.beginning) == PREFIX_BYTES
    assert reading.content == b"x" * 65_536 * 20


async def test_a_body_that_says_it_is_too_large_is_refused_unread() -> None:
    reading = Reading(BodyConfig(max_bytes=10))

    error = await reading.refuse(HEAD + b"Content-Length: 11\r\n\r\n")

    assert isinstance(error, BodyTooLargeError)
    assert reading.memory.held == 0


@pytest.mark.parametrize(
    ("limit", "size"), [(10, 1000), (10, 100_000), (BIG + 100_000, BIG + 400_000)]
)
async def test_a_chunked_body_is_refused_when_it_has_become_too_large(
    limit: int, size: int
) -> None:
    """Held or streamed: it says its size only by being too large."""
    reading = Reading(BodyConfig(max_bytes=limit))

    error = await reading.refuse(CHUNKED, chunked(*[b"x" * 1000] * (size // 1000), b"x"))

    assert isinstance(error, BodyTooLargeError)
    assert str(limit) in str(error)
    assert reading.memory.held == 0


async def test_a_chunked_body_of_just_the_allowed_size_passes() -> None:
    reading = Reading(BodyConfig(max_bytes=10))

    assert (await reading.take(CHUNKED + chunked(b"x" * 10))).content == b"x" * 10


async def test_beyond_the_memory_for_all_bodies_a_request_is_shed_unread() -> None:
    reading = Reading(BodyConfig(max_held_bytes=100))
    reading.memory.take(90)

    error = await reading.refuse(HEAD + b"Content-Length: 11\r\n\r\n")

    assert isinstance(error, ShedError)
    assert (error.reason, error.retry_after) == (ShedReason.BUFFER_FULL, 1.0)
    assert repr(reading.memory) == "<BodyMemory 90/100 bytes>"


@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue"])
async def test_an_app_that_waits_for_leave_to_send_gets_it(reading: Reading, value: bytes) -> None:
    async with serving(reading) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"Content-Length: 2\r\nExpect: " + value + b"\r\n\r\n")
        interim = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hi")
        await reader.read()
        writer.close()
        await writer.wait_closed()

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert reading.content == b"hi"


async def test_an_http10_app_gets_no_interim_answer() -> None:
    """It would take it for the answer (RFC 9110, section 10.1.1)."""
    reading = Reading()
    head = b"POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"

    async with serving(reading) as port:
        answer = await talk(port, head + b"hi")

    assert reading.content == b"hi"
    assert b"100 Continue" not in answer


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (RequestPayloadError("sk-secret"), BadRequestError),
        (TransferEncodingError("sk-secret"), BadRequestError),
        (ConnectionResetError(), ClientGoneError),
    ],
)
async def test_what_goes_wrong_in_mid_body_is_the_app_s_fault_or_its_leaving(
    fault: Exception, error: type[Exception]
) -> None:
    loop = asyncio.get_running_loop()
    content = StreamReader(BaseProtocol(loop), 65_536, loop=loop)
    content.set_exception(fault)

    with pytest.raises(error) as caught:
        await _next(content)

    assert caught.value.__cause__ is fault
    assert "secret" not in str(caught.value)
