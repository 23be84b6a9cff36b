"""One response on its way from a connection to its sink.

**Push.** The event loop calls the connection's `data_received`, llhttp parses, and the body pieces of
that one read go to the sink before the call returns. No task wakes up for a chunk; the coroutine in
`relay` sleeps until the response ends, breaks, or the sink is full.

**Ends.** A response ends by its framing (`reader.complete`) or by a failure (`_failure`, set once: the
first one counts). Pieces that came before the failure are handed on first: the app gets every byte
that the provider sent.

**Reading pauses** for two reasons with one switch: nobody relays yet and enough lies waiting, or the
sink is full. TLS layers may hand on what they had decrypted even so, therefore pieces stay in the
reader while `_full` holds, and only `_push` takes them out. Pausing hides the provider's end too:
TCP tells it in order, after the bytes that wait in the kernel.

**Waiting.** One coroutine waits at a time: for the head, then in `relay`. It looks at its condition
again after waking, so waking it once too often is harmless; a wake-up that meets a cancelled waiter
is lost without damage, for whoever cancels closes the connection.
"""

import asyncio
from typing import Protocol

from sidecar.errors import UpstreamError
from sidecar.upstream.response_reader import ResponseReader
from sidecar.upstream.transport import BodySink, ResponseHead


class Tap(Protocol):
    """What can hold the bytes back at their source; both calls may come at any time."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Delivery:
    """Takes what a connection reads (`feed`, `end`, `fail`); gives `head`, then `relay`s the body."""

    __slots__ = (
        "_failure",
        "_full",
        "_held",
        "_loop",
        "_read_ahead",
        "_sink",
        "_tap",
        "_waiter",
        "reader",
    )

    def __init__(
        self,
        reader: ResponseReader,
        tap: Tap,
        *,
        read_ahead: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.reader = reader
        self._tap = tap
        self._read_ahead = read_ahead
        self._loop = loop
        self._sink: BodySink | None = None
        self._full = False  # the sink asked for `drain`
        self._held = 0  # bytes read since the head while nobody relays
        self._failure: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def failed(self) -> bool:
        """Whether it broke; the connection must be closed then."""
        return self._failure is not None

    # The connection's side

    def feed(self, data: bytes) -> None:
        """Take one read: the hot path."""
        reader = self.reader
        try:
            reader.feed(data)
        except UpstreamError as exc:
            self.fail(exc)
        if self._sink is not None:
            self._push()
        elif reader.head is not None:
            self._hold(len(data))
        if reader.complete:
            self._wake()

    def end(self) -> None:
        """The other side said that it sends no more."""
        try:
            self.reader.finish()
        except UpstreamError as exc:
            self.fail(exc)
        self._wake()

    def lose(self, cause: BaseException | None) -> None:
        """The connection is gone. Unlike `end`, this completes no response.

        A body that lasts until the end of the connection could have been cut off by anyone, so the
        end must have been told (RFC 9112, section 9.8).
        """
        if not self.reader.complete and self._failure is None:
            error = self.reader.broken("cut off: the connection was lost")
            error.__cause__ = cause
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """It cannot be completed, and `error` is why."""
        if self._failure is None:
            self._failure = error
        self._wake()

    # The exchange's side

    async def head(self) -> ResponseHead:
        """Wait for the final response's head, or raise the failure."""
        reader = self.reader
        while reader.head is None:
            if self._failure is not None:
                raise self._failure
            await self._wait()
        return reader.head

    async def relay(self, sink: BodySink) -> None:
        """Hand the body to `sink`; see `UpstreamResponse.relay`."""
        reader = self.reader
        self._sink = sink
        self._push()
        while reader.pieces or not (reader.complete or self._failure is not None):
            if self._full:
                await sink.drain()
                self._full = False
                self._push()
            else:
                self._tap.resume_reading()
                await self._wait()
        if self._failure is not None:
            raise self._failure

    # Helpers

    def _push(self) -> None:
        """Give the sink what has come, unless it is full."""
        reader, sink = self.reader, self._sink
        if self._full or sink is None or not reader.pieces:
            return
        try:
            room = sink.write(reader.take())
        except Exception as exc:  # noqa: BLE001 - the sink's own; `relay` raises it to its caller
            self.fail(exc)
            return
        if not room and not reader.complete:
            self._full = True
            self._tap.pause_reading()
            self._wake()

    def _hold(self, size: int) -> None:
        """Nobody relays yet: wake up who waits for the head, and keep the pile small."""
        self._held += size
        if self._held > self._read_ahead:
            self._tap.pause_reading()
        self._wake()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
