"""Between aiohttp and the pipeline: one request in, one answer out, whatever happens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.web import BaseRequest

from sidecar.clock import Clock
from sidecar.dialects import DIALECTS, Call, Dialect
from sidecar.errors import BadRequestError, ClientGoneError, NoRouteError, SidecarError
from sidecar.events import BugFound, Observer
from sidecar.outcomes import Endpoint, Priority
from sidecar.proxy.activity import Activity
from sidecar.proxy.body import BodyConfig, BodyMemory, BodyReader, RequestBody
from sidecar.proxy.deadline import own_time, time_allowed
from sidecar.proxy.pipeline import Ask, Service
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.rescue import INTERNAL, Rescue, reason_phrase, rescue_answer, rescue_of
from sidecar.proxy.sink import AnsweredResponse, ClientSink
from sidecar.proxy.websocket import WebSockets, wants_websocket
from sidecar.upstream.headers import lookup, request_headers
from sidecar.upstream.routes import Route, Routes
from sidecar.upstream.transport import RawHeaders, UpstreamRequest

_VERSIONS = (HttpVersion11, HttpVersion10)
"""aiohttp also lets 0.9 pass, which has neither fields nor a status, and a 2.0 that is none."""

_PRIORITIES = {priority.name.lower().encode(): priority for priority in Priority}
"""By the value of `x-sidecar-priority`; what is none of them is normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyHandler:
    """Serves the app's requests."""

    routes: Routes
    service: Service
    websockets: WebSockets
    memory: BodyMemory
    body_config: BodyConfig
    activity: Activity
    clock: Clock
    observer: Observer

    async def __call__(self, request: BaseRequest) -> AnsweredResponse:
        """Answer, or abort the connection where an answer was begun and cannot be ended."""
        record = RequestRecord(method=request.method, arrived=self.clock.now())
        visit = _Visit(self, request, record)
        self.activity.began()
        try:
            return await visit.serve()
        finally:
            self.activity.ended()
            self.observer.notify(record.finished(self.clock.now()))

    def refused(self, method: str, rescue: Rescue) -> None:
        """Tell of a request that was answered before it got here."""
        now = self.clock.now()
        record = RequestRecord(method=method, arrived=now)
        record.status, record.reason = rescue.status, rescue.reason
        record.http_status = rescue.http_status
        self.observer.notify(record.finished(now))


class _Visit:
    """One request being served."""

    def __init__(self, house: ProxyHandler, request: BaseRequest, record: RequestRecord) -> None:
        self._house = house
        self._request = request
        self._record = record
        self._sink = ClientSink(request, asyncio.get_running_loop(), record.own_fields)
        self._dialect: Dialect = DIALECTS["other"]
        self._sdk_retries = 0
        self._get: Callable[[bytes], bytes | None]

    async def serve(self) -> AnsweredResponse:
        house = self._house
        try:
            route = self._route()
            if wants_websocket(self._request):
                return await house.websockets.serve(self._request, route, self._record, self._sink)
            with BodyReader(self._request, house.memory, house.body_config) as reader:
                return await self._run(route, await reader.read())
        except ClientGoneError:
            return self._sink.abort()
        except SidecarError as error:
            return self._rescue(rescue_of(error), getattr(error, "retry_after", None))
        except Exception as error:  # noqa: BLE001  # a bug of ours must not look like a dead server
            house.observer.notify(BugFound(error))
            return self._rescue(INTERNAL, None)

    def _route(self) -> Route:
        if self._request.version not in _VERSIONS:
            self._sink.keep_alive = False
            raise BadRequestError("neither HTTP/1.1 nor HTTP/1.0")
        if self._request.method == "CONNECT":
            raise NoRouteError("no tunnels")
        self._get = get = lookup(self._request.raw_headers)
        self._sdk_retries = _count(get(b"x-stainless-retry-count"))
        self._record.client_retry = self._sdk_retries > 0
        target = self._request.raw_path.encode("utf-8", "surrogateescape")
        route = self._house.routes.match(target, get(b"host"))
        self._dialect = route.upstream.dialect
        self._record.upstream = route.upstream.name
        return route

    async def _run(self, route: Route, body: RequestBody) -> AnsweredResponse:
        record, get = self._record, self._get
        record.body_read = self._house.clock.now()
        call = self._describe(route, get(b"content-type") or b"", body)
        record.endpoint = call.endpoint
        admission, answer = time_allowed(get), (time_allowed if body.whole else own_time)(get)
        answer_by = None if answer is None else record.arrived + answer
        ask = Ask(
            request=UpstreamRequest(
                origin=route.upstream.origin,
                method=self._request.method,
                target=route.target,
                headers=request_headers(self._request.raw_headers),
                body=body.content,
                content_length=body.length,
            ),
            route=route,
            call=call,
            priority=_priority(get(b"x-sidecar-priority")),
            sdk_retries=self._sdk_retries,
            admit_by=None if admission is None else record.arrived + admission,
            answer_by=answer_by,
            exchange_by=answer_by,
            own_deadline=answer is not None and answer == own_time(get),
        )
        return await self._house.service.run(ask, record, self._sink)

    def _describe(self, route: Route, content_type: bytes, body: RequestBody) -> Call:
        """What the body asks for. A request that makes us stumble passes all the same."""
        try:
            return self._dialect.describe(
                route.path, content_type, body.beginning, whole=body.whole
            )
        except Exception as error:  # noqa: BLE001  # looking on must not fail a request
            self._house.observer.notify(BugFound(error))
            return Call(Endpoint.OTHER, None, 0)

    def _rescue(self, rescue: Rescue, retry_after: float | None) -> AnsweredResponse:
        """Say what went wrong, if the app can still be told."""
        record, sink = self._record, self._sink
        record.status, record.reason = rescue.status, rescue.reason
        if sink.started:
            return sink.abort()
        record.http_status = rescue.http_status
        fields, body = self._answer_for(rescue, retry_after)
        phrase = reason_phrase(rescue.http_status)
        try:
            return sink.answer(rescue.http_status, phrase, fields, body)
        except ClientGoneError:
            return sink.abort()

    def _answer_for(self, rescue: Rescue, retry_after: float | None) -> tuple[RawHeaders, bytes]:
        """In the provider's shape; where making that fails, in a plain one."""
        final = self._record.final
        try:
            return rescue_answer(rescue, self._dialect, retry_after=retry_after, final=final)
        except Exception as error:  # noqa: BLE001  # a broken shape must not leave the app without a word
            self._house.observer.notify(BugFound(error))
            other = DIALECTS["other"]
            return rescue_answer(rescue, other, retry_after=retry_after, final=final)


def _priority(value: bytes | None) -> Priority:
    return _PRIORITIES.get((value or b"").strip().lower(), Priority.NORMAL)


def _count(value: bytes | None) -> int:
    """A header's whole number; 0 where it is none."""
    return int(value) if value is not None and value.isdigit() and len(value) < 10 else 0
