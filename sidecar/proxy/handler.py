"""Between aiohttp and the pipeline: one request in, one answer out, whatever happens."""

import asyncio
from dataclasses import dataclass

from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.web import BaseRequest

from sidecar.clock import Clock
from sidecar.dialects import DIALECTS, Call, Dialect
from sidecar.errors import BadRequestError, ClientGoneError, SidecarError
from sidecar.events import BugFound, Observer
from sidecar.outcomes import Endpoint
from sidecar.proxy.activity import Activity
from sidecar.proxy.body import BodyConfig, BodyMemory, BodyReader, RequestBody
from sidecar.proxy.deadline import own_time, time_allowed
from sidecar.proxy.pipeline import Pipeline
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.rescue import INTERNAL, Rescue, reason_phrase, rescue_answer, rescue_of
from sidecar.proxy.sink import AnsweredResponse, ClientSink
from sidecar.upstream.headers import lookup, request_headers
from sidecar.upstream.routes import Route, Routes
from sidecar.upstream.transport import UpstreamRequest

_VERSIONS = (HttpVersion11, HttpVersion10)
"""aiohttp also lets 0.9 pass, which has neither fields nor a status, and a 2.0 that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyHandler:
    """Serves the app's requests."""

    routes: Routes
    pipeline: Pipeline
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
        self._sink = ClientSink(request, asyncio.get_running_loop())
        self._dialect: Dialect = DIALECTS["other"]

    async def serve(self) -> AnsweredResponse:
        house = self._house
        try:
            route = self._route()
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
        target = self._request.raw_path.encode("utf-8", "surrogateescape")
        route = self._house.routes.match(target)
        self._dialect = route.upstream.dialect
        self._record.upstream = route.upstream.name
        return route

    async def _run(self, route: Route, body: RequestBody) -> AnsweredResponse:
        record, fields = self._record, self._request.raw_headers
        record.body_read = self._house.clock.now()
        get = lookup(fields)
        retries = get(b"x-stainless-retry-count")
        record.client_retry = retries is not None and retries not in (b"", b"0")
        call = self._describe(route, get(b"content-type") or b"", body)
        record.endpoint = call.endpoint
        admission, answer = time_allowed(get), (time_allowed if body.whole else own_time)(get)
        return await self._house.pipeline.run(
            UpstreamRequest(
                origin=route.upstream.origin,
                method=self._request.method,
                target=route.target,
                headers=request_headers(fields),
                body=body.content,
                content_length=body.length,
            ),
            route,
            call,
            admit_by=None if admission is None else record.arrived + admission,
            answer_by=None if answer is None else record.arrived + answer,
            record=record,
            sink=self._sink,
        )

    def _describe(self, route: Route, content_type: bytes, body: RequestBody) -> Call:
        """What the body asks for. A request that makes us stumble passes all the same."""
        try:
            return self._dialect.describe(
                route.path, content_type, body.beginning, whole=body.whole
            )
        except Exception as error:  # noqa: BLE001  # looking on must not fail a request
            self._house.observer.notify(BugFound(error))
            return Call(Endpoint.OTHER, None)

    def _rescue(self, rescue: Rescue, retry_after: float | None) -> AnsweredResponse:
        """Say what went wrong, if the app can still be told."""
        record, sink = self._record, self._sink
        record.status, record.reason = rescue.status, rescue.reason
        if sink.started:
            return sink.abort()
        record.http_status = rescue.http_status
        fields, body = rescue_answer(rescue, self._dialect, retry_after=retry_after)
        own = (
            (b"x-sidecar-attempts", b"%d" % record.attempts),
            (b"x-sidecar-queue-ms", b"%d" % round((record.queue_wait or 0.0) * 1000)),
        )
        phrase = reason_phrase(rescue.http_status)
        try:
            return sink.answer(rescue.http_status, phrase, [*fields, *own], body)
        except ClientGoneError:
            return sink.abort()
