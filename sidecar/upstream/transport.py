"""The seam between the pipeline and whatever speaks HTTP to a provider.

A response hands its body to the sink itself (`relay`), so that bytes can go from one socket to the
other without a task waking up for each chunk.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.upstream.tunnel import Line

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Header fields in wire order, names in their original case, duplicates kept."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection goes: connections are pooled by this value."""

    tls: bool
    host: str
    port: int

    @property
    def host_header(self) -> bytes:
        """The value of `Host`: the port only where it is not the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.tls else 80
        return (name if self.port == default else f"{name}:{self.port}").encode("ascii")


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One exchange to be made; resendable where the body is bytes."""

    origin: Origin
    method: str
    target: bytes = field(repr=False)
    """Raw origin-form target, sent as it is (`/v1/files/a%2Fb?x=1`)."""
    headers: RawHeaders = field(repr=False)
    """End-to-end fields only: no Host, no framing, no hop-by-hop fields; the transport adds those."""
    body: bytes | AsyncIterator[bytes] | None = field(repr=False)
    """None = the request has no body at all (then no framing header is sent either)."""
    content_length: int | None = None
    """Length of a streamed body where it is known; None = it is sent chunked."""
    websocket: bool = False
    """Ask to go on as a WebSocket: a 101 may be the answer. Such a request has no body."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A final response's status line and fields, as they came."""

    status: int
    reason: bytes
    headers: RawHeaders
    """All fields, hop-by-hop ones included; names in their original case."""
    content_length: int | None
    """None where the body is chunked or ends with the connection; 0 where there is no body."""

    def get(self, name: bytes) -> bytes | None:
        """The first value of the field with this lower-case name."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None


class BodySink(Protocol):
    """Where a response's body goes."""

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Take the body pieces of one read; False = full: `drain` before writing more."""
        ...

    async def drain(self) -> None:
        """Wait until there is room again. Raises ClientGoneError when there never will be."""
        ...


class UpstreamResponse(Protocol):
    """Head read, body not."""

    @property
    def head(self) -> ResponseHead: ...

    @property
    def trailers(self) -> RawHeaders:
        """Trailer fields; complete once `relay` has returned."""
        ...

    async def relay(self, sink: BodySink) -> None:
        """Hand the whole body to `sink`, with back-pressure; call once.

        Raises StreamBrokenError when the body ends too early or is malformed, UpstreamTimeoutError
        when no byte came for the read timeout, and whatever the sink raises.
        """
        ...

    async def join(self, app: Line) -> None:
        """Behind a 101, in place of `relay`: pass bytes both ways until both sides have ended."""
        ...


class Transport(Protocol):
    """Makes exchanges."""

    def exchange(self, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamResponse]:
        """Send the request and read the response's head.

        Leaving the context before the body was relayed to its end closes the connection.
        Raises ConnectError, UpstreamTimeoutError or UpstreamProtocolError.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
