"""Frames are what Amazon's own SDK reads."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidecar.simulator.protocol import eventstream
from tests.support import splits


def _read(pieces: list[bytes]) -> list[tuple[dict[str, Any], bytes]]:
    from botocore.eventstream import EventStreamBuffer

    buffer = EventStreamBuffer()  # raises for a wrong checksum
    for piece in pieces:
        buffer.add_data(piece)
    return [(message.headers, message.payload) for message in buffer]


@given(
    st.lists(st.text(max_size=300), min_size=1, max_size=5),
    st.lists(st.integers(0, 10_000), max_size=8),
)
def test_events_are_read_however_they_are_cut(texts: list[str], cuts: list[int]) -> None:
    stream = b"".join(eventstream.event("chunk", {"text": text}) for text in texts)

    read = _read(splits(stream, cuts))

    assert len(read) == len(texts)
    for headers, payload in read:
        assert headers == {
            ":event-type": "chunk",
            ":content-type": "application/json",
            ":message-type": "event",
        }
        assert payload.startswith(b'{"text":')


def test_an_exception_names_itself() -> None:
    ((headers, payload),) = _read(
        [eventstream.exception("throttlingException", {"message": "Slow down"})]
    )

    assert headers[":message-type"] == "exception"
    assert headers[":exception-type"] == "throttlingException"
    assert payload == b'{"message":"Slow down"}'
