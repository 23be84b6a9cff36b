"""The two loads made of small requests: paced (for latency) and saturated (for throughput)."""

import asyncio
import random
import time

from benchmarks.dataplane.load.client import Client
from benchmarks.dataplane.load.job import (
    PacedJob,
    PacedResult,
    SaturatedJob,
    SaturatedSlice,
    Target,
)
from benchmarks.dataplane.payloads import CHAT, request
from benchmarks.dataplane.procfs import cpu_seconds, waiting_seconds

_SPARE_CONNECTIONS = 16
"""Opened beforehand, so that a connection's own set-up is no part of a request's latency."""

_PATIENCE = 15.0
"""Seconds after which an answer counts as lost."""


class _Paced:
    """One target under an open loop."""

    def __init__(self, target: Target, script: str) -> None:
        self.target = target
        self.seconds: list[float] = []
        self.lost = 0
        self.cpu = 0.0
        self._open = 0
        self._settled = asyncio.Event()
        self._request = request(script, CHAT)
        self._idle: list[Client] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        for _ in range(_SPARE_CONNECTIONS):
            self._idle.append(await self._connect())

    async def _connect(self) -> Client:
        return await Client.connect(self.target.port, self._request, self._answered)

    def fire(self) -> None:
        self._open += 1
        self._settled.clear()
        while self._idle:
            client = self._idle.pop()
            if client.usable:
                client.ask()
                return
        task = asyncio.get_running_loop().create_task(self._fire_on_new_connection())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fire_on_new_connection(self) -> None:
        (await self._connect()).ask()

    def _answered(self, client: Client, right: bool) -> None:
        self._open -= 1
        if not self._open:
            self._settled.set()
        if right:
            self.seconds.append(time.perf_counter() - client.sent_at)
            self._idle.append(client)
        else:
            self.lost += 1

    async def settle(self) -> None:
        """Wait for what is owed."""
        async with asyncio.timeout(_PATIENCE):
            if self._open:
                await self._settled.wait()

    def forget(self) -> None:
        """What was so far was for warming up; what was lost stays lost."""
        self.seconds.clear()
        self.cpu = 0.0


async def paced(job: PacedJob) -> list[PacedResult]:
    """Drive the targets in turn, each round with the same moments of sending for all of them."""
    runs = [_Paced(target, job.script) for target in job.targets]
    for run in runs:
        await run.prepare()
        await _paced_slice(run, _arrivals(job, -1))
        run.forget()
    for number in range(job.rounds):
        for run in runs:
            await _paced_slice(run, _arrivals(job, number))
    return [PacedResult(run.seconds, run.lost, run.cpu) for run in runs]


def _arrivals(job: PacedJob, number: int) -> list[float]:
    draw, at, arrivals = random.Random(number), 0.0, []
    while (at := at + draw.expovariate(job.rate)) < job.slice_seconds:
        arrivals.append(at)
    return arrivals


async def _paced_slice(run: _Paced, arrivals: list[float]) -> None:
    used = cpu_seconds(run.target.pids)
    begin = time.perf_counter()
    for at in arrivals:
        early = begin + at - time.perf_counter()
        if early > 0:
            await asyncio.sleep(early)
        run.fire()
    await run.settle()
    run.cpu += cpu_seconds(run.target.pids) - used


class _Saturated:
    """One target under a closed loop."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.requests = 0
        self.lost = 0
        self._running = False
        self._busy = 0
        self._settled = asyncio.Event()
        self._clients: list[Client] = []

    async def prepare(self, connections: int) -> None:
        ask = request("answer 0", CHAT)
        for _ in range(connections):
            self._clients.append(await Client.connect(self.target.port, ask, self._answered))

    def _answered(self, client: Client, right: bool) -> None:
        self.requests += 1
        if not right:
            self.lost += 1
        if self._running and right:
            client.ask()
            return
        self._busy -= 1
        if not self._busy:
            self._settled.set()

    async def run(self, seconds: float) -> SaturatedSlice:
        """One slice."""
        self.requests, lost = 0, self.lost
        cpu, waited = cpu_seconds(self.target.pids), waiting_seconds(self.target.pids)
        own, begin = time.process_time(), time.perf_counter()
        self._running = True
        self._settled.clear()
        for client in self._clients:
            if client.usable:
                self._busy += 1
                client.ask()
        await asyncio.sleep(seconds)
        self._running = False
        async with asyncio.timeout(_PATIENCE):
            await self._settled.wait()
        return SaturatedSlice(
            requests=self.requests,
            seconds=time.perf_counter() - begin,
            cpu_seconds=cpu_seconds(self.target.pids) - cpu,
            waited_seconds=waiting_seconds(self.target.pids) - waited,
            load_cpu_seconds=time.process_time() - own,
            lost=self.lost - lost,
        )


async def saturated(job: SaturatedJob) -> list[list[SaturatedSlice]]:
    """All slices of all targets, driven in turn; a target's first slice is thrown away."""
    runs = [_Saturated(target) for target in job.targets]
    for run in runs:
        await run.prepare(job.connections)
        await run.run(min(job.slice_seconds, 0.5))
    slices: list[list[SaturatedSlice]] = [[] for _ in runs]
    for _ in range(job.rounds):
        for run, results in zip(runs, slices, strict=True):
            results.append(await run.run(job.slice_seconds))
    return slices
