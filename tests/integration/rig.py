"""A whole sidecar between a raw client and a raw provider, all on real ports of one event loop."""

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from sidecar.app import Sidecar, running
from sidecar.settings import Settings
from sidecar.telemetry.logs import make_log
from tests.fakes.raw_server import Peer, RawServer, Script
from tests.integration.wire import Client, Message, get, ok, read_body, read_head

SOON = 2.0
"""Seconds in which what happens "at once" must have happened, however busy the machine is."""


async def eventually(condition: Callable[[], object], *, within: float = SOON) -> None:
    """Wait until it holds. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  # watches state that has no event
            await asyncio.sleep(0)


async def receive(peer: Peer) -> Message:
    """One whole request as the provider gets it."""
    return await read_body(peer._reader, await read_head(peer._reader))


class Provider:
    """A script for a RawServer: answers every request with the next bytes, the last ones for ever."""

    def __init__(self, *answers: bytes, close: bool = False) -> None:
        self.received: list[Message] = []
        self._answers = answers or (ok(),)
        self._close = close

    async def __call__(self, peer: Peer) -> None:
        while True:
            message = await receive(peer)
            answer = self._answers[min(len(self.received), len(self._answers) - 1)]
            self.received.append(message)
            await peer.send(answer)
            if self._close:
                peer.end()
                await peer.left()
                return


async def silent(peer: Peer) -> None:
    """A script: takes a request, never answers, and notices when the other side leaves."""
    await receive(peer)
    await peer.left()


async def gone(peer: Peer) -> None:
    """That connection of the sidecar's was closed, at once."""
    async with asyncio.timeout(SOON):
        await peer.gone.wait()


class Held:
    """A script: takes each request and answers it only when `release` is set."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.received: list[Message] = []
        self.release = asyncio.Event()
        self._answer = answer or ok()

    async def __call__(self, peer: Peer) -> None:
        while True:
            self.received.append(await receive(peer))
            await self.release.wait()
            await peer.send(self._answer)


def _values(labels: dict[str, str]) -> list[str]:
    """Upstream and model first, then the rest."""
    first = ("upstream", "model")
    return [labels[name] for name in sorted(labels, key=lambda name: (*first, name).index(name))]


class Rig:
    """What a test has at hand."""

    def __init__(self, sidecar: Sidecar, provider: RawServer, log: io.BytesIO) -> None:
        self.sidecar = sidecar
        self.provider = provider
        self.log = log
        self.clients: list[Client] = []

    async def connect(self, *, receive_buffer: int | None = None) -> Client:
        """A new connection of the app."""
        client = await Client.connect(self.sidecar.proxy_port, receive_buffer=receive_buffer)
        self.clients.append(client)
        return client

    async def ask(self, data: bytes, method: str = "GET") -> Message:
        """One request on a connection of its own."""
        return await (await self.connect()).ask(data, method)

    async def admin(self, path: str) -> Message:
        """One answer of the admin port."""
        client = await Client.connect(self.sidecar.admin_port)
        try:
            return await client.ask(get(path))
        finally:
            client.close()

    async def stats(self) -> dict[str, Any]:
        """`/stats`."""
        stats: dict[str, Any] = json.loads((await self.admin("/stats")).body)
        return stats

    async def metrics(self) -> dict[str, float]:
        """`/metrics`, by name and label values: `ai_api_requests_total{openai,m,ok}`."""
        text = (await self.admin("/metrics")).body.decode()
        return {
            f"{sample.name}{{{','.join(_values(sample.labels))}}}": sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def statuses(self) -> dict[str, float]:
        """How requests ended: `{"openai,m,ok": 2.0}`."""
        prefix = "ai_api_requests_total{"
        samples = await self.metrics()
        return {name[len(prefix) : -1]: n for name, n in samples.items() if name.startswith(prefix)}

    def shed(self, reason: str) -> int:
        """Requests refused for that reason so far."""
        return sum(series.shed[reason] for series in self.sidecar.counts.series.values())

    @property
    def in_flight(self) -> int:
        """Permits that are held."""
        return sum(limiter.in_flight for limiter in self.sidecar.pool)

    @property
    def waiting(self) -> int:
        """Requests in queues."""
        return sum(limiter.waiting for limiter in self.sidecar.pool)

    @property
    def leftovers(self) -> dict[str, int]:
        """Whatever is still held for a request; empty when at rest."""
        transport = self.sidecar.transport
        held = {
            "open requests": self.sidecar.activity.open_requests,
            "in flight": self.in_flight,
            "waiting": self.waiting,
            "flights": len(self.sidecar.services.shared),
            "batches": len(self.sidecar.services.batched),
            "prefixes led": self.sidecar.services.warm.led,
            "websockets": self.sidecar.websockets.open.total(),
            "bytes held": self.sidecar.memory.held,
            "connections in use": transport.open_connections - transport.idle_connections,
        }
        return {name: count for name, count in held.items() if count}

    async def in_place(self, *, in_flight: int, waiting: int = 0) -> None:
        """So many are in flight and so many wait."""
        await eventually(lambda: (self.in_flight, self.waiting) == (in_flight, waiting))

    async def at_rest(self) -> None:
        """Everything that requests held was given back."""
        try:
            await eventually(lambda: not self.leftovers)
        except TimeoutError:
            raise AssertionError(f"not given back: {self.leftovers}") from None


async def was_cancelled(it: Rig, *, model: str = "m", among: int = 1) -> None:
    """A request (or so many) was cancelled, and neither the provider nor the limit was blamed."""
    await it.at_rest()
    metrics = await it.metrics()
    assert metrics[f"ai_api_requests_total{{openai,{model},cancelled}}"] == among
    assert not [
        name for name in metrics if name.startswith(("ai_api_rejections", "ai_api_limit_c"))
    ]
    assert not [name for name in metrics if "server_error" in name]


@asynccontextmanager
async def rig(
    script: Script | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    bugs: int = 0,
    deaf: bool = False,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """A sidecar before that provider (default upstream `openai`, and `anthropic`).

    One attempt a request unless `retry_attempts` says otherwise, and no shared calls.
    At the end everything must have been given back, nothing may have been raised into the event
    loop, and no bug of our own may have been logged, but so many as the test makes; `deaf` says that
    it makes a listener fail.
    """
    stray: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: stray.append(context))
    async with RawServer(script or Provider(), tls=tls) as provider:
        url = f"{'https' if tls else 'http'}://{provider.origin.host}:{provider.port}"
        defaults: dict[str, Any] = {
            "upstream_urls": f"openai={url},anthropic={url}",
            "proxy_port": 0,
            "admin_host": "127.0.0.1",
            "admin_port": 0,
            "limit_mode": "fixed",
            "retry_attempts": 0,
            "dedup_mode": "off",
        }
        log = io.BytesIO()
        chosen = Settings(**defaults | settings)
        async with running(chosen, make_log(chosen.log_level, stream=log)) as sidecar:
            all_of_it = Rig(sidecar, provider, log)
            try:
                yield all_of_it
                await all_of_it.at_rest()
            finally:
                for client in all_of_it.clients:
                    client.writer.transport.abort()
    assert not stray, stray
    assert log.getvalue().count(b'"event":"bug"') == bugs
    assert (b'"event":"observer_failed"' in log.getvalue()) == deaf
