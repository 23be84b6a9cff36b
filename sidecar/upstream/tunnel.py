"""Two connections made one, byte for byte and in both directions: what lies behind a 101.

**Push.** What one end reads is written to the other before the callback returns: no task wakes up
for a message, and nothing looks at what passes.

**Back-pressure.** While an end's write buffer is full (asyncio's marks: 64 KiB, with TLS 512 KiB), the
other end is not read. So each direction holds that much and one read (256 KiB) at most.

**Ends.**

* A FIN passes on, behind the bytes that came before it, and the other direction stays open. Closing
  both at once would lose words: a closing peer's last message (a WebSocket's Close frame says why)
  may still lie in our buffer, and bytes that arrive at a closed socket are answered with a reset,
  which destroys what its other side has not read yet.
* Silence is legal, but not behind a FIN: from then on something must move every `linger` seconds, or
  both ends are cut. A peer that has gone for good cannot be told from one that only sends no more.
* A provider's connection that is lost, by a reset too, has said what it will say: the app gets that and
  a FIN, and what it still sends is dropped. (Cutting the app off with the provider would lose words:
  while the app sends, our write may meet the provider's reset before we have read what came before.)
* An app's connection that is lost takes the provider's with it at once: nobody is left to read.
* An app that is seen to hang up behind bytes that nobody reads (`proxy.hang_ups`) has not sent its FIN
  as far as we have read: the provider must go on taking those bytes, or both ends are cut.
* TLS knows no half-closed connection: an end over TLS is closed, with its close_notify, where a
  plain one gets its FIN.

**Whose connection it is.** Each end was another protocol's before, its predecessor, which learns of
the connection's loss as ever and goes on being the one that pauses and resumes reading.
"""

import asyncio
import socket
from dataclasses import dataclass
from typing import Protocol

LINGER = 10.0
"""Seconds without a byte moving, once one end has sent its FIN, after which both are cut."""


class Predecessor(Protocol):
    """The protocol that a connection had before it became an end of a tunnel."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Line:
    """A connection that is to become one end of a tunnel."""

    transport: asyncio.Transport
    predecessor: Predecessor
    early: bytes
    """What was read from it and is still to be passed on."""
    full: bool = False
    """Whether writing is paused."""
    lost: bool = False
    """Whether it is gone already; then only its early bytes are of use."""


class Tunnel:
    """Joins the app's connection and the provider's. Construct it, then `run` it, at once."""

    def __init__(
        self, app: Line, provider: Line, *, loop: asyncio.AbstractEventLoop, linger: float = LINGER
    ) -> None:
        self._loop = loop
        self._linger = linger
        self._timer: asyncio.TimerHandle | None = None
        self._progress: list[int] = []
        self._over: asyncio.Future[None] = loop.create_future()
        self._app, self._provider = End(app, self), End(provider, self)
        self._app.join(self._provider)
        self._provider.join(self._app)
        self._app.begin(app)
        self._provider.begin(provider)

    def __repr__(self) -> str:
        return f"<Tunnel, app {self._app!r}, provider {self._provider!r}>"

    async def run(self) -> None:
        """Return when the provider's connection is gone and nothing more will come from the app.

        The app's connection is then its predecessor's again, to be closed behind what lies unsent.
        """
        try:
            await self._over
        finally:
            if self._timer is not None:
                self._timer.cancel()

    # The ends' side

    def wind_up(self) -> None:
        """One end has sent its FIN, or is gone: see the rest through, within bounds."""
        app, provider = self._app, self._provider
        if app.lost:
            provider.transport.abort()  # nobody is left to read
        elif app.ended and provider.ended:
            provider.transport.close()
        if not (provider.lost and (app.ended or app.lost)):
            self.hurry()
        elif not self._over.done():
            self._over.set_result(None)

    def hurry(self) -> None:
        """From now on something must move."""
        if self._timer is None:
            self._watch()

    # Helpers

    def _watch(self) -> None:
        self._progress = [*self._app.progress(), *self._provider.progress()]
        self._timer = self._loop.call_later(self._linger, self._look)

    def _look(self) -> None:
        before = self._progress
        self._watch()
        if self._progress == before:
            self._app.transport.abort()
            self._provider.transport.abort()


class End(asyncio.Protocol):
    """One of a tunnel's two connections."""

    __slots__ = (
        "_full",
        "_other",
        "_passed",
        "_predecessor",
        "_tunnel",
        "ended",
        "lost",
        "transport",
    )

    _other: "End"

    def __init__(self, line: Line, tunnel: Tunnel) -> None:
        self.transport = line.transport
        self.ended = False
        """Whether its peer sends no more."""
        self.lost = line.lost
        """Whether it is gone."""
        self._tunnel = tunnel
        self._predecessor = line.predecessor
        self._full = line.full
        self._passed = 0

    def __repr__(self) -> str:
        return "lost" if self.lost else "ended" if self.ended else "open"

    def join(self, other: "End") -> None:
        """Take the connection over; nothing passes yet."""
        self._other = other
        if not self.lost:
            self.transport.set_protocol(self)

    def begin(self, line: Line) -> None:
        """Pass on what came early, then whatever comes."""
        if line.early:
            self.data_received(line.early)
        if line.lost:
            self._end()
        elif self._other._full:  # noqa: SLF001  # another one of this class
            self.hold()
        else:
            self.let_go()

    def progress(self) -> tuple[int, int]:
        """Bytes that came from here so far, and bytes that wait to be sent here."""
        return self._passed, self.transport.get_write_buffer_size()

    def hold(self) -> None:
        """Read no more for now."""
        self._predecessor.pause_reading()

    def let_go(self) -> None:
        """Read on."""
        if not self.ended:  # or the end would be read once more
            self._predecessor.resume_reading()

    def finish(self) -> None:
        """Send a FIN behind what lies unsent."""
        transport = self.transport
        if transport.is_closing():
            return
        if not transport.can_write_eof():
            transport.close()
            return
        try:
            transport.write_eof()
        except OSError:  # reset, and nobody has told us yet
            transport.abort()

    def hung_up(self) -> None:
        """Its peer has hung up, behind bytes that nobody reads for now."""
        if self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()  # a reset
        else:
            self._tunnel.hurry()

    # Callbacks of asyncio

    def data_received(self, data: bytes) -> None:
        """Pass it on: the hot path."""
        self._passed += len(data)
        transport = self._other.transport
        if not transport.is_closing():
            transport.write(data)

    def pause_writing(self) -> None:
        """The peer takes bytes more slowly than the other one sends them."""
        self._full = True
        self._other.hold()

    def resume_writing(self) -> None:
        """There is room again."""
        self._full = False
        self._other.let_go()

    def eof_received(self) -> bool:
        """The peer sends no more. True = keep our side open; with TLS that is not possible."""
        self._end()
        return self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone, for whatever reason."""
        self.lost = True
        self._other.let_go()  # what still comes from there is dropped
        self._end()
        self._predecessor.connection_lost(exc)

    # Helpers

    def _end(self) -> None:
        """Nothing more will come from here."""
        if not self.ended:
            self.ended = True
            self._other.finish()
        self._tunnel.wind_up()
