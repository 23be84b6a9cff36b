"""Notices an app that hangs up while nothing of what it sends is being read.

A large body is read only as fast as it can be passed on: not at all while its request waits for a
place, or while the provider takes no more. The event loop then does not look at the connection, and
the app's leaving would lie behind the unread bytes until the request's turn comes.

So connections whose reading is paused are given to an epoll of our own that asks for hang-ups only:
a FIN (EPOLLRDHUP, told even with unread bytes before it) or a reset. The loop watches the epoll's
descriptor, which asyncio and uvloop can both do; nothing is polled, and an idle watch costs nothing.

What nobody can see without reading on is a FIN that the app's kernel still holds back, because more
of the body lies before it than our kernel takes unread (0.2 to 6 MiB, by sysctl `tcp_rmem`). Reading
on would mean holding that body in memory, 64 MiB of it for every large request in a queue, for a
call that costs nothing yet: it is not done. Such a request keeps its place until its turn, or until
its time in the queue is up; then its body ends too early, and the provider's call is cut off before
it is complete.

Where there is no epoll (macOS), nothing is watched, and that holds for every FIN behind unread bytes.
"""

import asyncio
import select
import sys
from collections.abc import Callable
from contextlib import suppress


class HangUps:
    """Tells of peers that hang up while they are not read from."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[int, Callable[[], None]] = {}
        self._epoll: select.epoll | None = None  # made when first needed

    def __repr__(self) -> str:
        return f"<HangUps {self.watched} watched>"

    @property
    def watched(self) -> int:
        """Connections that are watched."""
        return len(self._watched)

    def watch(self, descriptor: int, hung_up: Callable[[], None]) -> None:
        """Reading is paused; call `hung_up` once if need be. Harmless where it is watched already."""
        if descriptor not in self._watched and sys.platform == "linux":
            self._opened().register(descriptor, select.EPOLLRDHUP)  # errors are told unasked
            self._watched[descriptor] = hung_up

    def forget(self, descriptor: int) -> None:
        """It is read from again, or about to be closed. Harmless where it is not watched."""
        if self._watched.pop(descriptor, None) is not None and self._epoll is not None:
            with suppress(OSError):  # a closed socket has left by itself
                self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Watch nothing any more."""
        self._watched.clear()
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _opened(self) -> select.epoll:
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._look, self._epoll)
        return self._epoll

    def _look(self, epoll: select.epoll) -> None:
        for descriptor, _ in epoll.poll(0):
            hung_up = self._watched[descriptor]
            self.forget(descriptor)  # or it would be told again and again
            hung_up()
