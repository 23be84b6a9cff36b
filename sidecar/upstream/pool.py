"""Connections that wait for their next exchange."""

import asyncio

from sidecar.upstream.connection import Connection
from sidecar.upstream.transport import Origin


class Shelf:
    """What the pool keeps for one origin."""

    __slots__ = ("host", "idle")

    def __init__(self, origin: Origin) -> None:
        self.host = origin.host_header
        """The value of `Host`, ready to send."""
        self.idle: list[Connection] = []
        """Most recently used last; so the first is the longest idle."""


class Pool:
    """Keeps idle connections by origin and knows all open ones.

    Last in, first out: the connection most likely still alive is used, and the ones that a burst
    needed grow old and are closed. There is no maximum: admission is the only limiter.

    One sweep timer serves all connections, and only while some are idle.
    """

    __slots__ = (
        "_all_closed",
        "_idle_timeout",
        "_loop",
        "_open",
        "_shelves",
        "_sweep_timer",
        "opened_total",
        "shut",
    )

    def __init__(self, *, idle_timeout: float, loop: asyncio.AbstractEventLoop) -> None:
        self.opened_total = 0
        """Connections opened so far."""
        self.shut = False
        """Whether `close` was called."""
        self._idle_timeout = idle_timeout
        self._loop = loop
        self._shelves: dict[Origin, Shelf] = {}
        self._open: set[Connection] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._all_closed: asyncio.Future[None] | None = None

    @property
    def open(self) -> int:
        """Connections that exist, busy or idle."""
        return len(self._open)

    @property
    def idle(self) -> int:
        """Connections that wait for an exchange."""
        return sum(len(shelf.idle) for shelf in self._shelves.values())

    def __repr__(self) -> str:
        per_origin = ", ".join(
            f"{origin.host}:{origin.port} {len(shelf.idle)} idle"
            for origin, shelf in self._shelves.items()
        )
        return (
            f"<Pool {self.open} open, {self.idle} idle{f' ({per_origin})' if per_origin else ''}>"
        )

    def shelf(self, origin: Origin) -> Shelf:
        """The shelf of that origin. Origins come from configuration, so shelves stay."""
        shelf = self._shelves.get(origin)
        if shelf is None:
            shelf = self._shelves[origin] = Shelf(origin)
        return shelf

    def take(self, shelf: Shelf) -> Connection | None:
        """The most recently used connection that still seems alive; it leaves the pool."""
        oldest = self._loop.time() - self._idle_timeout
        while shelf.idle:
            connection = shelf.idle.pop()
            if not connection.closed and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def put(self, shelf: Shelf, connection: Connection) -> None:
        """Keep an idle connection for the next exchange."""
        if self.shut:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        shelf.idle.append(connection)
        if self._sweep_timer is None:
            self._sweep_timer = self._loop.call_later(self._idle_timeout / 2, self._sweep)

    def opened(self, connection: Connection) -> None:
        """See `ConnectionOwner`."""
        self.opened_total += 1
        self._open.add(connection)

    def closed(self, connection: Connection) -> None:
        """See `ConnectionOwner`."""
        self._open.discard(connection)
        idle = self.shelf(connection.origin).idle
        if connection in idle:
            idle.remove(connection)
        if self._all_closed is not None and not self._open and not self._all_closed.done():
            self._all_closed.set_result(None)

    async def close(self) -> None:
        """Close every connection, busy ones too, and wait until they are gone."""
        self.shut = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        for connection in list(self._open):
            connection.abort()
        if self._open:
            self._all_closed = self._all_closed or self._loop.create_future()
            await asyncio.shield(self._all_closed)

    def _sweep(self) -> None:
        """Close what was idle too long, and come back if anything is left."""
        oldest = self._loop.time() - self._idle_timeout
        for shelf in self._shelves.values():
            while shelf.idle and shelf.idle[0].idle_since <= oldest:
                shelf.idle.pop(0).abort()
        self._sweep_timer = None
        if self.idle:
            self._sweep_timer = self._loop.call_later(self._idle_timeout / 2, self._sweep)
