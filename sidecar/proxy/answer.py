"""Watches a served answer go by and says at its end how the attempt went.

Looking on must not fail a request: a bug in here ends the looking, not the relay, and is raised by
`finish`, when every byte has passed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.admission.permit import Permit
from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind, Verdict
from sidecar.dialects import Dialect
from sidecar.metering.first_byte import FirstByte
from sidecar.metering.framing import framing_of
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.usage import Usage
from sidecar.metering.whole_answer import WholeAnswer, error_in
from sidecar.outcomes import Outcome, RejectionKind
from sidecar.proxy.sink import ClientSink
from sidecar.upstream.transport import ResponseHead

_PREFILL_TOKENS = 32
"""Output tokens whose generation takes about as long as reading a prompt: added to an answer's
tokens before its time is divided by them, or short answers would look slow."""

_PUSH_BACK = (RejectionKind.RATE, RejectionKind.RAMP, RejectionKind.OVERLOAD)
"""The kinds that say something about capacity."""


def verdict_of(
    kind: RejectionKind | None, *, broken: bool, retry_after: float | None = None
) -> Verdict:
    """What a refusal of this kind is to the law; `broken`: the provider failed, whatever it says."""
    if kind in _PUSH_BACK:
        return Verdict(Outcome.OVERLOAD, kind, retry_after)
    return FAILED if broken else IGNORED


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt with an answer ended."""

    verdict: Verdict
    rejection: RejectionKind | None = None
    """Of an error inside of the answer."""
    tokens: int | None = None
    """LLM tokens used; None = the answer does not tell."""


class AnswerTap:
    """Stands before the sink: looks at the bytes, hands them on untouched. Implements BodySink."""

    def __init__(
        self,
        head: ResponseHead,
        dialect: Dialect,
        permit: Permit,
        sink: ClientSink,
        now: Callable[[], float],
    ) -> None:
        self.first_byte_at: float | None = None
        """Loop seconds; None until a meaningful body byte came."""
        self._head = head
        self._dialect = dialect
        self._permit = permit
        self._sink = sink
        self._now = now
        self._bug: Exception | None = None
        framing = framing_of(head.get(b"content-type"))
        self._first_byte = FirstByte(framing)
        encoding = head.get(b"content-encoding")
        self._encoding = encoding.strip().lower() if encoding else None
        self._streamed = framing.streamed and head.status < 300
        self._tap: StreamTail | WholeAnswer
        self._tap = StreamTail(framing) if self._streamed else WholeAnswer()

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Note what passes and pass it on."""
        if self._bug is None:
            try:
                self._look_at(pieces)
            except Exception as error:  # noqa: BLE001  # `finish` raises it
                self._bug = error
        return self._sink.write(pieces)

    async def drain(self) -> None:
        """Wait until the app has taken what is buffered for it."""
        await self._sink.drain()

    def _look_at(self, pieces: Sequence[bytes]) -> None:
        if self.first_byte_at is None:
            self._look_for_first_byte(pieces)
        self._tap.feed(pieces)

    def _look_for_first_byte(self, pieces: Sequence[bytes]) -> None:
        if self._encoding is not None or any(map(self._first_byte.feed, pieces)):
            self.first_byte_at = now = self._now()
            if self._streamed:
                latency = now - self._permit.ticket.sent_at
                self._permit.measure(latency, LatencyKind.FIRST_BYTE)

    def finish(self) -> Ending:
        """What the attempt came to, once the whole body has passed."""
        if self._bug is not None:
            raise self._bug
        usage = self._usage()
        tokens = None if usage is None else usage.input + usage.output
        kind = self._error()
        if kind is not None:
            broken = kind is RejectionKind.TRANSIENT
            return Ending(verdict_of(kind, broken=broken), kind, tokens)
        if not self._streamed:
            self._measure_whole(usage)
        return Ending(SUCCESS, None, tokens)

    def _error(self) -> RejectionKind | None:
        """The kind of an error that came with a status of success."""
        tap = self._tap
        if isinstance(tap, StreamTail):
            error = tap.error()
        else:
            body = tap.body(self._encoding)
            error = body and error_in(body)
        if not error:
            return None
        return self._dialect.classify_document(error) or RejectionKind.TRANSIENT

    def _usage(self) -> Usage | None:
        shapes, tap = self._dialect.usages, self._tap
        if isinstance(tap, StreamTail):
            return tap.usage(shapes)
        return tap.usage(shapes, self._encoding) or self._dialect.usage_in_headers(self._head.get)

    def _measure_whole(self, usage: Usage | None) -> None:
        """A whole answer's time says something only for its length."""
        latency = self._now() - self._permit.ticket.sent_at
        if usage is not None and usage.output:
            per_token = latency / (usage.output + _PREFILL_TOKENS)
            self._permit.measure(per_token, LatencyKind.PER_TOKEN)
        else:
            self._permit.measure(latency, LatencyKind.TOTAL)
