"""How an answer's body is divided into events."""

from enum import Enum


class Framing(Enum):
    """What the content type says about the body."""

    WHOLE = "whole"
    """One document, complete only at its end (Gemini's array of answers included)."""
    EVENTS = "events"
    """Server-sent events: `data:` lines."""
    LINES = "lines"
    """One JSON document a line (Ollama, Cohere's first API)."""
    FRAMES = "frames"
    """AWS event-stream frames (Bedrock)."""

    @property
    def streamed(self) -> bool:
        """Whether the answer comes while it is generated."""
        return self is not Framing.WHOLE


_FRAMINGS = {
    b"text/event-stream": Framing.EVENTS,
    b"application/x-ndjson": Framing.LINES,
    b"application/stream+json": Framing.LINES,
    b"application/vnd.amazon.eventstream": Framing.FRAMES,
}


def framing_of(content_type: bytes | None) -> Framing:
    """The framing of a body with this content type."""
    kind = (content_type or b"").split(b";", 1)[0].strip().lower()
    return _FRAMINGS.get(kind, Framing.WHOLE)
