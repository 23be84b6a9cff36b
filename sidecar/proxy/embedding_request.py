"""Which requests of the app are embeddings calls that may be merged or cut, and how they are remade."""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from sidecar.outcomes import Endpoint
from sidecar.proxy.pipeline import Ask
from sidecar.sharing.embedding_call import EmbeddingCall, read_call
from sidecar.sharing.embedding_shapes import EmbeddingShape, embedding_shape
from sidecar.sharing.silent_fields import silent
from sidecar.upstream.headers import uncompressed
from sidecar.upstream.transport import UpstreamRequest

_ABOUT_BODY = frozenset(
    (
        b"content-encoding",
        b"content-md5",
        b"digest",
        b"content-digest",
        b"signature",
        b"x-amz-content-sha256",
        b"idempotency-key",
        b"x-idempotency-key",
    )
)
"""Fields that would be wrong beside another body, or say that it cannot be read. To a second body
under the same key for idempotency a provider may give the answer to the first."""


_LEAST_INPUT = 3
"""Bytes: `"",` is the shortest."""
_LEAST_TOKEN = 2
"""Bytes: `1,`."""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A request that may be merged with others or cut."""

    ask: Ask
    call: EmbeddingCall

    @property
    def key(self) -> Hashable:
        """Equal for requests that may be merged: a merged call has one encoding for all."""
        request = self.ask.request
        fields = tuple(
            (lower, value)
            for name, value in request.headers
            if not silent(lower := name.lower()) and lower != b"accept-encoding"
        )
        about = (self.ask.route.upstream.name, request.target, self.ask.priority)
        return about, self.ask.sdk_retries, fields, self.call.shape, self.call.alike


def shape_of(ask: Ask) -> EmbeddingShape | None:
    """The shape of an embeddings call whose body may be read and changed; None = anything else."""
    request = ask.request
    if ask.call.endpoint is not Endpoint.EMBEDDINGS or request.method != "POST":
        return None
    if any(name.lower() in _ABOUT_BODY for name, _ in request.headers):
        return None
    return embedding_shape(ask.route.upstream.dialect.name, ask.route.path)


def read_request(ask: Ask, shape: EmbeddingShape) -> EmbeddingRequest | None:
    """The request, read; None where it has to pass as it is."""
    body = ask.request.body
    call = read_call(shape, body) if isinstance(body, bytes) else None
    return None if call is None else EmbeddingRequest(ask, call)


def most_in(body: bytes) -> tuple[int, int]:
    """Inputs and LLM tokens that a body of this length can have at most, without reading it."""
    return len(body) // _LEAST_INPUT, len(body) // _LEAST_TOKEN


def with_body(request: UpstreamRequest, body: bytes) -> UpstreamRequest:
    """The same request with another body, asking for an answer that can be read."""
    return replace(readable(request), body=body)


def readable(request: UpstreamRequest) -> UpstreamRequest:
    """The same request, asking for an answer without a content coding."""
    return replace(request, headers=uncompressed(request.headers))
