"""A simulated provider as a real HTTP server: the providers' APIs with hidden limits.

    provider = SimulatedProvider(load("slots"))
    port = await provider.start()
    ...
    await provider.stop()

One server speaks all the APIs: `/<provider>/…` is that provider's, and without such a prefix the
path tells which one is meant (`protocol.routes`), OpenAI's or Anthropic's where several have it. On
`/v1/realtime?model=…` and `/v1/responses` it also accepts WebSockets (`conversation`). What it hides
comes from a scenario (`scenario`), what goes wrong on demand from the header `x-simulate`
(`directive`). The truth about capacity, and about what was billed (`books`), stands at
`GET /_simulator/state`.
"""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web

from sidecar.clock import Clock, LoopClock
from sidecar.errors import ListenError
from sidecar.simulator.exchange import Exchange
from sidecar.simulator.reception import Reception
from sidecar.simulator.scenario import Scenario, load
from sidecar.simulator.stamps import Stamps

_BACKLOG = 4096
"""Connections that may knock at once."""
_IDLE_CONNECTION = 300.0
"""Seconds that an idle connection is kept; longer than clients keep theirs."""
_GRACE = 0.01
"""Seconds for what is in flight when the server stops; a client sees what it sees in a crash."""


class SimulatedProvider:
    """A provider with a scenario; serves between `start` and `stop`."""

    def __init__(self, scenario: Scenario, *, clock: Clock | None = None) -> None:
        self._scenario = scenario
        self._clock = clock
        self._receptions: dict[str, Reception] = {}
        self._origin = 0.0
        self._exchange: Exchange | None = None
        self._web: web.Server | None = None
        self._sockets: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"<SimulatedProvider {self._scenario.name}, {len(self._receptions)} models>"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Serve; returns the real port. The scenario's time begins now."""
        loop = asyncio.get_running_loop()
        clock = self._clock or LoopClock(loop)
        self._origin = loop.time()
        dice = Random(self._scenario.seed)
        stamps = Stamps(clock, dice, deterministic=self._scenario.deterministic)
        self._exchange = Exchange(
            self._scenario,
            stamps,
            reception=self._reception,
            state=self.state,
            now=loop.time,
        )
        self._web = web.Server(
            self._exchange.handle,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=_IDLE_CONNECTION,
        )
        self._sockets = await loop.create_server(self._web, host, port, backlog=_BACKLOG)
        return int(self._sockets.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop serving and drop every connection."""
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None
        if self._web is not None:
            await self._web.shutdown(_GRACE)
            self._web = None
        for reception in self._receptions.values():
            reception.close()

    def state(self) -> Mapping[str, Any]:
        """The truth: per model in flight, peak, waiting, capacity, endings, rejections, bills."""
        loop = asyncio.get_running_loop()
        return {
            "scenario": self._scenario.name,
            "seconds": round(loop.time() - self._origin, 3),
            "connections": len(self._web.connections) if self._web else 0,
            "websockets": self._exchange.websockets if self._exchange else 0,
            "models": {name: reception.state() for name, reception in self._receptions.items()},
        }

    def _reception(self, model: str) -> Reception:
        """The model's own; made when it is first asked for."""
        found = self._receptions.get(model)
        if found is None:
            # Dice of its own: what one model draws does not depend on the others' traffic.
            dice = Random(f"{self._scenario.seed}/{model}")
            found = Reception(
                self._scenario.plan(model), dice, asyncio.get_running_loop(), origin=self._origin
            )
            self._receptions[model] = found
        return found


async def run_provider(scenario: str | Path | Scenario, host: str, port: int) -> None:
    """Serve a scenario until SIGINT or SIGTERM; prints one line with the address.

    Raises ConfigError for an unknown or wrong scenario, ListenError where it cannot listen.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    provider = SimulatedProvider(loaded)
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        try:
            real_port = await provider.start(host, port)
        except OSError as error:
            reason = error.strerror or error
            raise ListenError(f"--port {port}: cannot listen on {host}: {reason}") from error
        print(  # noqa: T201  # a command's output
            f"simulated provider '{loaded.name}' on http://{host}:{real_port}: {loaded.title}",
            flush=True,
        )
        await stopped.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        await provider.stop()
