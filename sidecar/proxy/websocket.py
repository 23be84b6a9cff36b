"""WebSockets: the handshake is a request like others; what follows belongs to its two ends.

A WebSocket is neither under the concurrency limit nor in its latency signal: it lasts as long as a
conversation, mostly silent, and what a refused handshake says is about sessions, not about calls.
It has a ceiling of its own instead. What the provider answers passes unchanged, a refusal too.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qs

from aiohttp.http import HttpVersion11
from aiohttp.web import BaseRequest

from sidecar.errors import ClientGoneError, DeadlineError, ShedError
from sidecar.outcomes import RequestStatus, ShedReason
from sidecar.proxy.deadline import time_allowed
from sidecar.proxy.record import RequestRecord, request_status
from sidecar.proxy.sink import CLOSE, AnsweredResponse, ClientSink
from sidecar.upstream.headers import (
    TO_WEBSOCKET,
    lookup,
    request_headers,
    response_headers,
    to_websocket,
)
from sidecar.upstream.response_reader import SWITCHED
from sidecar.upstream.routes import Route
from sidecar.upstream.transport import (
    RawHeaders,
    ResponseHead,
    Transport,
    UpstreamRequest,
    UpstreamResponse,
)
from sidecar.upstream.tunnel import Line

_AGAIN_AFTER = 1.0
"""Seconds after which a new try makes sense when too many are open: sessions end at any time."""

_MAX_FIELDS = 100
"""In a query that is looked at: the time for it stays far below a millisecond."""


@runtime_checkable
class Upgradable(Protocol):
    """A connection of the app's that can be taken from the HTTP server."""

    @property
    def upgrading(self) -> bool:
        """Whether the server has stopped reading it as HTTP behind the request it now serves."""
        ...

    def hand_over(self) -> Line:
        """The connection, with what came behind that request; the server hears only of its end."""
        ...


def wants_websocket(request: BaseRequest) -> bool:
    """Whether it is a handshake; one with a body, or of HTTP/1.0, is a request like any other."""
    return (
        request.method == "GET"
        and request.version == HttpVersion11
        and not request.body_exists
        and to_websocket(request.raw_headers)
        and isinstance(request.protocol, Upgradable)
        and request.protocol.upgrading
    )


class WebSockets:
    """Opens WebSockets, and knows which are open."""

    def __init__(
        self,
        transport: Transport,
        *,
        maximum: int,
        label: Callable[[str | None], str],
        now: Callable[[], float],
    ) -> None:
        """`maximum` per upstream, handshakes under way included; `label` bounds models' names."""
        self.open: Counter[tuple[str, str]] = Counter()
        """Open ones by upstream and model."""
        self.opened: Counter[tuple[str, str]] = Counter()
        """All that were opened so far."""
        self._transport = transport
        self._maximum = maximum
        self._label = label
        self._now = now
        self._taken: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<WebSockets {self.open.total()} open, {self._taken.total()} with handshakes>"

    async def serve(
        self, request: BaseRequest, route: Route, record: RequestRecord, sink: ClientSink
    ) -> AnsweredResponse:
        """Take the handshake to the provider; return when the WebSocket has ended, or was refused.

        Raises SidecarError where there is no answer to be passed on.
        """
        record.model = self._label(model_in_query(route.target))
        with self._place(route.upstream.name):
            return await self._open(request, route, record, sink)

    @contextmanager
    def _place(self, upstream: str) -> Iterator[None]:
        if self._taken[upstream] >= self._maximum:
            raise ShedError(ShedReason.WEBSOCKETS_FULL, retry_after=_AGAIN_AFTER)
        self._taken[upstream] += 1
        try:
            yield
        finally:
            self._taken[upstream] -= 1

    async def _open(
        self, request: BaseRequest, route: Route, record: RequestRecord, sink: ClientSink
    ) -> AnsweredResponse:
        fields = request.raw_headers
        allowed = time_allowed(lookup(fields))
        deadline = None if allowed is None else record.arrived + allowed
        exchange = self._transport.exchange(
            UpstreamRequest(
                origin=route.upstream.origin,
                method=request.method,
                target=route.target,
                headers=request_headers(fields),
                body=None,
                websocket=True,
            )
        )
        record.attempts = 1
        record.body_read = record.sent = self._now()
        try:
            async with asyncio.timeout_at(deadline) as timeout, exchange as response:
                timeout.reschedule(None)
                return await self._answer(request, response, record, sink)
        except TimeoutError as error:
            raise DeadlineError("the deadline passed before the answer began") from error

    async def _answer(
        self,
        request: BaseRequest,
        response: UpstreamResponse,
        record: RequestRecord,
        sink: ClientSink,
    ) -> AnsweredResponse:
        head = response.head
        record.http_status = head.status
        if head.status != SWITCHED:
            sink.start(head, response_headers(head.headers))
            await response.relay(sink)
            record.status = request_status(head.status, None)
            return sink.finish(response.trailers)
        fields = [*response_headers(head.headers), *record.own_fields()]
        app = _take_over(request, head, fields)
        sink.started = True
        record.status = RequestStatus.OK  # however it ends: that is between the two of them
        with self._counted((record.upstream, record.model)):
            await response.join(app)
        return CLOSE

    @contextmanager
    def _counted(self, key: tuple[str, str]) -> Iterator[None]:
        self.open[key] += 1
        self.opened[key] += 1
        try:
            yield
        finally:
            self.open[key] -= 1


def _take_over(request: BaseRequest, head: ResponseHead, fields: RawHeaders) -> Line:
    """Pass the 101 on, and with it the app's connection."""
    connection, transport = request.protocol, request.transport
    if not isinstance(connection, Upgradable) or transport is None or transport.is_closing():
        raise ClientGoneError("the app closed its connection")
    lines = [b"HTTP/1.1 %d %b" % (head.status, head.reason)]
    lines += [b"%b: %b" % field for field in (*TO_WEBSOCKET, *fields)]
    transport.write(b"\r\n".join(lines) + b"\r\n\r\n")
    return connection.hand_over()


def model_in_query(target: bytes) -> str | None:
    """The first `model` that a raw target's query names."""
    query = target.partition(b"?")[2].decode("latin-1")
    try:
        models = parse_qs(query, max_num_fields=_MAX_FIELDS).get("model")
    except ValueError:  # more fields than that
        return None
    return models[0] if models else None
