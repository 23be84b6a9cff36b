"""Requests and a provider's calls with a flight between them, for tests that go tick by tick."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sidecar.dialects import Call
from sidecar.errors import SidecarError
from sidecar.outcomes import Endpoint, RequestStatus
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.shared import Shared
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.sharing.config import SharingConfig
from sidecar.upstream.transport import ResponseHead
from tests.fakes.observer import RecordingObserver
from tests.proxy.serving import JSON, KeepingSink, ask, record
from tests.support import settle, virtual_time

HEAD = ResponseHead(200, b"OK", JSON, None)
EMBED = Call(Endpoint.EMBEDDINGS, "m", 1)


class Flown:
    """One call that reached the provider's side, for the test to answer."""

    def __init__(self, ask: Ask, record: RequestRecord, sink: AppSink) -> None:
        self.ask = ask
        self.record = record
        self.sink = sink
        self.ended = asyncio.Event()
        self.cancelled = False
        self._error: Exception | None = None

    def send(self) -> None:
        """It has its place and leaves."""
        self.record.queued(0.0)
        self.record.attempts += 1
        self.record.sent = asyncio.get_running_loop().time()

    def begin(self, *pieces: bytes) -> None:
        self.sink.start(HEAD, JSON)
        for piece in pieces:
            self.sink.write([piece])

    def end(self) -> None:
        self.record.status = RequestStatus.OK
        self.sink.finish(())
        self.ended.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self.ended.set()

    async def run(self) -> None:
        try:
            await self.ended.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self._error is not None:
            raise self._error


class Provider:
    """Where calls arrive. Implements Service."""

    def __init__(self) -> None:
        self.calls: list[Flown] = []

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        call = Flown(ask, record, sink)
        self.calls.append(call)
        await call.run()
        return AnsweredResponse(keep_alive=True)


class Request:
    """One request of the app, and how it ended."""

    def __init__(self, ask: Ask, record: RequestRecord) -> None:
        self.ask = ask
        self.record = record
        self.sink = KeepingSink()
        self.error: Exception | None = None
        self.task: asyncio.Task[None]

    async def run(self, service: Shared) -> None:
        try:
            await service.run(self.ask, self.record, self.sink)
        except (SidecarError, ArithmeticError) as error:
            self.error = error.with_traceback(None)


class House:
    """The service between requests and a provider."""

    def __init__(self, group: asyncio.TaskGroup, **config: Any) -> None:
        self.provider = Provider()
        self.observer = RecordingObserver()
        self.shared = Shared(
            self.provider,
            SharingConfig(**config),
            label=lambda model: model or "other",
            salt=b"salt",
            loop=asyncio.get_running_loop(),
            observer=self.observer,
        )
        self._group = group

    def request(
        self,
        body: bytes = b"{}",
        *,
        path: bytes = b"/v1/embeddings",
        call: Call = EMBED,
        **more: Any,
    ) -> Request:
        made = Request(ask(body, path=path, call=call, **more), record())
        made.record.upstream = "openai"
        made.task = self._group.create_task(made.run(self.shared))
        return made

    async def flying(self, count: int) -> tuple[Flown, list[Request]]:
        """A call that was sent, and those that share it."""
        requests = [self.request() for _ in range(count)]
        await settle()
        call = self.provider.calls[-1]
        call.send()
        return call, requests


def told(test: Callable[[House], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test with a house, in virtual time; nothing may be left at its end."""

    @virtual_time
    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            house = House(group)
            await test(house)
        await settle()
        assert len(house.shared) == 0
        assert house.shared.readers == 0
        assert not house.shared._joinable
        assert house.shared.replays.held == 0
        ours = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert ours == []

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
