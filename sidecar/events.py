"""What happened, as facts: the union `Event`, and who listens.

Events carry only enums, numbers and bounded names: never a key, a header or a body.
"""

from dataclasses import dataclass
from typing import Protocol

from sidecar.outcomes import (
    Endpoint,
    LimitReason,
    RejectionKind,
    RequestStatus,
    UsageSource,
    WaitReason,
)
from sidecar.tokens import Usage


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
    usage: Usage | None = None
    """LLM tokens that it used, as far as they are known."""
    usage_source: UsageSource | None = None
    """None where no tokens are to be expected: a rejection, or a call that uses none."""


@dataclass(frozen=True, slots=True)
class RetryStarted:
    """A failed attempt is followed by another one, which has its place."""

    upstream: str
    model: str
    reason: RejectionKind


@dataclass(frozen=True, slots=True)
class CallShared:
    """A request was answered by the call of an identical one, or by an answer kept from it."""

    upstream: str
    model: str


@dataclass(frozen=True, slots=True)
class RequestsBatched:
    """One call to a provider carried several requests' embeddings."""

    upstream: str
    model: str
    requests: int
    """2 or more."""


@dataclass(frozen=True, slots=True)
class PrefixAwaited:
    """A request waited for another one to put their common prompt prefix into the provider's cache."""

    upstream: str
    model: str


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
    usage: Usage | None = None
    """LLM tokens of all its attempts, as far as they are known; None where another one's call
    served it."""


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
    | CallShared
    | RequestsBatched
    | PrefixAwaited
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
