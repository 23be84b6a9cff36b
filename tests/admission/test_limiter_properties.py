"""What holds for every order of events: random scripts of everything that can happen."""

import asyncio
from dataclasses import dataclass
from typing import Any

import looptime
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.admission import LimitKey
from sidecar.admission.limiter import Limiter
from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind, Verdict
from sidecar.events import NullObserver
from tests.admission.callers import Callers
from tests.fakes.law import ScriptedLaw
from tests.support import settle

MAX_WAITING = 5


@dataclass(frozen=True)
class Ask:
    max_wait: float


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
class Pass:
    """Time passes; 0 = the loop turns until nothing is left to do."""

    seconds: float


Step = Ask | Cancel | Measure | Settle | Pause | Pass

PICKS = st.integers(0, 30)
LIMITS = st.none() | st.integers(1, 6)
SECONDS = st.sampled_from((0.5, 1.0, 2.0, 50.0))
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Ask, st.sampled_from((0.0, 1.0, 3.0, 1000.0))),
    st.builds(Cancel, PICKS),
    st.builds(Measure, PICKS, LIMITS),
    st.builds(Settle, PICKS, st.sampled_from((SUCCESS, FAILED, IGNORED)), LIMITS),
    st.builds(Pause, SECONDS),
    st.builds(Pass, st.just(0.0) | SECONDS),
)


class Script:
    """Plays steps on a limiter and checks it after each."""

    def __init__(self, limit: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.law = ScriptedLaw(limit)
        self.limiter = Limiter(
            LimitKey("u", "m"),
            self.law,
            max_waiting=MAX_WAITING,
            loop=self.loop,
            observer=NullObserver(),
            draw=lambda: 0.0,
        )
        self.callers = Callers(self.limiter)
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
            case Ask(max_wait):
                callers.ask_soon(max_wait=max_wait)
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
            case Pause(seconds):
                self.law.held_until = self.loop.time() + seconds
            case Pass(seconds):
                await asyncio.sleep(seconds)
                await settle()
            case Cancel() | Measure() | Settle():
                pass  # there is nobody yet to whom it could happen

    def open_permits(self) -> list[int]:
        return [
            number
            for number, permit in self.callers.permits.items()
            if permit.ticket.generation in self.law.open
        ]

    def check(self) -> None:
        """The law itself asserts that nothing starts beyond the limit or in a pause."""
        assert self.limiter.in_flight == len(self.law.open)
        assert 0 <= self.limiter.waiting <= MAX_WAITING

    def check_accounts(self) -> None:
        """Everybody who asked was admitted, refused, cancelled or still waits; in order."""
        callers = self.callers
        cancelled = sum(task.cancelled() for task in callers.tasks)
        known = len(callers.permits) + len(callers.refused) + cancelled
        assert known + self.limiter.waiting == len(callers.tasks)
        order = [callers.permits[n].ticket.generation for n in sorted(callers.permits)]
        assert order == sorted(order)


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
