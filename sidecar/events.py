"""What happened, as facts: the union `Event`, and who listens.

Events carry only enums, numbers and bounded names: never a key, a header or a body.
"""

from dataclasses import dataclass
from typing import Protocol

from sidecar.outcomes import Endpoint, LimitReason, RejectionKind, RequestStatus, WaitReason


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """The enforced limit moved."""

    upstream: str
    model: str
    before: int
    after: int
    reason: LimitReason


@dataclass(frozen=True, slots=True)
class RequestQueued:
    """A request, or its retry, cannot go at once and waits in line."""

    upstream: str
    model: str
    reason: WaitReason
    """What the head of the line waits for."""


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """One exchange with a provider ended, however."""

    upstream: str
    model: str
    http_status: int | None
    """None where no response head came."""
    rejection: RejectionKind | None
    first_byte: float | None
    """Seconds from sending to the first meaningful body byte; None where none came."""


@dataclass(frozen=True, slots=True)
class RetryStarted:
    """A failed attempt is followed by another one, which has its place."""

    upstream: str
    model: str
    reason: RejectionKind


@dataclass(frozen=True, slots=True)
class QuotaExhausted:
    """A provider says that money or allowance is used up: its calls are not made for a while."""

    upstream: str
    model: str
    seconds: float
    """Until the provider is asked again."""


@dataclass(frozen=True, slots=True)
class RequestFinished:
    """A request of the app ended, however."""

    upstream: str
    model: str
    endpoint: Endpoint
    method: str
    status: RequestStatus
    http_status: int | None
    """What the app got; None where it got nothing."""
    reason: str | None
    """Value of `x-sidecar-reason` where the sidecar answered itself, or cut the answer off."""
    attempts: int
    duration: float
    """Seconds from the request's head to the answer's end."""
    queue_wait: float | None
    """Seconds in the queue; None where it never asked for a place."""
    first_byte: float | None
    """Seconds from the request's head to the answer's first meaningful byte."""
    overhead: float | None
    """Seconds that the sidecar itself added before the request left for the provider."""
    client_retry: bool
    """The app's SDK says that this is a retry of its own."""


@dataclass(frozen=True, slots=True)
class BugFound:
    """Something of our own raised what it must not.

    Where it only looked on, its request was served all the same, else answered with 500.
    """

    error: Exception


Event = (
    LimitChanged
    | RequestQueued
    | AttemptFinished
    | RetryStarted
    | QuotaExhausted
    | RequestFinished
    | BugFound
)


class Observer(Protocol):
    """Listens."""

    def notify(self, event: Event) -> None:
        """Take note; quick, synchronous, never raising."""
        ...


class NullObserver:
    """Hears nothing."""

    def notify(self, event: Event) -> None:
        """Do nothing."""
