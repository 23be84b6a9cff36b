"""A request and the two ends between which a service stands, made by hand."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sidecar.dialects import DIALECTS, Call
from sidecar.outcomes import Endpoint, Priority
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import KEEP_ALIVE, AnsweredResponse, AppSink
from sidecar.upstream.routes import Route, Upstream
from sidecar.upstream.transport import Origin, RawHeaders, ResponseHead, UpstreamRequest

ORIGIN = Origin(tls=False, host="provider", port=80)
JSON = ((b"Content-Type", b"application/json"), (b"Authorization", b"Bearer key"))
CALL = Call(Endpoint.CHAT, "m", 1)
EVENTS = ((b"Content-Type", b"text/event-stream"),)


def record() -> RequestRecord:
    """Of a request that arrived at 0."""
    return RequestRecord(method="POST", arrived=0.0)


def ask(
    body: Any,
    *,
    dialect: str = "openai",
    path: bytes = b"/v1/chat/completions",
    headers: RawHeaders = JSON,
    call: Call = CALL,
    **more: Any,
) -> Ask:
    """A request with this body; `more` are fields of Ask."""
    made = Ask(
        request=UpstreamRequest(
            origin=ORIGIN, method="POST", target=path, headers=headers, body=body
        ),
        route=Route(Upstream(dialect, DIALECTS[dialect], ORIGIN, b""), path),
        call=call,
        priority=Priority.NORMAL,
        sdk_retries=0,
        admit_by=None,
        answer_by=None,
        exchange_by=None,
        own_deadline=False,
    )
    return replace(made, **more)


@dataclass(eq=False)
class KeepingSink:
    """Keeps what would go to the app. Implements AppSink."""

    full: bool = False
    """Says so after every write."""
    started: bool = False
    head: ResponseHead | None = None
    headers: RawHeaders = ()
    writes: list[list[bytes]] = field(default_factory=list)
    drained: int = 0
    finished: bool = False

    def start(self, head: ResponseHead, headers: RawHeaders) -> None:
        """Begin."""
        self.started, self.head, self.headers = True, head, headers

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Keep; no write may be empty, nor a piece."""
        assert pieces
        assert all(pieces)
        self.writes.append(list(pieces))
        return not self.full

    async def drain(self) -> None:
        """Count."""
        self.drained += 1

    def finish(self, trailers: RawHeaders) -> AnsweredResponse:
        """End."""
        self.finished = True
        return KEEP_ALIVE

    def answer(
        self, status: int, reason: bytes, headers: RawHeaders, body: bytes
    ) -> AnsweredResponse:
        """A whole answer."""
        self.start(ResponseHead(status, reason, headers, len(body)), headers)
        self.writes.append([body])
        return self.finish(())

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(piece for pieces in self.writes for piece in pieces)


@dataclass(eq=False)
class ActedService:
    """Serves as a function says, and remembers what it was asked. Implements Service."""

    act: Callable[[AppSink], Awaitable[AnsweredResponse]]
    asks: list[Ask] = field(default_factory=list)

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        """See Service."""
        self.asks.append(ask)
        return await self.act(sink)


def answering(
    *pieces: bytes, status: int = 200, headers: RawHeaders = EVENTS, length: int | None = None
) -> Callable[[AppSink], Awaitable[AnsweredResponse]]:
    """An act: that answer, one write a piece."""

    async def act(sink: AppSink) -> AnsweredResponse:
        sink.start(ResponseHead(status, b"Said", headers, length), headers)
        for piece in pieces:
            if not sink.write([piece]):
                await sink.drain()
        return sink.finish(())

    return act
