"""How a body is divided."""

import pytest

from sidecar.metering.framing import Framing, framing_of


@pytest.mark.parametrize(
    ("content_type", "framing"),
    [
        (b"text/event-stream", Framing.EVENTS),
        (b"Text/Event-Stream; charset=utf-8", Framing.EVENTS),
        (b"application/x-ndjson", Framing.LINES),
        (b"application/stream+json", Framing.LINES),
        (b"application/vnd.amazon.eventstream", Framing.FRAMES),
        (b"application/json", Framing.WHOLE),
        (b"audio/mpeg", Framing.WHOLE),
        (b"", Framing.WHOLE),
        (None, Framing.WHOLE),
    ],
)
def test_the_content_type_tells_the_framing(content_type: bytes | None, framing: Framing) -> None:
    assert framing_of(content_type) is framing


def test_all_but_a_whole_document_is_streamed() -> None:
    assert {framing for framing in Framing if not framing.streamed} == {Framing.WHOLE}
