"""Watches a served answer go by and says at its end how the attempt went.

Looking on must not fail a request: a bug in here ends the looking, not the relay, and is raised by
`finish`, when every byte has passed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.admission.permit import Permit
from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind, Verdict
from sidecar.dialects import Dialect
from sidecar.metering.decoding import Decoder, decoder, plain
from sidecar.metering.first_byte import FirstByte
from sidecar.metering.framing import framing_of
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.whole_answer import WholeAnswer, error_in
from sidecar.outcomes import Endpoint, Outcome, RejectionKind, UsageSource
from sidecar.proxy.sink import AppSink
from sidecar.tokens import Usage
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
    usage: Usage | None = None
    """LLM tokens used, as far as they are known."""
    usage_source: UsageSource | None = None
    """None where no tokens are to be expected."""

    @property
    def tokens(self) -> int | None:
        """LLM tokens used in all; None where the answer does not tell."""
        return None if self.usage is None else self.usage.input + self.usage.output


class AnswerTap:
    """Stands before the sink: looks at the bytes, hands them on untouched. Implements BodySink."""

    def __init__(
        self,
        head: ResponseHead,
        dialect: Dialect,
        permit: Permit,
        sink: AppSink,
        now: Callable[[], float],
        *,
        endpoint: Endpoint = Endpoint.OTHER,
        prompt_tokens: int = 0,
    ) -> None:
        """`endpoint`: OTHER is one whose answers need not tell of LLM tokens; `prompt_tokens`: what
        the request is guessed to bring, should the answer break off before it told."""
        self.first_byte_at: float | None = None
        """Loop seconds; None until a meaningful body byte came."""
        self._head = head
        self._dialect = dialect
        self._permit = permit
        self._sink = sink
        self._write_on = sink.write
        self._now = now
        self._metered = endpoint is not Endpoint.OTHER and head.status < 300
        self._prompt_tokens = prompt_tokens
        self._bug: Exception | None = None
        framing = framing_of(head.get(b"content-type"))
        self._first_byte = FirstByte(framing)
        encoding = head.get(b"content-encoding")
        self._encoding = encoding.strip().lower() if encoding else None
        self._streamed = framing.streamed and head.status < 300
        self._tap: StreamTail | WholeAnswer
        self._tap = StreamTail(framing) if self._streamed else WholeAnswer()
        self._decoder: Decoder | None = None
        if self._streamed and not plain(self._encoding):
            self._decoder = decoder(self._encoding)
        self._look_at: Callable[[Sequence[bytes]], None] = self._look_at_first

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Note what passes and pass it on: the hot path."""
        try:
            self._look_at(pieces)
        except Exception as error:  # noqa: BLE001  # `finish` raises it
            self._bug = error
            self._look_at = _look_away
        return self._write_on(pieces)

    async def drain(self) -> None:
        """Wait until the app has taken what is buffered for it."""
        await self._sink.drain()

    def _look_at_first(self, pieces: Sequence[bytes]) -> None:
        """Until the answer begins."""
        read = pieces if self._decoder is None else self._decoded(pieces)
        if self._blind() or any(map(self._first_byte.feed, read)):
            self.first_byte_at = now = self._now()
            if self._streamed:
                latency = now - self._permit.ticket.sent_at
                self._permit.measure(latency, LatencyKind.FIRST_BYTE)
            self._look_at = self._tap.feed if self._decoder is None else self._look_into
        self._tap.feed(read)

    def _look_into(self, pieces: Sequence[bytes]) -> None:
        self._tap.feed(self._decoded(pieces))

    def _decoded(self, pieces: Sequence[bytes]) -> Sequence[bytes]:
        """What a compressed stream says; decoded read by read, for the bound on each."""
        if self._decoder is None:
            return pieces
        return [self._decoder.feed(pieces[0] if len(pieces) == 1 else b"".join(pieces))]

    def _blind(self) -> bool:
        """Whether the bytes cannot be told apart: any is the first one then."""
        if self._decoder is None:
            return not plain(self._encoding)  # a whole answer is decoded at its end
        return self._decoder.failed

    def _end_looking(self) -> None:
        self._look_at = _look_away  # a method of its own would keep it, and what it keeps, alive
        if self._bug is not None:
            raise self._bug

    def finish(self) -> Ending:
        """What the attempt came to, once the whole body has passed."""
        self._end_looking()
        kind = self._error()
        usage, source = self._usage(kind)
        if kind is not None:
            broken = kind is RejectionKind.TRANSIENT
            return Ending(verdict_of(kind, broken=broken), kind, usage, source)
        if not self._streamed:
            self._measure_whole(usage)
        return Ending(SUCCESS, None, usage, source)

    def broken(self) -> Usage | None:
        """What an answer used that did not come to its end; None where it had not begun, or nothing
        is known and nothing to be expected.

        An estimate, exact only in what the provider had told by then. Of a whole answer nothing is
        known but the prompt: its text may be long done, and none of it here.
        """
        self._end_looking()
        if self.first_byte_at is None or self._head.status >= 300:
            return None
        if self._metered and isinstance(self._tap, StreamTail):
            return self._tap.so_far(self._dialect.usages, self._prompt_tokens)
        told = self._told()
        return told or (Usage(self._prompt_tokens, 0) if self._metered else None)

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

    def _usage(self, error: RejectionKind | None) -> tuple[Usage | None, UsageSource | None]:
        """The LLM tokens used, and how they are known."""
        usage = self._told()
        if usage is not None:
            return usage, UsageSource.TOLD
        if not self._metered or self.first_byte_at is None:
            return None, None
        if self._tells_nonsense():
            return None, UsageSource.INVALID
        if error is None:
            return None, UsageSource.ABSENT
        usage = self.broken()
        if self._streamed and usage is not None and usage.output:
            return usage, UsageSource.ESTIMATED
        return None, None  # refused, though with a status of success: nothing was generated

    def _told(self) -> Usage | None:
        shapes, tap = self._dialect.usages, self._tap
        if isinstance(tap, StreamTail):
            return tap.usage(shapes)
        return tap.usage(shapes, self._encoding) or self._dialect.usage_in_headers(self._head.get)

    def _tells_nonsense(self) -> bool:
        shapes, tap = self._dialect.usages, self._tap
        if isinstance(tap, StreamTail):
            return tap.tells_nonsense(shapes)
        return tap.tells_nonsense(shapes, self._encoding)

    def _measure_whole(self, usage: Usage | None) -> None:
        """A whole answer's time says something only for its length."""
        latency = self._now() - self._permit.ticket.sent_at
        if usage is not None and usage.output:
            per_token = latency / (usage.output + _PREFILL_TOKENS)
            self._permit.measure(per_token, LatencyKind.PER_TOKEN)
        else:
            self._permit.measure(latency, LatencyKind.TOTAL)


def _look_away(_pieces: Sequence[bytes]) -> None:
    """After a bug of our own."""
