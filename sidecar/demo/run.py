"""Puts the demo together: provider, sidecar, load, view; ends by itself with a summary."""

import asyncio
import signal
import sys
from dataclasses import replace
from typing import TypeVar

from rich.console import Console

from sidecar.app import Sidecar, running
from sidecar.demo.history import Sample
from sidecar.demo.load import MODEL, Load
from sidecar.demo.view import LiveView, PlainView, summary
from sidecar.environment import load_settings
from sidecar.outcomes import RejectionKind
from sidecar.simulator.plan import Outage, SlowSpell
from sidecar.simulator.scenario import Scenario, load
from sidecar.simulator.server import SimulatedProvider
from sidecar.telemetry.logs import make_log

WindowT = TypeVar("WindowT", Outage, SlowSpell)

_CLIENTS = 150
"""More than any shipped scenario's capacity, so that there is always a queue."""

_SCENARIO_SECONDS = 60.0
"""Length that the shipped scenarios' changes of capacity are written for."""

_EVERY = 0.25
"""Seconds between samples."""


async def run_demo(*, seconds: float, scenario: str) -> int:
    """Run the demo and print its summary; returns the exit code: 1 where nothing succeeded.

    Raises ConfigError for an unknown or wrong scenario, or wrong settings in the environment.
    Ctrl-C ends it early, with the summary.
    """
    console = Console()
    settings, plan = load_settings(), fitted(load(scenario), seconds)
    provider = SimulatedProvider(plan)
    provider_port = await provider.start()
    try:
        settings = settings.model_copy(
            update={
                "upstream_default": "openai",
                "upstream_urls": f"openai=http://127.0.0.1:{provider_port}",
                "proxy_port": 0,
                "admin_port": 0,
                "admin_host": "127.0.0.1",
            }
        )
        async with running(settings, make_log("error", "console", sys.stderr.buffer)) as sidecar:
            _introduce(console, plan, provider_port, sidecar)
            demo = _Demo(console, provider, sidecar, plan, seconds)
            await demo.run()
    finally:
        await provider.stop()
    console.print(summary(demo.samples, demo.load.counts, seconds=seconds, width=console.width))
    return 0 if demo.load.counts.succeeded else 1


def fitted(scenario: Scenario, seconds: float) -> Scenario:
    """The scenario with its events moved so that a shorter or longer run sees them all."""
    plan, factor = scenario.capacity, seconds / _SCENARIO_SECONDS
    slots = plan.slots and replace(
        plan.slots,
        steps=tuple(replace(step, at=step.at * factor) for step in plan.slots.steps),
    )
    moved = replace(
        plan,
        slots=slots,
        outages=tuple(_moved(outage, factor) for outage in plan.outages),
        slow_spells=tuple(_moved(spell, factor) for spell in plan.slow_spells),
    )
    return replace(scenario, capacity=moved)


def _moved(window: WindowT, factor: float) -> WindowT:
    return replace(window, start=window.start * factor, end=window.end * factor)


def _introduce(console: Console, scenario: Scenario, provider_port: int, sidecar: Sidecar) -> None:
    mode = sidecar.settings.limit_mode
    for line in (
        f"provider  http://127.0.0.1:{provider_port}  simulated: {scenario.title}",
        f"sidecar   http://127.0.0.1:{sidecar.proxy_port}  {mode}; it knows nothing of that",
        f"dashboard http://127.0.0.1:{sidecar.admin_port}/",
        f"app       {_CLIENTS} clients that ask again as soon as they are answered",
    ):
        console.print(line, highlight=False, soft_wrap=True)


class _Demo:
    """The part in which things move."""

    def __init__(
        self,
        console: Console,
        provider: SimulatedProvider,
        sidecar: Sidecar,
        plan: Scenario,
        seconds: float,
    ) -> None:
        self.samples: list[Sample] = []
        self.load = Load(f"http://127.0.0.1:{sidecar.proxy_port}", _CLIENTS)
        self._console = console
        self._provider = provider
        self._sidecar = sidecar
        self._slots = plan.plan(MODEL).capacity.slots
        self._seconds = seconds

    async def run(self) -> None:
        """Load and look, until the time is up or somebody presses Ctrl-C."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        loop.add_signal_handler(signal.SIGINT, stopped.set)
        started = loop.time()
        view = (
            LiveView(self._console, self._seconds)
            if self._console.is_terminal
            else PlainView(self._console)
        )
        async with asyncio.TaskGroup() as group:
            load = group.create_task(self.load.run())
            with view:
                while (at := loop.time() - started) < self._seconds and not stopped.is_set():
                    self.samples.append(self._sample(at))
                    view.show(self.samples, self.load.counts)
                    await asyncio.sleep(_EVERY)
            load.cancel()
        self.samples.append(self._sample(loop.time() - started))
        loop.remove_signal_handler(signal.SIGINT)

    def _capacity(self) -> int | None:
        """What the provider really runs at once; None = any number."""
        state = self._provider.state()["models"].get(MODEL)
        if state is None:  # nobody has called yet
            return self._slots.steps[0].slots if self._slots else None
        capacity: int | None = state["capacity"]
        return capacity

    def _sample(self, at: float) -> Sample:
        limiter = next((x for x in self._sidecar.pool if x.key.model == MODEL), None)
        series = self._sidecar.counts.series["openai", MODEL]
        return Sample(
            at=at,
            capacity=self._capacity(),
            limit=limiter.law.limit if limiter else self._sidecar.settings.limit_initial,
            in_flight=limiter.in_flight if limiter else 0,
            waiting=limiter.waiting if limiter else 0,
            succeeded=self.load.counts.succeeded,
            rejected=series.rejections.total() - series.rejections[RejectionKind.TRANSIENT],
        )
