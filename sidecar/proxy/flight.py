"""One call to a provider that serves any number of identical requests.

It runs in a task of its own, so none of them is more to it than another: whoever leaves, the call goes
on for the rest, and when the last one has left it is cancelled, which closes the connection to the
provider as if the app had left itself.
"""

import asyncio
from dataclasses import dataclass, replace

from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import KEEP_ALIVE, AnsweredResponse
from sidecar.sharing.broadcast import Bounds, Broadcast, Reader
from sidecar.sharing.replays import Replays
from sidecar.upstream.transport import RawHeaders, ResponseHead


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a shared answer begins."""

    head: ResponseHead
    headers: RawHeaders
    """The end-to-end fields."""


class FlightSink:
    """Where the pipeline writes the answer. Implements AppSink."""

    def __init__(self, broadcast: Broadcast[Beginning]) -> None:
        self.started = False
        self.write = broadcast.write
        self.drain = broadcast.drain
        self._broadcast = broadcast

    def start(self, head: ResponseHead, headers: RawHeaders) -> None:
        """Begin the answer, for everybody."""
        self.started = True
        self._broadcast.begin(Beginning(head, headers))

    def finish(self, trailers: RawHeaders) -> AnsweredResponse:
        """End it, for everybody."""
        self._broadcast.end(trailers)
        return KEEP_ALIVE

    def answer(
        self, status: int, reason: bytes, headers: RawHeaders, body: bytes
    ) -> AnsweredResponse:
        """A whole answer of the sidecar's own."""
        length = (b"Content-Length", b"%d" % len(body))
        self.start(ResponseHead(status, reason, (), len(body)), [*headers, length])
        self.write([body])
        return self.finish(())


class Flight:
    """A call under way, or one whose answer waits for an SDK's retry."""

    __slots__ = (
        "_patience",
        "ask",
        "broadcast",
        "key",
        "landed",
        "record",
        "sink",
        "task",
        "timer",
    )

    def __init__(
        self,
        key: bytes,
        ask: Ask,
        record: RequestRecord,
        loop: asyncio.AbstractEventLoop,
        replays: Replays,
    ) -> None:
        """`ask` and `record` are those of the request that came first."""
        self.key = key
        self._patience = ask.patience
        self.ask = replace(ask, admit_by=None, exchange_by=None, together=self._patience)
        """Each request keeps its own deadlines; the latest says whether a retry makes sense."""
        self.record = RequestRecord(
            record.method, record.arrived, record.upstream, record.model, record.endpoint
        )
        """Never told as a request: the requests' own are."""
        self.broadcast: Broadcast[Beginning] = Broadcast(Bounds(), loop, replays)
        self.sink = FlightSink(self.broadcast)
        self.task: asyncio.Task[None]
        """Its owner's."""
        self.landed = False
        """The task is over."""
        self.timer: asyncio.TimerHandle | None = None
        """Set while it waits for readers without having any."""

    def __repr__(self) -> str:
        return f"<Flight {self.record.upstream} {self.record.model} {self.broadcast!r}>"

    def board(self, ask: Ask) -> Reader[Beginning]:
        """One more request is served by it; its reader must leave."""
        self._patience.extend(ask.patience)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        return self.broadcast.join()

    @property
    def sent(self) -> bool:
        """Whether it has left for the provider; until then it waits for a place."""
        return self.record.sent is not None
