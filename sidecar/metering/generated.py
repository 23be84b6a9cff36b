"""Estimates how many LLM tokens a stream generated, where it broke off before it said so.

Most providers send a token an event; others send a sentence or more at once. So the estimate is one
token for each event with text, or one for four bytes of that text, whichever is more. What nobody
sees (hidden thoughts, arguments of Gemini's calls, images) is not in it.
"""

from collections.abc import Iterable

from sidecar.metering.documents import parsed
from sidecar.metering.events import Event

BYTES_PER_TOKEN = 4
"""Of generated text, in UTF-8."""

_TEXTS = frozenset(
    (
        "arguments", "content", "delta", "input", "partial_json", "reasoning", "reasoning_content",
        "refusal", "response", "text", "thinking", "tool_plan",
    )
)  # fmt: skip
"""What providers call the part of the answer that an event brings."""

_ELSEWHERE = frozenset(("logprobs", "reasoning_details"))
"""These tell the same text again."""

_MOST_LEVELS = 12


def generated_tokens(events: Iterable[Event]) -> float:
    """The tokens in these events."""
    count = size = 0
    for event in events:
        made = _text_bytes(parsed(event.text))
        if made:
            count += 1
            size += made
    return max(float(count), size / BYTES_PER_TOKEN)


def _text_bytes(document: object) -> int:
    """Bytes of the text that one event brings; not of a text that it sums up."""
    if not isinstance(document, dict):
        return 0
    kind = document.get("type")
    if isinstance(kind, str) and kind.startswith("response.") and not kind.endswith(".delta"):
        return 0  # of a Responses stream: the whole text so far, in some events
    if document.get("event_type") == "stream-end":
        return 0  # Cohere's first API: the whole answer once more
    return _bytes_within(document, _MOST_LEVELS)


def _bytes_within(value: object, levels: int) -> int:
    if not levels:
        return 0
    if isinstance(value, list):
        return sum(_bytes_within(item, levels - 1) for item in value)
    if not isinstance(value, dict):
        return 0
    total = 0
    for name, item in value.items():
        if not isinstance(item, str):
            total += _bytes_within(item, levels - 1) if name not in _ELSEWHERE else 0
        elif name in _TEXTS:
            total += len(item) if item.isascii() else len(item.encode("utf-8", "replace"))
    return total
