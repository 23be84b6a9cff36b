"""Exchanges with providers over raw HTTP/1.1: the `Transport` of production.

Nothing is added to a request but Host and framing, nothing is taken from a response: no redirects,
cookies, decompression, User-Agent.

**Sending again.** A provider may close a kept connection in the moment we use it. RFC 9110, section
9.2.2, lets a client repeat a POST only if it knows that the first was not processed, and an LLM call
costs money. We send once more, on a new connection, only if all of this holds: the connection had
served before; it ended before a single byte of an answer (an interim response counts as one); that
happened within `stale_window` of our sending, so the provider had no time to think; the body is in
memory, or there is none. Chromium and Firefox repeat in this case whatever the method, without the
time limit; Go repeats a POST only if nothing could be written. A streamed body is never repeated.

**Answers before the end of an upload.** A final status of 300 or more means that the provider wants
no more of the body: the upload stops. A 2xx leaves it running beside the relay. In both cases the
connection is used again only if the whole body had gone out.

**A 101** is the end of HTTP on its connection: `join` makes it one end of a tunnel.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from sidecar.errors import ConnectError, UpstreamProtocolError
from sidecar.upstream.config import UpstreamConfig
from sidecar.upstream.connection import Connection
from sidecar.upstream.connector import Connector
from sidecar.upstream.delivery import Delivery
from sidecar.upstream.pool import Pool, Shelf
from sidecar.upstream.request_head import encode_head
from sidecar.upstream.response_reader import SWITCHED, ResponseReader
from sidecar.upstream.transport import (
    BodySink,
    RawHeaders,
    ResponseHead,
    UpstreamRequest,
    UpstreamResponse,
)
from sidecar.upstream.tunnel import Line, Tunnel
from sidecar.upstream.upload import Upload

__all__ = ["RawTransport", "UpstreamConfig"]

_JOINED_BODY_BYTES = 65536
"""Up to here, copying a body behind its head costs less than a second write."""


class RawTransport:
    """Makes exchanges on kept connections; construct it inside the running event loop."""

    def __init__(self, config: UpstreamConfig) -> None:
        loop = asyncio.get_running_loop()
        self._config = config
        self._pool = Pool(idle_timeout=config.idle_timeout, loop=loop)
        self._connector = Connector(config, loop=loop, owner=self._pool)

    def __repr__(self) -> str:
        return f"<RawTransport {self._pool!r}>"

    @property
    def open_connections(self) -> int:
        """Connections that exist, busy or idle."""
        return self._pool.open

    @property
    def idle_connections(self) -> int:
        """Connections that wait for an exchange."""
        return self._pool.idle

    @property
    def connections_opened(self) -> int:
        """Connections opened since the start."""
        return self._pool.opened_total

    def exchange(self, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamResponse]:
        """See `Transport.exchange`; a request that cannot be written safely is a ValueError."""
        return _Exchange(request, self._pool, self._connector, self._config)

    async def close(self) -> None:
        """Close every connection, those of exchanges under way too."""
        await self._pool.close()


class _Exchange:
    """One exchange: a context manager that is its own response."""

    __slots__ = (
        "_config",
        "_connection",
        "_connector",
        "_delivery",
        "_pool",
        "_request",
        "_shelf",
        "_upload",
    )

    _delivery: Delivery
    _shelf: Shelf

    def __init__(
        self,
        request: UpstreamRequest,
        pool: Pool,
        connector: Connector,
        config: UpstreamConfig,
    ) -> None:
        self._request = request
        self._pool = pool
        self._connector = connector
        self._config = config
        self._connection: Connection | None = None  # None before sending and after settling
        self._upload: Upload | None = None

    # The response

    @property
    def head(self) -> ResponseHead:
        """The final response's head."""
        head = self._delivery.reader.head
        if head is None:
            raise RuntimeError("the exchange has not been entered")
        return head

    @property
    def trailers(self) -> RawHeaders:
        """Trailer fields; complete once `relay` has returned."""
        return self._delivery.reader.trailers

    async def relay(self, sink: BodySink) -> None:
        """See `UpstreamResponse.relay`."""
        if self._connection is None:
            raise RuntimeError("relay outside of the exchange, or twice")
        await self._delivery.relay(sink)
        if self._upload is None:
            self._settle(self._connection)

    async def join(self, app: Line) -> None:
        """See `UpstreamResponse.join`."""
        if self._connection is None or self.head.status != SWITCHED:
            raise RuntimeError("join outside of the exchange, or without a 101")
        await Tunnel(app, self._connection.release(), loop=asyncio.get_running_loop()).run()

    # The context

    async def __aenter__(self) -> UpstreamResponse:
        request, pool = self._request, self._pool
        self._shelf = shelf = pool.shelf(request.origin)
        head = encode_head(request, shelf.host)
        if pool.shut:
            raise ConnectError("the transport is closed")
        kept = pool.take(shelf)
        if kept is not None:
            try:
                await self._attempt(kept, head)
            except UpstreamProtocolError:
                if not self._may_send_again(kept):
                    raise
            else:
                return self
        await self._attempt(await self._connector.open(request.origin), head)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            await self._leave(self._connection)

    # Steps

    async def _attempt(self, connection: Connection, head: bytes) -> None:
        """Send the request and wait for the response's head."""
        self._connection = connection
        reader = ResponseReader(
            for_head=self._request.method == "HEAD",
            max_head_bytes=self._config.max_head_bytes,
            websocket=self._request.websocket,
        )
        self._delivery = connection.begin(reader)
        try:
            self._send(connection, head)
            response = await self._delivery.head()
            if self._upload is not None and response.status >= 300:
                await self._upload.stop()
        except BaseException:
            connection.abort()
            await self._leave(connection)
            raise

    def _send(self, connection: Connection, head: bytes) -> None:
        body = self._request.body
        if body is None:
            connection.send(head)
        elif not isinstance(body, bytes):
            connection.send(head)
            self._upload = Upload(connection, body, self._request.content_length)
        elif len(body) <= _JOINED_BODY_BYTES:
            connection.send(head + body)
        else:
            connection.send(head)
            connection.send(body)

    def _may_send_again(self, connection: Connection) -> bool:
        """Whether a kept connection turned out to have been closed already; see the top."""
        delay = connection.cut_unanswered_after
        if delay is None or self._upload is not None:
            return False
        return delay < self._config.stale_window

    async def _leave(self, connection: Connection) -> None:
        """Stop what runs; close unless the response is complete and all of the request was sent."""
        sent = self._upload is None or self._upload.done
        if not (sent and self._delivery.reader.complete):
            connection.abort()  # first: the provider notices at once, and `stop` may be cancelled
        if self._upload is not None:
            await self._upload.stop()
        self._settle(connection)

    def _settle(self, connection: Connection) -> None:
        """Back to the pool, or closed; exactly once."""
        self._connection = None
        if connection.finish():
            self._pool.put(self._shelf, connection)
