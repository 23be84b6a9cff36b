"""The list of prices, read off the event loop.

Loading it takes a tenth of a second, once. On the loop that would stop every request for all of it;
in a thread the longest stop was 8 to 17 ms (2 cores), since Python unpacks a module in one go. A
package without its compiled files would make that 170 ms.
"""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sidecar.cost.listing import is_installed, is_loaded, listed_prices
from sidecar.cost.unit_prices import UnitPrices

Found = Callable[[UnitPrices | None], None]


class PriceList:
    """Answers later, on the event loop; owns one thread, which lives from the first question on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prices")
        self._closed = False
        self.available = is_installed()
        """Whether there is a list at all."""

    def look_up(self, provider: str, model: str, when: datetime, found: Found) -> None:
        """Have `found` called with the prices at that time; None where the list has none.

        It is called later, never from within; not at all once the list is closed.
        """
        if self._closed:
            return
        if not self.available:
            self._loop.call_soon(found, None)
            return
        future = self._loop.run_in_executor(self._thread, _read, provider, model, when)
        future.add_done_callback(lambda done: self._tell(done, found))

    def _tell(self, done: asyncio.Future[UnitPrices | None], found: Found) -> None:
        if self._closed or done.cancelled():
            return
        error = done.exception()
        if error is not None:
            # A list that cannot be read has no prices; the requests go on.
            self._loop.call_exception_handler(
                {"message": "the list of prices cannot be read", "exception": error}
            )
        found(None if error is not None else done.result())

    def close(self) -> None:
        """Answer no more; the thread ends with what it does at the moment."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)


def _read(provider: str, model: str, when: datetime) -> UnitPrices | None:
    first = not is_loaded()
    prices = listed_prices(provider, model, when)
    if first and gc.get_freeze_count():
        # The process keeps what lives for ever out of the collector's sight. With the list's 30,000
        # objects in it, every full collection would stop the loop for 10 ms longer.
        gc.freeze()
    return prices
