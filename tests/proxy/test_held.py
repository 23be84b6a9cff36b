"""A provider's error answer between its arrival and what becomes of it."""

import gzip
from collections.abc import Sequence

import pytest

from sidecar.dialects.base import ERROR_BODY_BYTES
from sidecar.proxy.held import HeldAnswer
from sidecar.upstream.transport import RawHeaders, ResponseHead


class Sink:
    """The app's end."""

    def __init__(self, *, room: bool = True) -> None:
        self.got: list[bytes] = []
        self.room = room
        self.drained = 0

    def write(self, pieces: Sequence[bytes]) -> bool:
        self.got += pieces
        return self.room

    async def drain(self) -> None:
        self.drained += 1


def held(sink: Sink, headers: RawHeaders = ()) -> HeldAnswer:
    head = ResponseHead(429, b"Too Many Requests", headers, None)
    return HeldAnswer(head, lambda: sink, now=lambda: 100.0)


def test_a_small_answer_is_kept_and_nothing_reaches_the_app() -> None:
    sink = Sink()
    answer = held(sink)

    assert answer.write([b'{"error"', b":"])
    assert answer.write([b"{}}"])

    assert answer.pieces == [b'{"error"', b":", b"{}}"]
    assert answer.document() == b'{"error":{}}'
    assert answer.first_byte_at == 100.0
    assert not answer.gone
    assert sink.got == []


def test_a_compressed_one_is_decoded_aside() -> None:
    answer = held(Sink(), [(b"Content-Encoding", b" GZip ")])
    body = gzip.compress(b'{"error":{}}')
    answer.write([body])

    assert answer.document() == b'{"error":{}}'
    assert answer.pieces == [body]


@pytest.mark.parametrize("room", [True, False])
async def test_one_that_is_too_large_goes_on_at_once(room: bool) -> None:
    """Whether it comes in one read or in many."""
    sink = Sink(room=room)
    answer = held(sink)
    large = bytes(ERROR_BODY_BYTES)

    assert answer.write([large])
    assert sink.got == []
    assert answer.write([b"x"]) is room
    assert answer.gone
    assert sink.got == [large, b"x"]
    assert answer.write([b"y"]) is room
    await answer.drain()

    assert sink.got == [large, b"x", b"y"]
    assert sink.drained == 1
    assert answer.document() == b""


async def test_one_that_is_too_slow_can_be_let_go_and_only_once() -> None:
    sink = Sink()
    answer = held(sink)
    answer.write([b'{"err'])

    assert answer.let_go()
    assert answer.let_go()
    assert answer.write([b'or":1}'])

    assert sink.got == [b'{"err', b'or":1}']
    assert answer.document() == b'{"err', "it is judged by what was there"


async def test_a_head_alone_can_be_let_go() -> None:
    sink = Sink(room=False)
    answer = held(sink)

    await answer.drain()
    assert sink.drained == 0
    assert answer.let_go()
    assert sink.got == []
    assert answer.first_byte_at is None
