"""Answers that are kept whole, and told later."""

import pytest

from sidecar.errors import AnswerTooLargeError
from sidecar.proxy.collected import CollectedAnswer
from sidecar.upstream.transport import ResponseHead
from tests.proxy.serving import KeepingSink

FIELDS = ((b"Content-Type", b"application/json"), (b"ETag", b"x"), (b"Content-Length", b"4"))


def _collected(*pieces: bytes, status: int = 200) -> CollectedAnswer:
    answer = CollectedAnswer()
    answer.start(ResponseHead(status, b"Said", FIELDS, 4), FIELDS)
    for piece in pieces:
        assert answer.write([piece])
    answer.finish(())
    return answer


async def test_an_answer_is_told_as_it_came() -> None:
    sink = KeepingSink(full=True)
    answer = _collected(b"ab", b"cd", status=418)

    await answer.tell(sink)

    assert (sink.head, sink.headers) == (ResponseHead(418, b"Said", FIELDS, 4), FIELDS)
    assert (sink.body, sink.finished, sink.drained) == (b"abcd", True, 1)
    assert repr(answer) == "<CollectedAnswer 418 4 bytes>"


async def test_an_answer_without_a_body_is_one_too() -> None:
    sink = KeepingSink()

    await _collected(status=204).tell(sink)

    assert (sink.writes, sink.finished) == ([], True)


async def test_another_body_has_a_length_of_its_own_and_nothing_that_is_not_true_of_it() -> None:
    sink = KeepingSink()

    await _collected(b"abcd").tell_instead(sink, ((b"x-own", b"1"),), b"efghij")

    assert sink.head == ResponseHead(200, b"Said", (), 6)
    assert list(sink.headers) == [FIELDS[0], (b"x-own", b"1"), (b"Content-Length", b"6")]
    assert sink.body == b"efghij"


async def test_an_answer_of_the_sidecars_own_is_kept_too() -> None:
    answer, sink = CollectedAnswer(), KeepingSink()
    answer.answer(429, b"No", ((b"x-sidecar-reason", b"quota_exhausted"),), b"no")

    await answer.tell(sink)

    assert answer.started
    assert not answer.served
    assert list(sink.headers) == [
        (b"x-sidecar-reason", b"quota_exhausted"),
        (b"Content-Length", b"2"),
    ]


def test_only_a_plain_body_is_readable() -> None:
    for encoding, readable in ((b"gzip", False), (b"Identity", True), (b"", True)):
        answer = CollectedAnswer()
        fields = ((b"Content-Encoding", encoding),)
        answer.start(ResponseHead(200, b"OK", fields, None), fields)
        assert answer.readable is readable
    assert CollectedAnswer().readable


def test_an_answer_larger_than_any_sensible_one_is_not_kept() -> None:
    mebibyte = bytes(1_048_576)
    answer = _collected(mebibyte)

    with pytest.raises(AnswerTooLargeError):
        answer.write([b"x"])
    assert answer.body == b""


def test_many_vectors_may_be_many_bytes() -> None:
    answer = CollectedAnswer()
    answer.expect(inputs=4, request_bytes=1_000)

    answer.write([bytes(2_097_152), bytes(2_000)])
    with pytest.raises(AnswerTooLargeError):
        answer.write([b"x"])
