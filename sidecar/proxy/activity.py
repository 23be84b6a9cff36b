"""How many requests are being served, and since when there are none: what a drain waits for."""

import asyncio


class Activity:
    """Counts open requests, waiting ones included."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._now = loop.time
        self._idle_since = loop.time()
        self.open_requests = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def began(self) -> None:
        """A request's head arrived."""
        self.open_requests += 1
        self._empty.clear()

    def ended(self) -> None:
        """A request's answer is complete, or nobody waits for it any more."""
        self.open_requests -= 1
        if not self.open_requests:
            self._idle_since = self._now()
            self._empty.set()

    async def idle(self, seconds: float) -> None:
        """Return once nothing has been open for so long."""
        while True:
            await self._empty.wait()
            left = self._idle_since + seconds - self._now()
            if left <= 0:
                return
            await asyncio.sleep(left)
