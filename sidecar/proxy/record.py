"""What is noted about one request on its way, for the event at its end."""

from dataclasses import dataclass

from sidecar.events import RequestFinished
from sidecar.outcomes import Endpoint, RequestStatus

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
    sent: float | None = None
    first_byte: float | None = None

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
        )

    def _overhead(self) -> float | None:
        """From the body's last byte to the sending of the first attempt, the queue excluded."""
        if self.sent is None or self.body_read is None:
            return None
        return self.sent - self.body_read - (self.queue_wait or 0.0)
