"""The listening side: aiohttp's low-level server, with our manners for what it cannot parse."""

import asyncio
import logging
from itertools import islice
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage

from sidecar.dialects import DIALECTS
from sidecar.errors import BadRequestError, ClientGoneError
from sidecar.proxy.handler import ProxyHandler
from sidecar.proxy.hang_ups import HangUps
from sidecar.proxy.rescue import RESCUES, reason_phrase, rescue_answer
from sidecar.proxy.sink import CLOSE
from sidecar.upstream.tunnel import End, Line

_HEAD_BYTES = 65_536
"""Longest request line and header field: long tokens in headers are legal, and upstreams decide."""

_MAX_FIELDS = 256

_LINGER = 2.0
"""Seconds in which the rest of a refused upload is read away, so that the refusal is seen."""

_MALFORMED = RESCUES[BadRequestError]

# aiohttp logs what it could not parse, bytes of the request included: nobody may hear that.
_SILENT = logging.Logger("sidecar.proxy.silent", level=logging.CRITICAL + 1)


class ProxyServer(web.Server):
    """A server that hands every request to one handler and cancels it when the app leaves.

    Construct it inside the running event loop.
    """

    def __init__(self, handler: ProxyHandler) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._handler = handler
        self._hang_ups = HangUps(self._loop)

    def __call__(self) -> web.RequestHandler:
        """A protocol for a new connection."""
        return _Connection(
            self._hang_ups,
            self,
            loop=self._loop,
            access_log=None,
            logger=_SILENT,
            auto_decompress=False,  # bodies pass as they are
            max_line_size=_HEAD_BYTES,
            max_field_size=_HEAD_BYTES,
            max_headers=_MAX_FIELDS,
            lingering_time=_LINGER,
        )

    async def shutdown(self, timeout: float | None = None) -> None:
        """Close all connections."""
        await super().shutdown(timeout)
        self._hang_ups.close()

    def malformed(self) -> None:
        """A request was refused before it became one."""
        self._handler.refused("UNKNOWN", _MALFORMED)


class _Connection(web.RequestHandler):
    """One connection of the app."""

    __slots__ = ("_descriptor", "_hang_ups", "_newest")

    _newest: StreamReader
    """The newest request's body, which may still be arriving."""

    def __init__(self, hang_ups: HangUps, manager: ProxyServer, **arguments: Any) -> None:
        super().__init__(manager, **arguments)
        self._hang_ups = hang_ups
        self._descriptor = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the socket, which the end of the connection does not name any more."""
        self._descriptor = transport.get_extra_info("socket").fileno()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel whatever is being done for the app."""
        self._hang_ups.forget(self._descriptor)
        super().connection_lost(exc)

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Close. What is still under way is cancelled at once; aiohttp would let it run first."""
        task = self._task_handler
        if self._current_request is not None and self.transport is not None and task is not None:
            self.transport.abort()  # as when the app leaves
            await asyncio.wait([task], timeout=timeout)
        await super().shutdown(timeout)

    def _pause_transport_reading(self) -> None:
        """aiohttp's one place where it stops reading: a body is full, or too much is pipelined."""
        super()._pause_transport_reading()
        if self.transport is not None and not self.transport.is_closing():
            heir = self.transport.get_protocol()
            # `close` is what the loop does with an end that it reads.
            hung_up = heir.hung_up if isinstance(heir, End) else self.transport.close
            self._hang_ups.watch(self._descriptor, hung_up)

    def _resume_transport_reading(self) -> None:
        self._hang_ups.forget(self._descriptor)
        super()._resume_transport_reading()

    def data_received(self, data: bytes) -> None:
        """Take a read; see to it that nobody waits for a body whose framing broke in the middle.

        aiohttp queues the fault as a message of its own, behind the request whose body it is in,
        and leaves that body open: its reader would wait for ever.
        """
        known = len(self._messages)
        super().data_received(data)
        if len(self._messages) > known:
            for message, body in islice(self._messages, known, None):
                if isinstance(message, RawRequestMessage):
                    self._newest = body
                elif hasattr(self, "_newest") and not self._newest.is_eof():
                    self._newest.set_exception(web.RequestPayloadError("malformed"))

    @property
    def upgrading(self) -> bool:
        """See `Upgradable`: aiohttp stops at a handshake, and keeps what follows as it is.

        The request at which it stopped is the last one: while another one waits, it is not its turn.
        """
        return self._upgraded and not self._messages

    def hand_over(self) -> Line:
        """See `Upgradable`."""
        if self.transport is None:
            raise ClientGoneError("the app closed its connection")
        early, self._message_tail = self._message_tail, b""
        self._buffer_paused = False  # the tail was what it was for
        return Line(self.transport, self, early, full=self.writing_paused)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002  # aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Answer what is not HTTP (conflicting lengths, bare LF, spaces in names, …) with 400."""
        if status == _MALFORMED.http_status and self.transport is not None:
            self.transport.write(_malformed_answer())
            if isinstance(self._manager, ProxyServer):
                self._manager.malformed()
        return CLOSE


def _malformed_answer() -> bytes:
    """Whole, and without what aiohttp would add: no `Server`, no HTTP/1.0."""
    fields, body = rescue_answer(_MALFORMED, DIALECTS["other"])
    status = _MALFORMED.http_status
    lines = [
        b"HTTP/1.1 %d %b" % (status, reason_phrase(status)),
        *(b"%b: %b" % field for field in fields),
        b"x-sidecar-attempts: 0",
        b"x-sidecar-queue-ms: 0",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
