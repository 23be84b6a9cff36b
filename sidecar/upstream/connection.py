"""One connection to a provider, one exchange at a time.

**States.** *Idle*: `_delivery` is None; the connection lies in the pool, and whatever the provider now
sends, bytes or its end, closes it. *Busy*: from `begin` to `finish`, the delivery takes what comes.
*Closed*: `closed` is true, for good. There is no half-closed state: an exchange needs both ways.

**Closing** is always `abort`: nothing that lies unsent is worth waiting for once an exchange is given
up, and after a complete one nothing lies unsent. The provider sees it within a round trip.

**Races**, all between callbacks of one loop, hence in a definite order:

* The provider's FIN and our request cross. `cut_unanswered_after` tells that no byte of an answer
  came, and how soon; whether to send again is decided in `client.py`.
* `connection_lost` without `eof_received` is a reset, our own `abort`, or a TLS peer that left
  without close_notify (on uvloop; asyncio's own TLS calls `eof_received` for that one too). See
  `Delivery.lose` for the difference it makes.
* A pooled connection may die between two callbacks; `finish` and the pool ask `closed`, which every
  way to die sets first.
* A reset that follows an early answer can overtake it inside the kernel; then the answer is lost,
  and the exchange fails as cut off. Providers that close with care (RFC 9112, section 9.6) avoid it.
"""

import asyncio
from typing import Protocol, cast

from sidecar.errors import UpstreamTimeoutError
from sidecar.upstream.config import UpstreamConfig
from sidecar.upstream.delivery import Delivery
from sidecar.upstream.keepalive import keep_alive
from sidecar.upstream.response_reader import ResponseReader
from sidecar.upstream.silence import SilenceTimer
from sidecar.upstream.transport import Origin
from sidecar.upstream.tunnel import Line


class ConnectionOwner(Protocol):
    """Who wants to know which connections there are."""

    def opened(self, connection: "Connection") -> None:
        """It is connected, TLS included."""
        ...

    def closed(self, connection: "Connection") -> None:
        """It is gone; called once for each `opened`."""
        ...


class Connection(asyncio.Protocol):
    """The socket under an exchange: `begin`, `send`, `finish`; `fail` or `abort` at any time."""

    __slots__ = (
        "_config",
        "_delivery",
        "_loop",
        "_open",
        "_owner",
        "_paused",
        "_silence",
        "_transport",
        "_writable",
        "awaiting_body",
        "closed",
        "cut_unanswered_after",
        "exchanges",
        "idle_since",
        "origin",
    )

    _transport: asyncio.Transport

    def __init__(
        self,
        origin: Origin,
        config: UpstreamConfig,
        *,
        loop: asyncio.AbstractEventLoop,
        owner: ConnectionOwner,
    ) -> None:
        self.origin = origin
        self.closed = False
        """Whether it is, or is about to be, of no more use."""
        self.exchanges = 0
        """How many exchanges have begun on it."""
        self.idle_since = 0.0
        """Loop time in seconds; the pool's note."""
        self.awaiting_body = False
        """Whether the app, not the provider, keeps us waiting: for more of a streamed body."""
        self.cut_unanswered_after: float | None = None
        """Seconds between our last byte and the provider's hanging up without one of its own."""
        self._config = config
        self._loop = loop
        self._owner = owner
        self._open = False  # whether the owner counts it
        self._silence = SilenceTimer(
            loop, config.read_timeout, excused=self._excused, expire=self._expire
        )
        self._delivery: Delivery | None = None
        self._paused = False
        self._writable: asyncio.Future[None] | None = None  # there while writing is paused

    def __repr__(self) -> str:
        state = "closed" if self.closed else "idle" if self._delivery is None else "busy"
        tls = " TLS" if self.origin.tls else ""
        return f"<Connection {self._where}{tls} {state}, exchanges: {self.exchanges}>"

    # One exchange

    def begin(self, reader: ResponseReader) -> Delivery:
        """What comes from now on is for `reader`. The connection must be idle."""
        self.exchanges += 1
        self._silence.start()
        self._delivery = Delivery(
            reader, self, read_ahead=self._config.read_ahead_bytes, loop=self._loop
        )
        return self._delivery

    def send(self, data: bytes) -> None:
        """Write, without waiting; nothing happens on a closed connection."""
        if not self.closed:
            self._silence.touch()
            self._transport.write(data)

    async def writable(self) -> None:
        """Wait while the provider takes no more bytes. Returns at once when it is closed."""
        while self._writable is not None and not self.closed:
            await self._writable

    def release(self) -> Line:
        """Behind a 101: give the connection to a tunnel. The exchange goes on until `finish`.

        The provider owes us no byte any more: a WebSocket may be silent for as long as it likes.
        """
        self._silence.stop()
        delivery = self._delivery
        return Line(
            self._transport,
            self,
            early=b"".join(delivery.reader.take()) if delivery else b"",
            full=self._writable is not None,
            lost=self.closed,
        )

    def finish(self) -> bool:
        """The exchange is over. Returns whether there may be another one; if not, it is closed."""
        delivery, self._delivery = self._delivery, None
        self.awaiting_body = False
        reusable = (
            delivery is not None
            and delivery.reader.keep_alive
            and not delivery.failed
            and not self.closed
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()  # the rest of a body nobody wanted
        )
        if reusable:
            self.resume_reading()
        else:
            self.abort()
        return reusable

    def fail(self, error: BaseException) -> None:
        """End the exchange with `error`, unless it has failed already, and close."""
        if self._delivery is not None:
            self._delivery.fail(error)
        self.abort()

    def abort(self) -> None:
        """Close at once, without flushing."""
        if not self.closed:
            self.closed = True
            self._transport.abort()
        self._wake_writer()

    def pause_reading(self) -> None:
        """See `Tap`. The silence that follows is our own making."""
        if not self._paused and not self.closed:
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See `Tap`."""
        if self._paused and not self.closed:
            self._paused = False
            self._silence.touch()
            self._transport.resume_reading()

    # Callbacks of asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected; with TLS: shaken hands."""
        self._transport = cast("asyncio.Transport", transport)
        if self.closed:  # given up between the connecting and this call
            self._transport.abort()
            return
        keep_alive(transport.get_extra_info("socket"))
        self._open = True
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes for the delivery, or, when nothing was asked, a reason to close."""
        delivery = self._delivery
        if delivery is None or self.closed:
            self.abort()
            return
        self._silence.touched_at = self._loop.time()
        delivery.feed(data)
        if delivery.failed:
            self.abort()

    def eof_received(self) -> bool:
        """The provider sends no more. False = close our side too."""
        self._note_cut()
        if self._delivery is None:
            self.abort()
        else:
            self._delivery.end()
            if self._delivery.failed:
                self.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone, for whatever reason; harmless where that is known, or where it never was there."""
        self._silence.stop()
        self._note_cut()
        self.closed = True
        if self._delivery is not None:
            self._delivery.lose(exc)
        self._wake_writer()
        if self._open:
            self._open = False
            self._owner.closed(self)

    def pause_writing(self) -> None:
        """The provider takes bytes more slowly than we have them."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """There is room again."""
        self._silence.touch()
        self._wake_writer()

    # Helpers

    @property
    def _where(self) -> str:
        return f"{self.origin.host}:{self.origin.port}"

    def _wake_writer(self) -> None:
        waiter, self._writable = self._writable, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _excused(self) -> bool:
        """Whether the silence is of our own or the app's making, or nobody waits for a byte."""
        delivery = self._delivery
        if delivery is None or self._paused:
            return True
        return self.awaiting_body and delivery.reader.head is None

    def _expire(self) -> None:
        seconds = self._config.read_timeout
        self.fail(UpstreamTimeoutError(f"no byte from {self._where} for {seconds:g} s"))

    def _note_cut(self) -> None:
        """Remember a peer that hung up before it answered; our own closing does not count."""
        if self._delivery is not None and not self._delivery.reader.started and not self.closed:
            self.cut_unanswered_after = self._loop.time() - self._silence.touched_at
