"""Serves identical requests with one call to the provider.

    request ─┐                               ┌→ sink of the first
    request ─┼→ key → flight → inner service ┼→ sink of the second, from its start
    request ─┘         or an answer kept     └→ …

- The requests of one flight are equal, the first one too: each has its own deadline and may leave at
  any time. The last one to leave takes the flight with it, in the same tick: nobody can join what is
  being cancelled.
- What the pipeline tries again it tries once for all of them, and its last word goes to all of them.
- An SDK that stopped waiting comes back with the same call: for as long as that takes the flight goes
  on without anybody, and its answer is kept. Unless it has not left yet: waiting in line is free.
- An answer that has outgrown what is kept of it, alone or with all others, cannot be joined any more:
  the next identical request starts a flight of its own.
- A bug of our own is told of once, where it is found; the requests only hear that there was one.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from sidecar.errors import DeadlineError, SdkDeadlineError, ShedError, SidecarError
from sidecar.events import BugFound, CallShared, Observer
from sidecar.outcomes import RequestStatus, ShedReason
from sidecar.proxy.deadline import positive_seconds
from sidecar.proxy.flight import Beginning, Flight
from sidecar.proxy.pipeline import Ask, Service
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.seat import SHARED, First, Follower, Seat
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.sharing.answer_cache import AnswerCache
from sidecar.sharing.broadcast import Reader
from sidecar.sharing.call_key import call_key, wants_fresh
from sidecar.sharing.config import SharingConfig
from sidecar.sharing.replays import Replays
from sidecar.sharing.rules import shareable
from sidecar.sharing.sdk_retry import gave_up, retry_within
from sidecar.upstream.headers import lookup
from sidecar.upstream.transport import RawHeaders

_BY_CACHE = (SHARED, b"cache")

_OF_ITS_TIME = (b"age", b"retry-after", b"set-cookie", b"x-ratelimit-", b"anthropic-ratelimit-")
"""Beginnings of fields that said something about that moment or that connection: not told again."""

_FIELD_BYTES = 128
"""What a header field takes in memory beside its characters."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A whole answer, for later."""

    beginning: Beginning
    """Without what was of its time; the head has no fields of its own."""
    body: bytes
    trailers: RawHeaders


class Shared:
    """Shares calls. Implements Service."""

    def __init__(
        self,
        inner: Service,
        config: SharingConfig,
        *,
        label: Callable[[str | None], str],
        salt: bytes,
        loop: asyncio.AbstractEventLoop,
        observer: Observer,
    ) -> None:
        """`label` bounds models' names; `salt` keeps keys from meaning anything elsewhere."""
        self._inner = inner
        self._mode = config.mode
        self._label = label
        self._salt = salt
        self._loop = loop
        self._observer = observer
        self._flights: dict[Flight, None] = {}
        self._joinable: dict[bytes, Flight] = {}
        self.replays = Replays()
        self.cache: AnswerCache[_Kept] = AnswerCache(
            ttl=config.cache_ttl, max_bytes=config.cache_bytes
        )

    def __repr__(self) -> str:
        return f"<Shared {self._mode}, {len(self)} flights, {self.readers} readers, {self.cache!r}>"

    def __len__(self) -> int:
        """Flights: calls under way, and answers that wait for an SDK's retry."""
        return len(self._flights)

    @property
    def readers(self) -> int:
        """Requests that are being served by flights."""
        return sum(len(flight.broadcast) for flight in self._flights)

    def run(
        self, ask: Ask, record: RequestRecord, sink: AppSink
    ) -> Coroutine[Any, Any, AnsweredResponse]:
        """See Service; adds no layer of its own to calls that are not shared."""
        request = ask.request
        may = shareable(
            self._mode,
            method=request.method,
            path=ask.route.path,
            endpoint=ask.call.endpoint,
            body=request.body,
        )
        if may and not wants_fresh(request.headers):
            return self._share(ask, record, sink)
        return self._inner.run(ask, record, sink)

    async def close(self) -> None:
        """Cancel every flight."""
        tasks = [flight.task for flight in self._flights]
        for flight in list(self._flights):
            self._give_up(flight)
        if tasks:
            await asyncio.wait(tasks)

    # -- requests ---------------------------------------------------------------------------------

    async def _share(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        now = self._loop.time()
        if ask.answer_by is not None and ask.answer_by <= now:
            return await self._inner.run(ask, record, sink)  # too late: it must not take off
        key = self._key(ask)
        record.model = self._label(ask.call.model)
        kept = self.cache.get(key, now)
        if kept is not None:
            return await self._tell_again(*kept, record, sink)
        flight = self._joinable.get(key)
        if flight is not None and flight.broadcast.joinable:
            return await self._read(flight, ask, record, Follower(record, sink, self._observer))
        flight = self._take_off(key, ask, record)
        return await self._read(flight, ask, record, First(record, sink))

    def _key(self, ask: Ask) -> bytes:
        request = ask.request
        scope = (
            ask.route.upstream.name.encode(),
            request.method.encode(),
            request.target,
            b"%d" % ask.priority,
        )
        body = request.body if isinstance(request.body, bytes) else None
        return call_key(scope, request.headers, body, salt=self._salt)

    async def _read(
        self, flight: Flight, ask: Ask, record: RequestRecord, seat: Seat
    ) -> AnsweredResponse:
        """One request's part of a flight."""
        reader = flight.board(ask)
        comes_again = False
        try:
            beginning = await self._beginning(reader, flight, ask)
            seat.begin(beginning, flight.record, self._loop.time())
            trailers = await reader.relay(seat.sink)
            seat.end(flight.record)
            return seat.sink.finish(trailers)
        except SdkDeadlineError:
            comes_again = True
            raise
        except asyncio.CancelledError:
            waited = self._loop.time() - record.arrived
            comes_again = not seat.sink.started and gave_up(waited, _read_timeout(ask))
            raise
        finally:
            seat.note(flight.record, self._loop.time())
            if reader.was_cut_off:
                record.reason = "slow_reader"
            reader.leave()
            if not len(flight.broadcast):
                self._left_alone(flight, retry_within(ask.sdk_retries) if comes_again else None)

    async def _beginning(self, reader: Reader[Beginning], flight: Flight, ask: Ask) -> Beginning:
        """The answer's, within the request's own time."""
        try:
            async with asyncio.timeout_at(ask.answer_by):
                return await reader.head()
        except TimeoutError as error:
            if not flight.sent:
                raise ShedError(ShedReason.DEADLINE) from error
            kind = DeadlineError if ask.own_deadline else SdkDeadlineError
            raise kind("the deadline passed before a shared answer began") from error

    async def _tell_again(
        self, kept: _Kept, age: float, record: RequestRecord, sink: AppSink
    ) -> AnsweredResponse:
        """Serve a request with an answer that was kept."""
        head = kept.beginning.head
        headers = [*kept.beginning.headers, (b"Age", b"%d" % age), _BY_CACHE]
        record.http_status = head.status
        record.first_byte = self._loop.time()
        self._observer.notify(CallShared(record.upstream, record.model))
        sink.start(head, headers)
        if kept.body and not sink.write([kept.body]):
            await sink.drain()
        record.status = RequestStatus.OK
        return sink.finish(kept.trailers)

    # -- flights ----------------------------------------------------------------------------------

    def _take_off(self, key: bytes, ask: Ask, record: RequestRecord) -> Flight:
        flight = Flight(key, ask, record, self._loop, self.replays)
        self._flights[flight] = None
        self._joinable[key] = flight
        flight.task = self._loop.create_task(self._fly(flight))
        flight.task.add_done_callback(lambda _: self._landed(flight))  # also if it never began
        return flight

    async def _fly(self, flight: Flight) -> None:
        broadcast = flight.broadcast
        try:
            await self._inner.run(flight.ask, flight.record, flight.sink)
            self._keep(flight)
        except SidecarError as error:
            broadcast.fail(error)  # every reader raises it
        except Exception as error:  # noqa: BLE001
            self._observer.notify(BugFound(error))  # here its traceback says where it is
            broadcast.fail(SidecarError("a bug in a shared call"))
        finally:
            self._landed(flight)

    def _keep(self, flight: Flight) -> None:
        broadcast, record = flight.broadcast, flight.record
        if (
            self.cache.enabled
            and record.method == "POST"  # who reads a list again wants to see what is new
            and record.status is RequestStatus.OK
            and broadcast.joinable
            and broadcast.head is not None
            and 200 <= broadcast.head.head.status < 300
        ):
            head = replace(broadcast.head.head, headers=())
            fields = [field for field in broadcast.head.headers if not _of_its_time(field[0])]
            kept = _Kept(Beginning(head, fields), broadcast.body(), broadcast.trailers)
            size = broadcast.size + sum(map(_field_size, [*fields, *broadcast.trailers]))
            self.cache.keep(flight.key, kept, size, self._loop.time())

    def _landed(self, flight: Flight) -> None:
        """Nobody joins it any more, but for an SDK's retry that is expected, if it went well."""
        if flight.landed:
            return
        flight.landed = True
        flight.broadcast.fail(ShedError(ShedReason.DRAINING))  # whoever is left is so by `close`
        if flight.timer is None or flight.record.status is not RequestStatus.OK:
            self._give_up(flight)

    def _left_alone(self, flight: Flight, patience: float | None) -> None:
        """The last request has left; seconds for which another one is expected, None = it is not."""
        if flight.broadcast.ended and not flight.landed:
            return  # the call is over, and its task about to be
        if patience is None or flight.landed or not flight.sent or not flight.broadcast.joinable:
            self._give_up(flight)
        else:
            flight.timer = self._loop.call_later(patience, self._give_up, flight)

    def _give_up(self, flight: Flight) -> None:
        if flight.timer is not None:
            flight.timer.cancel()
            flight.timer = None
        if self._joinable.get(flight.key) is flight:
            del self._joinable[flight.key]
        if flight.landed:
            self._flights.pop(flight, None)
            flight.broadcast.forget()
        else:
            flight.task.cancel()


def _read_timeout(ask: Ask) -> float | None:
    """Seconds without a byte after which the app's SDK says that it gives up."""
    return positive_seconds(lookup(ask.request.headers)(b"x-stainless-read-timeout"))


def _of_its_time(name: bytes) -> bool:
    return name.lower().startswith(_OF_ITS_TIME)


def _field_size(field: tuple[bytes, bytes]) -> int:
    return len(field[0]) + len(field[1]) + _FIELD_BYTES
