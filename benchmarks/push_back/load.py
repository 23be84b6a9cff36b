"""The app: asks for a time, then waits for what is owed: `python -m benchmarks.push_back.load`.

Reads a line of JSON (port, begin, until, askings; times by the monotonic clock, which all
processes of a machine share) and prints each call: model, when asked, when ended, status, reason.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any

import uvloop

from benchmarks.push_back import callers
from benchmarks.push_back.asking import Asking
from benchmarks.push_back.callers import Caller

OWED = 100.0
"""Seconds in which a call must have ended after the last one was made: longer than any wait that
the sidecar's defaults allow (60 s of a hint, 30 s in the queue, and the answer)."""

_PAUSE = 0.25
"""Seconds a closed-loop client waits after anything but an answer, as SDKs do."""

Row = list[Any]
"""Model, asked, ended (None = still open), status (None = no answer), reason."""


class App:
    """One kind of call."""

    def __init__(
        self, asking: Asking, call: Caller, *, until: float, now: Callable[[], float]
    ) -> None:
        self._asking = asking
        self._bodies: Iterator[dict[str, Any]] = asking.bodies()
        self._call = call
        self._until = until
        self._now = now
        self.rows: list[Row] = []

    async def run(self) -> None:
        """Ask until the time is over, and wait for the answers."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._asking.clients):
                group.create_task(self._client())
            if self._asking.rate:
                await self._arrivals(group)

    async def _client(self) -> None:
        while self._now() < self._until:
            if await self._ask() != 200:
                await asyncio.sleep(_PAUSE)

    async def _arrivals(self, group: asyncio.TaskGroup) -> None:
        dice = Random(self._asking.model)
        due = self._now()
        while due < self._until:
            await asyncio.sleep(due - self._now())
            group.create_task(self._ask())
            due += dice.expovariate(self._asking.rate)

    async def _ask(self) -> int | None:
        row: Row = [self._asking.model, self._now(), None, None, None]
        self.rows.append(row)
        ending = await self._call(next(self._bodies))
        row[2:] = self._now(), *ending
        return ending.status


@asynccontextmanager
async def _callers(port: int, askings: list[Asking]) -> AsyncIterator[dict[bool, Caller]]:
    kinds = {True: callers.sdk, False: callers.plain}
    async with AsyncExitStack() as stack:
        yield {
            sdk: await stack.enter_async_context(kinds[sdk](port))
            for sdk in {asking.sdk for asking in askings}
        }


async def _run() -> list[Row]:
    job = json.loads(sys.stdin.readline())
    askings = [Asking(**asking) for asking in job["askings"]]
    until = job["until"]
    async with _callers(job["port"], askings) as by_kind:
        apps = [
            App(asking, by_kind[asking.sdk], until=until, now=time.monotonic) for asking in askings
        ]
        await asyncio.sleep(job["begin"] - time.monotonic())
        tasks = [asyncio.create_task(app.run()) for app in apps]
        ended, late = await asyncio.wait(tasks, timeout=until - time.monotonic() + OWED)
        for task in late:  # what is still open stands in the rows
            task.cancel()
        for task in ended:
            task.result()
    return sorted((row for app in apps for row in app.rows), key=lambda row: row[1])


if __name__ == "__main__":
    seen = uvloop.run(_run())
    # With PYTHONUNBUFFERED, sys.stdout drops what a pipe does not take at once; a file of our own waits.
    with open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False) as out:
        json.dump(seen, out)
