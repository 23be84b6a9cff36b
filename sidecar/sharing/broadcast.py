"""One answer as it comes, handed to any number of readers, each from its start.

**Push.** What is written goes to every reader's taker before the call returns, as the relay of a
single answer would: no task wakes up for a chunk. A reader whose taker is full stays behind and
catches up by itself; its coroutine in `relay` sleeps until then.

**Kept.** Pieces form a chain. The broadcast holds its beginning while readers may still join, within
a bound of its own and one for all together, and its end; every reader holds the link that it took
last. So what nobody needs any more is freed without being looked for.

**Back-pressure.** The writer is held only while even the fastest reader is behind, so a slow one holds
nobody up. One that is too far behind is cut off: what is kept for it would fill the memory.

**Waiting.** As in a delivery: every coroutine looks at its condition again after waking, so waking it
once too often is harmless.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sidecar.errors import ClientGoneError
from sidecar.sharing.replays import Replay, Replays

Head = TypeVar("Head")
"""What comes before the body."""

Fields = Sequence[tuple[bytes, bytes]]

_TAKEN_AT_ONCE = 65_536
"""Bytes that one who catches up is given in one write, in whole pieces."""


class Taker(Protocol):
    """Where one reader's copy goes."""

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Take pieces; False = full: `drain` first. Raises ClientGoneError."""
        ...

    async def drain(self) -> None:
        """Wait until there is room again. Raises ClientGoneError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is kept, in bytes."""

    replay: int = 1_048_576
    """While no more than this has come, all is kept, and readers may join."""
    ahead: int = 65_536
    """The writer is held while the fastest reader is behind by this much."""
    behind: int = 8_388_608
    """A reader that is behind by more is cut off."""


class _Link:
    """The pieces of one write."""

    __slots__ = ("next", "pieces", "size")

    def __init__(self, pieces: Sequence[bytes], size: int) -> None:
        self.pieces = pieces
        self.size = size
        self.next: _Link | None = None


class Broadcast(Generic[Head]):
    """The writer's side, and the door."""

    def __init__(self, bounds: Bounds, loop: asyncio.AbstractEventLoop, replays: Replays) -> None:
        self.head: Head | None = None
        """None until the answer began."""
        self.trailers: Fields = ()
        self.failure: Exception | None = None
        """Why it broke off, or did not begin."""
        self.ended = False
        self.size = 0
        """Bytes of body so far."""
        self._bounds = bounds
        self._loop = loop
        self._replay = Replay(replays, bounds.replay)
        self._last = _Link((), 0)
        self._first: _Link | None = self._last
        self._readers: dict[Reader[Head], None] = {}
        self._waiter: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "ended" if self.ended else "running"
        return f"<Broadcast {state}, {self.size} bytes, {len(self._readers)} readers>"

    def __len__(self) -> int:
        """Readers."""
        return len(self._readers)

    @property
    def joinable(self) -> bool:
        """Whether everything from the start is there for one more reader."""
        return self._first is not None

    def body(self) -> bytes:
        """All that came, of one that is `joinable`."""
        pieces: list[bytes] = []
        link = self._first
        while link is not None:
            pieces += link.pieces
            link = link.next
        return b"".join(pieces)

    def join(self) -> "Reader[Head]":
        """One more reader, of one that is `joinable`; it must `leave`."""
        if self._first is None:
            raise RuntimeError(f"{self!r} has forgotten its start")
        reader = Reader(self, self._first, self._loop)
        self._readers[reader] = None
        return reader

    def forget(self) -> None:
        """Nobody joins any more."""
        self._first = None
        self._replay.end()

    # -- writing ----------------------------------------------------------------------------------

    def begin(self, head: Head) -> None:
        """The answer begins."""
        self.head = head
        self._wake_readers()

    def write(self, pieces: Sequence[bytes]) -> bool:
        """Hand these to everybody; False = `drain` before writing more."""
        size = sum(map(len, pieces))
        link = _Link(pieces, size)
        self._last.next = link
        self._last = link
        self.size += size
        if self._first is not None and not self._replay.take(size):
            self.forget()
        room = False
        for reader in self._readers:
            reader.push()
            if reader.behind < self._bounds.ahead:
                room = True
            elif reader.behind > self._bounds.behind:
                reader.cut_off()
        return room or self._waits_for_readers()

    async def drain(self) -> None:
        """Wait until a reader is near; ClientGoneError where there is none, and none can come."""
        while not self._has_room():
            if not self._readers:
                raise ClientGoneError("nobody is left who could have all of a shared answer")
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def end(self, trailers: Fields) -> None:
        """The answer is whole."""
        self.trailers = trailers
        self.ended = True
        self._wake_readers()

    def fail(self, error: Exception) -> None:
        """It ends here, unless it is whole; everybody gets what came before, then the error."""
        if self.ended:
            return
        self.failure = error
        self.ended = True
        self._wake_readers()

    def _has_room(self) -> bool:
        near = any(reader.behind < self._bounds.ahead for reader in self._readers)
        return near or self._waits_for_readers()

    def _waits_for_readers(self) -> bool:
        """It goes on without readers for as long as one who comes could have all of it."""
        return not self._readers and self.joinable

    def _wake_readers(self) -> None:
        for reader in self._readers:
            reader.wake()

    # -- for readers ------------------------------------------------------------------------------

    def moved(self, reader: "Reader[Head]") -> None:
        """A reader took something."""
        if self._waiter is not None and reader.behind < self._bounds.ahead:
            self._wake()

    def left(self, reader: "Reader[Head]") -> None:
        """A reader is gone; the fastest one may have been it."""
        self._readers.pop(reader, None)
        if self.failure is not None and not self._readers:
            self.forget()
            self.failure = None  # its traceback would keep the last reader's frame
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Reader(Generic[Head]):
    """One who gets all of it."""

    __slots__ = (
        "_at",
        "_broadcast",
        "_failure",
        "_full",
        "_loop",
        "_patience",
        "_position",
        "_taker",
        "_waiter",
        "was_cut_off",
    )

    def __init__(
        self, broadcast: Broadcast[Head], first: _Link, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.was_cut_off = False
        self._broadcast = broadcast
        self._at = first  # the last one taken
        self._loop = loop
        self._position = 0
        self._taker: Taker | None = None
        self._full = False  # the taker asked for `drain`
        self._failure: Exception | None = None  # of this reader alone
        self._patience: asyncio.Timeout | None = None  # around a `drain`
        self._waiter: asyncio.Future[None] | None = None

    @property
    def behind(self) -> int:
        """Bytes that came and were not taken."""
        return self._broadcast.size - self._position

    async def head(self) -> Head:
        """Wait for the answer to begin, or raise what kept it from beginning."""
        broadcast = self._broadcast
        while broadcast.head is None:
            if broadcast.failure is not None:
                raise broadcast.failure.with_traceback(None)  # others raise it too
            await self._wait()
        return broadcast.head

    async def relay(self, taker: Taker) -> Fields:
        """Hand the whole body on and give the trailers; call once, after `head`.

        Raises what broke the answer off, ClientGoneError when cut off, and whatever `taker` raises.
        """
        self._taker = taker
        self.push()
        while not self._over():
            if self._full:
                await self._drain(taker)
                self._full = False
                self.push()
            else:
                await self._wait()
        # Held by no name in here: its traceback would keep this frame, and the frame it.
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        if self._broadcast.failure is not None:
            raise self._broadcast.failure.with_traceback(None)
        return self._broadcast.trailers

    def leave(self) -> None:
        """Want nothing more."""
        self._at = _Link((), 0)
        self._taker = self._failure = None
        self._broadcast.left(self)

    # -- for the broadcast ------------------------------------------------------------------------

    def push(self) -> None:
        """Give the taker what has come, unless it is full."""
        taker = self._taker
        if taker is None or self._failure is not None:
            return
        try:
            while not self._full and self._at.next is not None:
                if not taker.write(self._take()):
                    self._full = True
                    self.wake()
        except Exception as error:  # noqa: BLE001  # the taker's own; `relay` raises it to its caller
            self._fail(error)
            return
        self._broadcast.moved(self)

    def cut_off(self) -> None:
        """It is too far behind: keep nothing more for it."""
        if self._failure is None:
            self.was_cut_off = True
            self._fail(ClientGoneError("the app takes a shared answer too slowly"))

    def wake(self) -> None:
        """Something changed."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self) -> Sequence[bytes]:
        """The pieces of the next links; nearly always of one, just as it was written."""
        link = self._at.next
        assert link is not None  # noqa: S101  # by the caller's condition
        pieces, size = link.pieces, link.size
        more = link.next
        if more is not None:
            pieces = gathered = list(pieces)
            while more is not None and size < _TAKEN_AT_ONCE:
                link, more = more, more.next
                gathered += link.pieces
                size += link.size
        self._at = link
        self._position += size
        return pieces

    def _over(self) -> bool:
        all_taken = self._broadcast.ended and self._at.next is None
        return all_taken or self._failure is not None

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._at = _Link((), 0)
        if self._patience is not None:
            self._patience.reschedule(self._loop.time())
        self.wake()

    async def _drain(self, taker: Taker) -> None:
        """Wait for the taker, or until it is cut off."""
        try:
            async with asyncio.timeout(None) as self._patience:
                await taker.drain()
        except TimeoutError:
            pass  # `_failure` says why
        finally:
            self._patience = None

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
