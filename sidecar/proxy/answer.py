"""Watches one attempt's answer go by and says at its end how the attempt went.

Looking on must not fail a request: a bug in here ends the looking, not the relay, and is raised by
`finish`, when every byte has passed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sidecar.admission.limiter import Permit
from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind, Verdict
from sidecar.dialects import Dialect
from sidecar.dialects.base import ERROR_BODY_BYTES
from sidecar.metering.taps import FirstByte, StreamTail, WholeAnswer
from sidecar.metering.usage import output_tokens
from sidecar.outcomes import Outcome, RejectionKind
from sidecar.proxy.sink import ClientSink
from sidecar.retry.retry_after import retry_after
from sidecar.upstream.transport import ResponseHead

_PREFILL_TOKENS = 32
"""Output tokens whose generation takes about as long as reading a prompt: added to an answer's
tokens before its time is divided by them, or short answers would look slow."""

_STREAMS = (b"text/event-stream", b"application/x-ndjson")
_PUSH_BACK = (RejectionKind.RATE, RejectionKind.RAMP, RejectionKind.OVERLOAD)


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
        self._first_byte = FirstByte()
        encoding = head.get(b"content-encoding")
        self._encoding = encoding.strip().lower() if encoding else None
        kind = (head.get(b"content-type") or b"").split(b";", 1)[0].strip().lower()
        self._streamed = head.status < 300 and kind in _STREAMS
        self._tap: StreamTail | WholeAnswer
        if self._streamed:
            self._tap = StreamTail()
        else:
            self._tap = WholeAnswer() if head.status < 400 else WholeAnswer(ERROR_BODY_BYTES)

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

    def finish(self, wall: datetime) -> tuple[Verdict, RejectionKind | None]:
        """The attempt's verdict, once the whole body has passed."""
        if self._bug is not None:
            raise self._bug
        kind = self._rejection()
        if kind in _PUSH_BACK:
            hint = retry_after(self._head.get, wall=wall)
            return Verdict(Outcome.OVERLOAD, kind, hint), kind
        if self._head.status >= 500 or (self._streamed and kind is RejectionKind.TRANSIENT):
            return FAILED, kind
        if self._head.status >= 400 or kind is not None:
            return IGNORED, kind
        if not self._streamed:
            self._measure_whole()
        return SUCCESS, None

    def _rejection(self) -> RejectionKind | None:
        if isinstance(self._tap, StreamTail):
            error = self._tap.error()
            if error is None:
                return None
            return self._dialect.classify_document(error) or RejectionKind.TRANSIENT
        if self._head.status < 400:
            return None
        return self._dialect.classify(self._head.status, self._tap.body(self._encoding) or b"")

    def _measure_whole(self) -> None:
        """A whole answer's time says something only for its length."""
        if not isinstance(self._tap, WholeAnswer):
            return
        latency = self._now() - self._permit.ticket.sent_at
        tokens = None
        if self._dialect.output_token_paths:
            body = self._tap.body(self._encoding)
            tokens = body and output_tokens(body, self._dialect.output_token_paths)
        if tokens:
            per_token = latency / (tokens + _PREFILL_TOKENS)
            self._permit.measure(per_token, LatencyKind.PER_TOKEN)
        else:
            self._permit.measure(latency, LatencyKind.TOTAL)
