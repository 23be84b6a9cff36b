"""Answers for a provider that said its quota is used up, until it may have changed its mind."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sidecar.admission import LimitKey
from sidecar.admission.pool import OTHER
from sidecar.events import Observer, QuotaExhausted
from sidecar.outcomes import RejectionKind, RequestStatus, ShedReason
from sidecar.proxy.attempt import Refused
from sidecar.proxy.credential import fingerprint
from sidecar.proxy.held import HeldAnswer
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.retry.breaker import QuotaBreakers
from sidecar.upstream.transport import ResponseHead, UpstreamRequest

_Key = tuple[LimitKey, bytes]

_KEPT = (b"content-type", b"content-encoding")
"""Fields of the provider's refusal that are needed to read its body; the rest was about that call."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a provider said when it refused for want of quota."""

    head: ResponseHead
    body: bytes

    def tell(self, sink: AppSink, record: RequestRecord, retry_after: float) -> AnsweredResponse:
        """Say it again, in the provider's own words; seconds until the provider is asked again."""
        reason = ShedReason.QUOTA_EXHAUSTED.value
        record.reason, record.http_status = reason, self.head.status
        fields = [
            *(field for field in self.head.headers if field[0].lower() in _KEPT),
            (b"x-sidecar-reason", reason.encode()),
            (b"x-should-retry", b"false"),
            (b"Retry-After", b"%d" % max(1, math.ceil(retry_after))),
        ]
        answered = sink.answer(self.head.status, self.head.reason, fields, self.body)
        record.status = RequestStatus.SHED
        return answered


class Exhausted:
    """Which callers are out of quota for which model."""

    def __init__(
        self, *, enabled: bool, now: Callable[[], float], salt: bytes, observer: Observer
    ) -> None:
        """`salt` keeps fingerprints of credentials from meaning anything elsewhere."""
        self.breakers: QuotaBreakers[_Key, Refusal] = QuotaBreakers()
        self.now = now
        self._enabled = enabled
        self._salt = salt
        self._observer = observer

    def __repr__(self) -> str:
        return f"<Exhausted {self.breakers!r}>"

    def refused(
        self, limit: LimitKey, request: UpstreamRequest, sink: AppSink, record: RequestRecord
    ) -> AnsweredResponse | None:
        """Answer a call that cannot succeed, as its provider did; None = it may be made."""
        if not self.breakers:
            return None
        key = self.key(limit, request)
        refusal = self.breakers.refusal(key, self.now())
        if refusal is None:
            return None
        return refusal.tell(sink, record, self.breakers.retry_after(key, self.now()))

    def trial(self, limit: LimitKey, request: UpstreamRequest) -> "Trial":
        """A context for one attempt that was not `refused`, entered without waiting in between."""
        return Trial(self, limit, request)

    def key(self, limit: LimitKey, request: UpstreamRequest) -> _Key:
        """Whose quota a call uses."""
        return limit, fingerprint(request.headers, request.target, salt=self._salt)

    def learned(self, key: _Key, refusal: Refusal, reset: float | None) -> None:
        """The provider refused for want of quota.

        Calls that name no model share a limit, but hardly a quota: one's refusal says nothing of
        the next one, so they are always made.
        """
        if key[0].model == OTHER or not self._enabled:
            return
        if self.breakers.exhausted(key, refusal, reset, self.now()):
            seconds = self.breakers.retry_after(key, self.now())
            self._observer.notify(QuotaExhausted(key[0].upstream, key[0].model, seconds))


class Trial:
    """One attempt, and what it tells about its caller's quota."""

    def __init__(self, house: Exhausted, limit: LimitKey, request: UpstreamRequest) -> None:
        self._house = house
        self._limit = limit
        self._request = request
        self._probed: _Key | None = None

    def __enter__(self) -> Self:
        if self._house.breakers:
            key = self._house.key(self._limit, self._request)
            if self._house.breakers.sending(key):
                self._probed = key
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._probed is not None:
            self._house.breakers.told_nothing(self._probed)

    def ended(self, ending: AnsweredResponse | Refused, rejection: RejectionKind | None) -> None:
        """The attempt was answered, or refused; `rejection` is the kind in either case.

        Only a served call shows that there is quota again. A refusal that is too large to be kept,
        or stands inside of a stream, shows that there is none, but leaves nothing to answer with.
        """
        if isinstance(ending, Refused):
            answer = ending.answer
            if isinstance(answer, HeldAnswer) and rejection is RejectionKind.QUOTA:
                self._exhausted(answer, ending.failure.retry_after)
        elif rejection is None and self._probed is not None:
            self._house.breakers.served(self._probed)
            self._probed = None

    def _exhausted(self, answer: HeldAnswer, reset: float | None) -> None:
        key = self._probed or self._house.key(self._limit, self._request)
        self._house.learned(key, Refusal(answer.head, b"".join(answer.pieces)), reset)
        self._probed = None
