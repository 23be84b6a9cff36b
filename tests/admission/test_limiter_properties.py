"""What holds for every order of events: random scripts of everything that can happen."""

import asyncio
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import looptime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.admission import LimitKey
from sidecar.admission.fair_share import WEIGHTS
from sidecar.admission.limiter import Limiter
from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind, Ticket, Verdict
from sidecar.events import NullObserver
from sidecar.outcomes import Priority
from tests.admission.callers import LATE, Call, Callers
from tests.fakes.law import ScriptedLaw
from tests.fakes.rates import ScriptedRates
from tests.support import settle

MAX_WAITING = 5


@dataclass(frozen=True)
class Ask:
    max_wait: float
    priority: Priority
    tokens: int
    again: bool


@dataclass(frozen=True)
class Cancel:
    pick: int


@dataclass(frozen=True)
class Measure:
    pick: int
    limit: int | None


@dataclass(frozen=True)
class Settle:
    pick: int
    verdict: Verdict
    limit: int | None


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Told:
    """An answer's headers say when attempts of so many tokens may start."""

    pick: int
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Pass:
    """Time passes; 0 = the loop turns until nothing is left to do."""

    seconds: float


Step = Ask | Cancel | Measure | Settle | Pause | Told | Pass

PICKS = st.integers(0, 30)
LIMITS = st.none() | st.integers(1, 6)
SECONDS = st.sampled_from((0.5, 1.0, 2.0, 50.0))
CLASSES = st.sampled_from(tuple(Priority))
TOKENS = st.sampled_from((0, 10, 1000))
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Ask, st.sampled_from((0.0, 1.0, 3.0, 1000.0)), CLASSES, TOKENS, st.booleans()),
    st.builds(Cancel, PICKS),
    st.builds(Measure, PICKS, LIMITS),
    st.builds(Settle, PICKS, st.sampled_from((SUCCESS, FAILED, IGNORED)), LIMITS),
    st.builds(Pause, SECONDS),
    st.builds(Told, PICKS, TOKENS, SECONDS),
    st.builds(Pass, st.just(0.0) | SECONDS),
)


class LoggedLaw(ScriptedLaw):
    """Writes down when an attempt starts, by the generation of its ticket."""

    def __init__(self, limit: int, log: list[tuple[str, int]]) -> None:
        super().__init__(limit)
        self._log = log

    def start(self, *, in_flight: int, waiting: int, now: float) -> Ticket:
        ticket = super().start(in_flight=in_flight, waiting=waiting, now=now)
        self._log.append(("started", ticket.generation))
        return ticket


class LoggedCallers(Callers):
    """Writes down when a caller asks, by its number."""

    def __init__(self, limiter: Limiter, log: list[tuple[str, int]]) -> None:
        super().__init__(limiter)
        self.calls: dict[int, Call] = {}
        self._log = log

    async def _acquire(self, call: Call) -> None:
        self.calls[call.number] = call
        self._log.append(("asked", call.number))
        await super()._acquire(call)


class Script:
    """Plays steps on a limiter and checks it after each."""

    def __init__(self, limit: int, *, max_waiting: int = MAX_WAITING) -> None:
        self.loop = asyncio.get_running_loop()
        self.log: list[tuple[str, int]] = []
        self.law = LoggedLaw(limit, self.log)
        self.rates = ScriptedRates()
        self.limiter = Limiter(
            LimitKey("u", "m"),
            self.law,
            self.rates,
            max_waiting=max_waiting,
            loop=self.loop,
            observer=NullObserver(),
            draw=lambda: 0.0,
        )
        self.callers = LoggedCallers(self.limiter, self.log)
        self.measured: set[int] = set()

    async def play(self, steps: list[Step]) -> None:
        async with self.callers:
            for step in steps:
                await self.take(step)
                self.check()
            await settle()
            self.check_accounts()
        await asyncio.sleep(100)  # every pause is over

    async def take(self, step: Step) -> None:
        """Only `Pass` turns the loop: whatever stands between two of them happens in one tick."""
        callers, open_permits = self.callers, self.open_permits()
        match step:
            case Ask(max_wait, priority, tokens, again):
                callers.ask_soon(max_wait=max_wait, priority=priority, tokens=tokens, again=again)
            case Cancel(pick) if callers.tasks:
                callers.tasks[pick % len(callers.tasks)].cancel()
            case Measure(pick, limit) if open_permits:
                number = open_permits[pick % len(open_permits)]
                if number not in self.measured:
                    self.measured.add(number)
                    self.law.next_limit = limit
                    callers.permits[number].measure(0.1, LatencyKind.TOTAL)
            case Settle(pick, verdict, limit) if open_permits:
                self.law.next_limit = limit
                callers.permits[open_permits[pick % len(open_permits)]].settle(verdict)
            case Told(pick, tokens, seconds) if open_permits:
                self.rates.next_until = {tokens: self.loop.time() + seconds}
                callers.permits[open_permits[pick % len(open_permits)]].told([])
            case Pause(seconds):
                self.law.held_until = self.loop.time() + seconds
            case Pass(seconds):
                await asyncio.sleep(seconds)
                await settle()
            case Cancel() | Measure() | Settle() | Told():
                pass  # there is nobody yet to whom it could happen

    def open_permits(self) -> list[int]:
        return [
            number
            for number, permit in self.callers.permits.items()
            if permit.ticket.generation in self.law.open
        ]

    def check(self) -> None:
        """Law and rates themselves assert that nothing starts before it may, or ends twice."""
        assert self.limiter.in_flight == len(self.law.open)
        assert 0 <= self.limiter.waiting <= MAX_WAITING
        assert self.limiter.waiting == sum(map(self.limiter.waiting_by, Priority))

    def check_accounts(self) -> None:
        """Everybody who asked was admitted, refused, cancelled or still waits."""
        callers = self.callers
        cancelled = sum(task.cancelled() for task in callers.tasks)
        known = len(callers.permits) + len(callers.refused) + cancelled
        assert known + self.limiter.waiting == len(callers.tasks)
        self.check_order()

    def check_order(self) -> None:
        """Inside a class nobody was admitted while one stood before it who was admitted later."""
        admitted = {permit.ticket.generation: n for n, permit in self.callers.permits.items()}
        standing: list[int] = []
        for what, number in self.log:
            if what == "asked":
                if number in self.callers.permits:
                    standing.append(number)
            elif (mine := admitted.get(number)) is not None:
                call = self.callers.calls[mine]
                line = [n for n in standing if self.callers.calls[n].priority is call.priority]
                assert mine == min(line, key=lambda n: not self.callers.calls[n].again)
                standing.remove(mine)


@settings(max_examples=300, deadline=None)
@given(limit=st.integers(1, 4), steps=st.lists(STEPS, max_size=40))
def test_nothing_is_lost_and_nothing_exceeds_the_limit(limit: int, steps: list[Step]) -> None:
    faults: list[dict[str, Any]] = []

    async def scenario() -> Script:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        script = Script(limit)
        await script.play(steps)
        return script

    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        script = runner.run(scenario())

    assert (script.limiter.in_flight, script.limiter.waiting) == (0, 0)
    assert not script.law.open
    assert not script.rates.open
    assert not faults


@settings(max_examples=50, deadline=None)
@given(limit=st.integers(1, 4), steps=st.lists(STEPS, max_size=40))
def test_who_stays_patient_is_served(limit: int, steps: list[Step]) -> None:
    """Once pauses end and places are given back, nobody is left in the queue."""

    async def scenario() -> None:
        script = Script(limit)
        async with script.callers as callers:
            for step in steps:
                await script.take(step)
            for _ in range(len(callers.tasks) + 1):
                await script.take(Pass(60.0))
                for _ in script.open_permits():
                    await script.take(Settle(0, SUCCESS, None))

            await script.take(Pass(0.0))
            assert (script.limiter.in_flight, script.limiter.waiting) == (0, 0)

    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        runner.run(scenario())


LENGTHS = st.sampled_from((0.25, 1.0, 4.0, 10.0))


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(limit=st.integers(1, 3), lengths=st.tuples(LENGTHS, LENGTHS, LENGTHS))
def test_no_class_starves_while_others_call(
    limit: int, lengths: tuple[float, float, float]
) -> None:
    """One call more of each class than there are places: all three always want more.

    None is ever further behind its share than what all places do in one longest call.
    """
    longest = max(lengths)
    had = dict.fromkeys(Priority, 0.0)

    async def client(limiter: Limiter, priority: Priority, until: float) -> None:
        now = asyncio.get_running_loop().time
        while now() < until:
            permit = await limiter.acquire(max_wait=1e6, late=LATE, priority=priority)
            await asyncio.sleep(lengths[priority])
            if now() <= until:
                had[priority] += lengths[priority]
            permit.settle(SUCCESS)

    async def scenario() -> None:
        script = Script(limit, max_waiting=3 * (limit + 1))
        until = script.loop.time() + 30 * (longest + 1)
        async with asyncio.TaskGroup() as group:
            for priority in list(Priority) * (limit + 1):
                group.create_task(client(script.limiter, priority, until))

    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        runner.run(scenario())

    for one, other in combinations(Priority, 2):
        apart = abs(had[one] / WEIGHTS[one] - had[other] / WEIGHTS[other])
        assert apart <= limit * (longest + 1)
