"""The one place where errors become HTTP."""

import math
from dataclasses import dataclass
from http import HTTPStatus

from sidecar.dialects import Dialect, OwnError
from sidecar.errors import (
    AnswerTooLargeError,
    BadRequestError,
    BodyTooLargeError,
    CertificateError,
    ClientGoneError,
    ConfigError,
    ConnectError,
    ConnectTimeoutError,
    DeadlineError,
    ListenError,
    NoAnswerError,
    NoRouteError,
    ReviewError,
    SdkDeadlineError,
    ShedError,
    SidecarError,
    StreamBrokenError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeoutError,
    VectorsError,
)
from sidecar.outcomes import RequestStatus, ShedReason
from sidecar.upstream.transport import RawHeaders


@dataclass(frozen=True, slots=True)
class Rescue:
    """How one kind of error is answered."""

    http_status: int
    reason: str
    message: str
    status: RequestStatus
    again: bool
    """Whether the same call may succeed on a later try; if not, SDKs are told so."""


_SERVER = RequestStatus.SERVER_ERROR
_CLIENT = RequestStatus.CLIENT_ERROR

INTERNAL = Rescue(500, "internal", "Internal error.", _SERVER, again=False)
"""For a bug."""

RESCUES: dict[type[SidecarError], Rescue] = {
    NoRouteError: Rescue(404, "no_route", "No upstream serves this path.", _CLIENT, again=False),
    BodyTooLargeError: Rescue(
        413, "body_too_large", "The request body is too large.", _CLIENT, again=False
    ),
    BadRequestError: Rescue(
        400, "bad_request", "The request is not valid HTTP.", _CLIENT, again=False
    ),
    ConnectError: Rescue(
        502, "upstream_connect", "The provider cannot be reached.", _SERVER, again=True
    ),
    UpstreamTimeoutError: Rescue(
        504, "upstream_timeout", "The provider did not answer in time.", _SERVER, again=True
    ),
    ConnectTimeoutError: Rescue(
        504, "upstream_timeout", "The provider cannot be reached in time.", _SERVER, again=True
    ),
    DeadlineError: Rescue(
        504,
        "deadline",
        "The request's deadline passed before an answer began.",
        _SERVER,
        again=False,
    ),
    SdkDeadlineError: Rescue(
        504,
        "deadline",
        "No answer began within the SDK's timeout; the call goes on for its next try.",
        _SERVER,
        again=True,
    ),
    UpstreamProtocolError: Rescue(
        502, "upstream_protocol", "The provider's answer was not valid HTTP.", _SERVER, again=True
    ),
    NoAnswerError: Rescue(
        502, "upstream_protocol", "The provider hung up without an answer.", _SERVER, again=True
    ),
    StreamBrokenError: Rescue(
        502, "upstream_protocol", "The provider's answer broke off.", _SERVER, again=True
    ),
    AnswerTooLargeError: Rescue(
        502, "upstream_protocol", "The provider's answer is too large.", _SERVER, again=False
    ),
    VectorsError: Rescue(  # asked for twice already, and paid for
        502,
        "upstream_protocol",
        "The provider's vectors do not fit the inputs.",
        _SERVER,
        again=False,
    ),
    UpstreamError: Rescue(502, "upstream_protocol", "The provider failed.", _SERVER, again=True),
    # Nobody is left to read it; named so that every error has its entry.
    ClientGoneError: Rescue(499, "client_gone", "", RequestStatus.CANCELLED, again=False),
    # The last four are of starting and of the injector: no request meets them.
    **dict.fromkeys(
        (SidecarError, ConfigError, ListenError, CertificateError, ReviewError), INTERNAL
    ),
}
"""By class, the nearest ancestor counting; sheds are in `SHED_MESSAGES`."""

SHED_MESSAGES: dict[ShedReason, str] = {
    ShedReason.QUEUE_FULL: "The sidecar's queue for this model is full.",
    ShedReason.QUEUE_TIMEOUT: "No place became free within the sidecar's queue timeout.",
    ShedReason.DEADLINE: "The request's deadline passed while it waited for a place.",
    ShedReason.BUFFER_FULL: "The sidecar holds as many request bodies as it may.",
    ShedReason.DRAINING: "The sidecar is shutting down.",
    ShedReason.QUOTA_EXHAUSTED: "The provider's quota is used up.",
    ShedReason.WEBSOCKETS_FULL: "As many WebSockets are open as the sidecar may hold.",
}


def rescue_of(error: SidecarError) -> Rescue:
    """How this error is answered."""
    if isinstance(error, ShedError):
        message = SHED_MESSAGES[error.reason]
        return Rescue(503, error.reason.value, message, RequestStatus.SHED, again=True)
    return next(RESCUES[kind] for kind in type(error).__mro__ if kind in RESCUES)


def rescue_answer(
    rescue: Rescue, dialect: Dialect, *, retry_after: float | None = None, final: bool = False
) -> tuple[RawHeaders, bytes]:
    """Header fields and body that an app's SDK understands; `final`: it was tried often enough."""
    error = OwnError(rescue.http_status, rescue.reason, rescue.message)
    headers = [
        (b"Content-Type", b"application/json"),
        *dialect.error_headers(error),
        (b"x-sidecar-reason", rescue.reason.encode()),
    ]
    if final or not rescue.again:
        headers.append((b"x-should-retry", b"false"))
    elif retry_after is not None:
        headers.append((b"Retry-After", b"%d" % max(1, math.ceil(retry_after))))
    return headers, dialect.error_body(error)


def reason_phrase(status: int) -> bytes:
    """The status line's words."""
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Error"
