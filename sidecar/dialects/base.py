"""What every dialect answers, and the table-driven way in which it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sidecar.dialects.request_model import JSON, MULTIPART, model_in_json, model_in_prefix
from sidecar.metering.usage import dig
from sidecar.outcomes import Endpoint, RejectionKind

ERROR_BODY_BYTES = 16_384
"""As much of an error body is read to classify it; providers' errors are far smaller."""

STATUS_KINDS: Mapping[int, RejectionKind] = {
    402: RejectionKind.QUOTA,
    408: RejectionKind.TRANSIENT,
    409: RejectionKind.TRANSIENT,  # SDKs retry it: "lock timeout"
    413: RejectionKind.TOO_LARGE,
    429: RejectionKind.RATE,
    500: RejectionKind.TRANSIENT,
    502: RejectionKind.TRANSIENT,
    503: RejectionKind.OVERLOAD,
    504: RejectionKind.TRANSIENT,
    529: RejectionKind.OVERLOAD,
}
"""What a status means where the error body says nothing more specific."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for, as far as the sidecar needs to know."""

    endpoint: Endpoint
    model: str | None
    """As the request names it; None where it names none or cannot be read."""


@dataclass(frozen=True, slots=True)
class OwnError:
    """An error that the sidecar answers itself."""

    status: int
    reason: str
    """Machine-readable: the value of `x-sidecar-reason`."""
    message: str
    """For people; never contains anything of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One provider's ways, as tables."""

    name: str
    endpoints: Mapping[str, Endpoint]
    """By the end of the path, without query."""
    label_paths: tuple[tuple[str, ...], ...]
    """Where an error document carries its machine-readable codes, most specific first."""
    label_kinds: Mapping[str, RejectionKind]
    """What a code means, whatever the status."""
    output_token_paths: tuple[tuple[str, ...], ...]
    """Where a whole answer carries the number of output tokens."""
    shape: Callable[[OwnError], Mapping[str, Any]]
    """The provider's error document for an error of our own."""
    status_kinds: Mapping[int, RejectionKind] = field(default_factory=lambda: STATUS_KINDS)
    reads_model: bool = True

    def describe(self, path: str, content_type: bytes, body: bytes, *, whole: bool) -> Call:
        """What the request asks for; never raises, whatever the body is.

        `path` without query; `whole` says whether `body` is all of it or only its beginning.
        """
        endpoint = self._endpoint(path)
        if not self.reads_model or not body:
            return Call(endpoint, None)
        kind = content_type.split(b";", 1)[0].strip().lower()
        if kind == JSON and whole:
            return Call(endpoint, model_in_json(body))
        if kind in (JSON, MULTIPART):
            return Call(endpoint, model_in_prefix(body, kind))
        return Call(endpoint, None)

    def _endpoint(self, path: str) -> Endpoint:
        for end, endpoint in self.endpoints.items():
            if path.endswith(end):
                return endpoint
        return Endpoint.OTHER

    def classify(self, status: int, body: bytes) -> RejectionKind | None:
        """The kind of a final answer; None where it is no rejection (2xx, 3xx, client errors)."""
        if status < 400:
            return None
        return self.classify_document(body) or self.status_kinds.get(status, _by_class(status))

    def classify_document(self, body: bytes) -> RejectionKind | None:
        """The kind that an error document names by its codes; None where it names none we know."""
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        for path in self.label_paths:
            label = dig(document, path)
            if isinstance(label, str) and label in self.label_kinds:
                return self.label_kinds[label]
        return None

    def error_body(self, error: OwnError) -> bytes:
        """The JSON body of an error of our own, in the provider's shape."""
        return orjson.dumps(self.shape(error))


def _by_class(status: int) -> RejectionKind | None:
    return RejectionKind.TRANSIENT if status >= 500 else None
