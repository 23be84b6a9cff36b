"""Finds the error and the usage in a stream that has passed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import Enum

from sidecar.metering.documents import dig, parsed
from sidecar.metering.ends import HEAD_BYTES, TAIL_BYTES, Ends
from sidecar.metering.events import split, texts_from_end
from sidecar.metering.fragments import find_usage_in_fragment, tells_nonsense_in_fragment
from sidecar.metering.framing import Framing
from sidecar.metering.generated import generated_tokens
from sidecar.metering.usage import Found, UsageShape, find_usage, tells_nonsense
from sidecar.tokens import Usage

_ERROR_TYPES = ("error", "response.failed")
_FINISH = ("delta", "finish_reason")


class Nonsense(Enum):
    """What stands in a place for figures and is none."""

    NONSENSE = "nonsense"


_ERROR_WORDS = (b"error",)
_ERROR_FRAMES = (b"error", b"exception", b"chunk")  # what is in a chunk cannot be seen
"""One of these stands in every stream that has an error."""


class StreamTail:
    """Keeps a stream's two ends while it passes, and looks into them once, when it has passed."""

    __slots__ = ("_begin", "_cut", "_end", "_ends", "_framing")

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._ends = Ends()
        self._begin = b""
        """The stream's beginning, where something between it and the end was not kept."""
        self._cut = b""
        """The end's first line, of which then some is missing."""
        self._end: bytes | None = None
        """The rest of the end, once it is known to be the end."""

    @property
    def feed(self) -> Callable[[Sequence[bytes]], None]:
        """Takes what passes: the ends' own, for this is the hot path."""
        return self._ends.feed

    def error(self) -> bytes | None:
        """The last error document in the stream, or None.

        An error is the last event of a stream that has one: `event: error`, `data: {"error": …}`
        (OpenAI), `{"type": "error", …}` (Anthropic, Responses), `{"type": "response.failed", …}`
        (Responses), `{"object": "error", …}` (Mistral), a last event whose reason to finish is ERROR
        (Cohere), a line `{"error": …}` (Ollama), or an exception frame (Bedrock), whose type stands
        under `__type` in what is given.
        """
        end = self._taken()
        words = _ERROR_FRAMES if self._framing is Framing.FRAMES else _ERROR_WORDS
        if all(end.rfind(word) < 0 for word in words):  # several times as fast as `in`
            return None
        for event in reversed(list(split(end, self._framing))):
            if event.is_error:
                return event.text
            if b'"error"' in event.text and _is_error(parsed(event.text)):
                return event.text
        return None

    def usage(self, shapes: Sequence[UsageShape]) -> Usage | None:
        """What the stream says it used; None where it does not, or says nonsense.

        Figures are cumulative everywhere: the last ones count. Anthropic tells the input only in
        the first event, so what the last figures leave out is taken from such an opening.
        """
        told = self._told(shapes)
        return told if isinstance(told, Usage) else None

    def tells_nonsense(self, shapes: Sequence[UsageShape]) -> bool:
        """Whether something stands in the last place for figures, or in the first, that is none."""
        return self._told(shapes) is Nonsense.NONSENSE

    def so_far(self, shapes: Sequence[UsageShape], prompt_tokens: int) -> Usage:
        """What a stream that broke off used until then, as far as can be seen.

        The last figures that it told count. Where it told none, the input is that of its opening,
        or else `prompt_tokens`, and the output an estimate from the text that passed (see
        `metering.generated`); of what was not kept it is supposed that it was like the end.
        """
        last = self._last([shape for shape in shapes if not shape.opens])
        if isinstance(last, Found):
            return self.usage(shapes) or last.usage
        made, first = self._generated(), self._opening(shapes)
        if not isinstance(first, Found):
            return Usage(prompt_tokens, made)
        return replace(first.usage, output=max(first.usage.output, made))

    def _generated(self) -> int:
        made = generated_tokens(split(self._taken(), self._framing))
        if self._begin:
            made *= (self._ends.size - HEAD_BYTES) / TAIL_BYTES
            made += generated_tokens(split(self._begin, self._framing))
        return round(made)

    def _told(self, shapes: Sequence[UsageShape]) -> Usage | Nonsense | None:
        last, first = self._last(shapes), self._opening(shapes)
        if isinstance(last, Nonsense) or isinstance(first, Nonsense):
            return Nonsense.NONSENSE
        if last is None or first is None:
            found = last or first
            return None if found is None else found.usage
        told = {name: value for name, value in last.figures.items() if value is not None}
        return last.shape.read({**first.figures, **told})

    def _last(self, shapes: Sequence[UsageShape]) -> Found | Nonsense | None:
        end = self._taken()
        if self._framing is Framing.FRAMES or _told_in(end, shapes):
            last = _first_figures(texts_from_end(end, self._framing), shapes)
            if last is not None:
                return last
        if not self._cut:
            return None
        if tells_nonsense_in_fragment(self._cut, shapes):
            return Nonsense.NONSENSE
        return find_usage_in_fragment(self._cut, shapes)

    def _opening(self, shapes: Sequence[UsageShape]) -> Found | Nonsense | None:
        opens = [shape for shape in shapes if shape.opens]
        if not opens:
            return None
        end = self._taken()
        texts = (event.text for event in split(self._begin or end, self._framing))
        return _first_figures(texts, opens)

    def _taken(self) -> bytes:
        """The end without its cut line; after the first call nothing may be fed."""
        if self._end is None:
            self._begin, self._end = self._ends.take()
            if self._begin and self._framing is not Framing.FRAMES:
                self._cut, _, self._end = self._end.partition(b"\n")
        return self._end


def _first_figures(texts: Iterable[bytes], shapes: Sequence[UsageShape]) -> Found | Nonsense | None:
    """The first figures in these events; only texts that may have some are parsed."""
    for text in texts:
        if _told_in(text, shapes):
            document = parsed(text)
            found = find_usage(document, shapes)
            if found is not None:
                return found
            if tells_nonsense(document, shapes):
                return Nonsense.NONSENSE
    return None


def _told_in(text: bytes, shapes: Sequence[UsageShape]) -> bool:
    """Whether there may be figures, and not only null in their places: OpenAI's streams are full of
    that."""
    for marker, place in {shape.marker: shape.place for shape in shapes}.items():
        last = text.rfind(marker)
        if last >= 0 and (place.match(text, last) or place.search(text)):
            return True
    return False


def _is_error(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    if document.get("error") or document.get("object") == "error":
        return True
    return document.get("type") in _ERROR_TYPES or dig(document, _FINISH) == "ERROR"
