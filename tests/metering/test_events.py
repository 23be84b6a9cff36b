"""Taking streams apart into events."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.events import Event, split, texts_from_end
from sidecar.metering.framing import Framing
from tests.metering.wire import chunk_frame, event_frame, exception_frame, line, sse


def test_events_are_data_lines_and_have_the_name_that_stands_before_them() -> None:
    stream = b": wait\n\n" + sse(1) + sse(2, "error") + b"data:3\r\n\r\nid: 5\nretry: 9\n"

    assert list(split(stream, Framing.EVENTS)) == [Event(b"1"), Event(b"2", True), Event(b"3")]


def test_a_name_ends_with_its_event() -> None:
    assert list(split(sse(1, "error") + sse(2), Framing.EVENTS)) == [
        Event(b"1", True),
        Event(b"2"),
    ]


def test_lines_are_events() -> None:
    assert list(split(line(1) + line(2), Framing.LINES)) == [Event(b"1"), Event(b"2")]


def test_frames_are_events_and_so_is_what_a_chunk_wraps() -> None:
    stream = event_frame("a", 1) + chunk_frame(2) + exception_frame("x", "m")

    assert list(split(stream, Framing.FRAMES)) == [
        Event(b"1"),
        Event(b"2"),
        Event(b'{"__type":"x","message":"m"}', True),
    ]


PARTS = {
    Framing.EVENTS: (
        sse(1),
        sse({"a": 1}, "error"),
        b": wait\n\n",
        b"\r\n",
        b"data: 1\rdata: 2\r",
        b"event: x\n",
    ),
    Framing.LINES: (line(1), line({"a": "b"}), b"\n", b"{"),
    Framing.FRAMES: (event_frame("a", 1), chunk_frame(2), exception_frame("x", "m"), b"\0\0"),
}


@given(st.data())
def test_from_the_end_they_are_the_same_ones(data: st.DataObject) -> None:
    framing, parts = data.draw(st.sampled_from(list(PARTS.items())))
    stream = b"".join(data.draw(st.lists(st.sampled_from(parts), max_size=8)))

    forward = [event.text for event in split(stream, framing)]
    backward = list(texts_from_end(stream, framing))

    assert [text for text in backward if text] == [text for text in forward[::-1] if text]
