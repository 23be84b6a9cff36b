"""What is noted about one request on its way, for the event at its end."""

from dataclasses import dataclass

from sidecar.events import RequestFinished
from sidecar.outcomes import Endpoint, RejectionKind, RequestStatus
from sidecar.tokens import Usage
from sidecar.upstream.transport import RawHeaders

UNKNOWN = "none"
"""Upstream and model of a request that was refused before they were known."""


@dataclass(slots=True)
class RequestRecord:
    """One request's notes; times are loop seconds."""

    method: str
    arrived: float
    upstream: str = UNKNOWN
    model: str = UNKNOWN
    endpoint: Endpoint = Endpoint.OTHER
    status: RequestStatus = RequestStatus.CANCELLED
    """Cancelled until something else is known: what ends without an answer was left by the app."""
    http_status: int | None = None
    reason: str | None = None
    client_retry: bool = False
    attempts: int = 0
    body_read: float | None = None
    queue_wait: float | None = None
    """Seconds, over all attempts."""
    final: bool = False
    """Nothing more is tried, and the app's SDK should not try either."""
    sent: float | None = None
    """When the first attempt left."""
    first_wait: float = 0.0
    """Seconds in the queue before that."""
    first_byte: float | None = None
    usage: Usage | None = None
    """LLM tokens of all attempts, as far as they are known."""

    def used(self, usage: Usage) -> None:
        """An attempt used tokens."""
        self.usage = usage if self.usage is None else self.usage + usage

    def queued(self, seconds: float) -> None:
        """A wait ended, for a place or for somebody who went ahead, with it or without."""
        self.queue_wait = (self.queue_wait or 0.0) + seconds
        if self.sent is None:
            self.first_wait += seconds

    def own_fields(self) -> RawHeaders:
        """What every answer says of its way."""
        return (
            (b"x-sidecar-attempts", b"%d" % self.attempts),
            (b"x-sidecar-queue-ms", b"%d" % round((self.queue_wait or 0.0) * 1000)),
        )

    def finished(self, now: float) -> RequestFinished:
        """The event."""
        first_byte = None if self.first_byte is None else self.first_byte - self.arrived
        return RequestFinished(
            upstream=self.upstream,
            model=self.model,
            endpoint=self.endpoint,
            method=self.method,
            status=self.status,
            http_status=self.http_status,
            reason=self.reason,
            attempts=self.attempts,
            duration=now - self.arrived,
            queue_wait=self.queue_wait,
            first_byte=first_byte,
            overhead=self._overhead(),
            client_retry=self.client_retry,
            usage=self.usage,
        )

    def _overhead(self) -> float | None:
        """From the body's last byte to the sending of the first attempt, the queue excluded."""
        if self.sent is None or self.body_read is None:
            return None
        return self.sent - self.body_read - self.first_wait


def request_status(http_status: int, rejection: RejectionKind | None) -> RequestStatus:
    """How a provider's answer counts for the app."""
    if rejection is RejectionKind.OVERLOAD:
        return RequestStatus.OVERLOADED
    if http_status == 429 or rejection in (RejectionKind.RATE, RejectionKind.RAMP):
        return RequestStatus.RATE_LIMITED
    if http_status >= 500 or (http_status < 400 and rejection is not None):
        return RequestStatus.SERVER_ERROR
    return RequestStatus.CLIENT_ERROR if http_status >= 400 else RequestStatus.OK
