"""Everything that can go wrong on the way, as one tree.

    SidecarError
    ├── ShedError               refused at our own door: reason, retry_after
    ├── NoRouteError            no upstream of that name
    ├── BodyTooLargeError       request body over the limit
    ├── BadRequestError         the request cannot be understood as HTTP
    ├── ClientGoneError         the app's connection is closed
    ├── DeadlineError           the request's own deadline passed while the provider worked
    │   └── SdkDeadlineError        its SDK's patience ended, but its next try can join the call
    ├── UpstreamError           the provider, or the way to it
    │   ├── ConnectError            refused, DNS, TLS
    │   ├── UpstreamTimeoutError    no byte for too long
    │   │   └── ConnectTimeoutError     not even a connection
    │   ├── UpstreamProtocolError   not HTTP, or closed before a whole head
    │   │   ├── NoAnswerError           closed before a single byte
    │   │   └── AnswerTooLargeError     more than can be kept
    │   ├── StreamBrokenError       ended or garbled in mid-body
    │   └── VectorsError            embeddings that do not fit the inputs, asked for twice
    ├── ReviewError             the injector was asked about something that is no pod
    ├── CertificateError        a certificate and its key that cannot be used
    ├── ListenError             a port cannot be had
    └── ConfigError             settings that cannot work

A provider's 4xx or 5xx is not an error here: it is a response to relay.
Nothing in this tree knows HTTP statuses; `proxy/rescue.py` does.
Messages never contain request or response bytes.
"""

from sidecar.outcomes import ShedReason


class SidecarError(Exception):
    """Root of the tree."""


class ShedError(SidecarError):
    """The sidecar refused a request at its own door."""

    def __init__(self, reason: ShedReason, *, retry_after: float | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.retry_after = retry_after
        """Seconds after which a new try makes sense; None = unknown."""


class NoRouteError(SidecarError):
    """No upstream is configured under that name."""


class BodyTooLargeError(SidecarError):
    """The request body exceeds the configured maximum."""


class BadRequestError(SidecarError):
    """The request is no HTTP/1, or its body's framing cannot be read."""


class ClientGoneError(SidecarError):
    """The app closed its connection."""


class DeadlineError(SidecarError):
    """The request's own deadline passed before the provider's answer began."""


class SdkDeadlineError(DeadlineError):
    """The app's SDK is about to stop waiting; the call goes on, and its next try can join it."""


class UpstreamError(SidecarError):
    """The provider, or the way to it, failed."""


class ConnectError(UpstreamError):
    """No connection: refused, unreachable, unknown name, or TLS failed."""


class UpstreamTimeoutError(UpstreamError):
    """No byte came for too long: the call may well have been served, and paid for."""


class ConnectTimeoutError(UpstreamTimeoutError):
    """Connecting took too long: nothing was sent."""


class UpstreamProtocolError(UpstreamError):
    """What came is not HTTP, or the connection ended before a whole response head."""


class NoAnswerError(UpstreamProtocolError):
    """The connection ended before a single byte of an answer."""


class AnswerTooLargeError(UpstreamProtocolError):
    """An answer that has to be kept whole is larger than any sensible one."""


class StreamBrokenError(UpstreamError):
    """The response body ended too early or is malformed."""


class VectorsError(UpstreamError):
    """Not one vector for each input, and not when asked for again in smaller calls either."""


class ReviewError(SidecarError):
    """The injector's request is no AdmissionReview of a pod; the message says where it differs."""


class CertificateError(SidecarError):
    """A certificate and its private key cannot be read, or do not belong together."""


class ListenError(SidecarError):
    """A port cannot be had; the message names its setting."""


class ConfigError(SidecarError):
    """Settings that cannot work; `problems` has one line per wrong setting."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
