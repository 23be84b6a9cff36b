"""An app with more to ask than the provider will take: closed-loop clients over real HTTP."""

import asyncio
import itertools
from dataclasses import dataclass, field

import aiohttp
import orjson

MODEL = "demo-model"

_POLITE_WAIT = 0.25
"""Seconds a client waits after a refusal, as an SDK would, at least."""

_LONGEST_WAIT = 2.0


@dataclass(slots=True)
class LoadCounts:
    """What the app saw."""

    requests: int = 0
    succeeded: int = 0
    rejected: int = 0
    """The provider's push-back that reached the app."""
    shed: int = 0
    """Refused by the sidecar."""
    failed: int = 0
    """Anything else."""

    @property
    def success_rate(self) -> float:
        """Share of ended requests that were answered; 1 before the first."""
        return self.succeeded / self.requests if self.requests else 1.0


@dataclass(slots=True)
class Load:
    """Clients that each ask, read the answer and ask again; every other answer is a stream."""

    base_url: str
    clients: int
    counts: LoadCounts = field(default_factory=LoadCounts)

    async def run(self) -> None:
        """Ask until cancelled."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            asyncio.TaskGroup() as group,
        ):
            for number in range(self.clients):
                group.create_task(self._client(session, number))

    async def _client(self, session: aiohttp.ClientSession, number: int) -> None:
        for turn in itertools.count(number):
            wait = await self._ask(session, stream=turn % 2 == 0)
            if wait:
                await asyncio.sleep(wait)

    async def _ask(self, session: aiohttp.ClientSession, *, stream: bool) -> float:
        """One request; returns the seconds to wait before the next one."""
        body = {
            "model": MODEL,
            "stream": stream,
            "messages": [{"role": "user", "content": "How many calls may I make at once?"}],
        }
        try:
            async with session.post(
                f"{self.base_url}/v1/chat/completions",
                data=orjson.dumps(body),
                headers={"Content-Type": "application/json", "Authorization": "Bearer demo"},
            ) as answer:
                await answer.read()
                return self._count(answer)
        except (aiohttp.ClientError, TimeoutError):
            self.counts.requests += 1
            self.counts.failed += 1
            return _POLITE_WAIT

    def _count(self, answer: aiohttp.ClientResponse) -> float:
        counts = self.counts
        counts.requests += 1
        if answer.status < 300:
            counts.succeeded += 1
            return 0.0
        if "x-sidecar-reason" in answer.headers:
            counts.shed += 1
        elif answer.status in (429, 503, 529):
            counts.rejected += 1
        else:
            counts.failed += 1
        return _wait(answer.headers.get("Retry-After", ""))


def _wait(hint: str) -> float:
    try:
        return min(_LONGEST_WAIT, max(_POLITE_WAIT, float(hint)))
    except ValueError:
        return _POLITE_WAIT
