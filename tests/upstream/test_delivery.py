"""The push path and its back-pressure, without sockets."""

import asyncio

import pytest

from sidecar.errors import ClientGoneError, StreamBrokenError, UpstreamProtocolError
from sidecar.upstream.delivery import Delivery
from sidecar.upstream.response_reader import ResponseReader
from tests.upstream.exchanges import CHUNKED, OK, FailingSink, Sink, SlowSink, settle


class RecordingTap:
    def __init__(self) -> None:
        self._paused = False

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False

    def paused(self) -> bool:
        return self._paused


def delivery(tap: RecordingTap | None = None, *, read_ahead: int = 100) -> Delivery:
    return Delivery(
        ResponseReader(for_head=False, max_head_bytes=65536),
        tap or RecordingTap(),
        read_ahead=read_ahead,
        loop=asyncio.get_running_loop(),
    )


async def test_the_head_wakes_who_waits_for_it() -> None:
    subject = delivery()
    async with asyncio.TaskGroup() as group:
        head = group.create_task(subject.head())
        await settle()
        subject.feed(b"HTTP/1.1 418 Teapot\r\n")
        await settle()
        assert not head.done()
        subject.feed(b"\r\n")

    assert head.result().status == 418


async def test_pieces_reach_the_sink_before_feed_returns() -> None:
    subject, sink = delivery(), Sink()
    subject.feed(CHUNKED)
    async with asyncio.TaskGroup() as group:
        relay = group.create_task(subject.relay(sink))
        await settle()
        subject.feed(b"1\r\na\r\n1\r\nb\r\n")
        assert sink.writes == [[b"a", b"b"]]
        subject.feed(b"1\r\nc\r\n0\r\n\r\n")
        assert sink.writes == [[b"a", b"b"], [b"c"]]
        assert not relay.done()


async def test_a_read_without_body_bytes_is_no_write() -> None:
    subject, sink = delivery(), Sink()
    subject.feed(CHUNKED)
    async with asyncio.TaskGroup() as group:
        group.create_task(subject.relay(sink))
        await settle()
        subject.feed(b"1\r\n")
        subject.feed(b"a\r\n0\r\n")
        subject.feed(b"X: y\r\n\r\n")

    assert sink.writes == [[b"a"]]


async def test_what_came_before_relay_is_handed_on_at_once() -> None:
    subject, sink = delivery(), Sink()
    subject.feed(OK)

    await subject.relay(sink)

    assert sink.writes == [[b"ok"]]


async def test_reading_pauses_when_nobody_relays_and_goes_on_when_somebody_does() -> None:
    tap, sink = RecordingTap(), Sink()
    subject = delivery(tap, read_ahead=100)
    subject.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n")
    assert not tap.paused()
    subject.feed(b"x" * 101)
    assert tap.paused()

    async with asyncio.TaskGroup() as group:
        group.create_task(subject.relay(sink))
        await settle()
        assert not tap.paused()
        subject.feed(b"x" * 99)

    assert sink.body == b"x" * 200


async def test_a_long_head_does_not_pause_reading() -> None:
    tap = RecordingTap()
    subject = delivery(tap, read_ahead=10)

    subject.feed(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000)

    assert not tap.paused()


async def test_a_full_sink_pauses_reading_until_it_is_drained() -> None:
    tap, sink = RecordingTap(), SlowSink()
    subject = delivery(tap)
    subject.feed(CHUNKED)
    async with asyncio.TaskGroup() as group:
        group.create_task(subject.relay(sink))
        await settle()
        subject.feed(b"1\r\na\r\n")
        assert tap.paused()
        await sink.draining.wait()
        subject.feed(b"1\r\nb\r\n")  # a TLS layer may hand on what it had
        await settle()
        assert sink.writes == [[b"a"]]
        assert tap.paused()

        sink.drained.set()
        await settle()
        assert sink.writes == [[b"a"], [b"b"]]
        assert not tap.paused()
        subject.feed(b"0\r\n\r\n")


async def test_nothing_is_drained_after_the_last_piece() -> None:
    subject, sink = delivery(), SlowSink()
    subject.feed(OK)

    await subject.relay(sink)

    assert sink.drains == 0


async def test_a_response_that_ends_while_the_sink_is_full_is_still_delivered() -> None:
    subject, sink = delivery(), SlowSink()
    subject.feed(CHUNKED + b"1\r\na\r\n")
    async with asyncio.TaskGroup() as group:
        group.create_task(subject.relay(sink))
        await sink.draining.wait()
        subject.feed(b"1\r\nb\r\n0\r\n\r\n")
        sink.drained.set()

    assert sink.writes == [[b"a"], [b"b"]]


async def test_every_byte_before_a_break_is_delivered_before_the_error() -> None:
    """Also when the sink was full as it broke."""
    subject, sink = delivery(), SlowSink()
    subject.feed(CHUNKED + b"1\r\na\r\n")
    async with asyncio.TaskGroup() as group:
        relay = group.create_task(expect_broken(subject, sink))
        await sink.draining.wait()
        subject.feed(b"1\r\nb\r\nnonsense")
        sink.drained.set()

    assert isinstance(relay.result(), StreamBrokenError)
    assert sink.writes == [[b"a"], [b"b"]]


async def expect_broken(subject: Delivery, sink: Sink) -> StreamBrokenError:
    with pytest.raises(StreamBrokenError) as caught:
        await subject.relay(sink)
    return caught.value


async def test_what_the_sink_raises_ends_the_relay() -> None:
    subject = delivery()
    subject.feed(CHUNKED)
    async with asyncio.TaskGroup() as group:
        relay = group.create_task(expect_gone(subject))
        await settle()
        subject.feed(b"1\r\na\r\n")
        assert subject.failed
        subject.feed(b"1\r\nb\r\n")

    assert relay.done()


async def expect_gone(subject: Delivery) -> None:
    with pytest.raises(ClientGoneError, match="first"):
        await subject.relay(FailingSink(ClientGoneError("first")))


async def test_what_drain_raises_ends_the_relay() -> None:
    class Gone(SlowSink):
        async def drain(self) -> None:
            raise ClientGoneError("left")

    subject = delivery()
    subject.feed(CHUNKED + b"1\r\na\r\n")

    with pytest.raises(ClientGoneError, match="left"):
        await subject.relay(Gone())


async def test_the_first_failure_counts() -> None:
    subject = delivery()
    subject.fail(UpstreamProtocolError("first"))
    subject.fail(UpstreamProtocolError("second"))
    subject.lose(None)

    with pytest.raises(UpstreamProtocolError, match="first"):
        await subject.head()


async def test_only_a_told_end_completes_a_body_without_framing() -> None:
    told, lost = delivery(), delivery()
    for subject in (told, lost):
        subject.feed(b"HTTP/1.1 200 OK\r\n\r\nhalf or whole")

    told.end()
    lost.lose(ConnectionResetError())

    await told.relay(Sink())
    with pytest.raises(StreamBrokenError) as caught:
        await lost.relay(Sink())
    assert isinstance(caught.value.__cause__, ConnectionResetError)


async def test_losing_the_connection_after_the_end_is_no_failure() -> None:
    subject = delivery()
    subject.feed(OK)

    subject.lose(ConnectionResetError())

    assert not subject.failed


async def test_a_wake_up_that_meets_a_cancelled_waiter_does_no_harm() -> None:
    subject = delivery()
    async with asyncio.TaskGroup() as group:
        head = group.create_task(subject.head())
        await settle()
        head.cancel()
        subject.feed(OK)

    assert head.cancelled()
    assert (await subject.head()).status == 200
