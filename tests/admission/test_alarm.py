"""An alarm rings at the earliest moment asked for, once, and never before it."""

import asyncio
import math

import pytest
import uvloop

from sidecar.admission.alarm import Alarm
from tests.support import virtual_time


class Bell:
    """An alarm and the times, since the start, at which it rang."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        self.rung: list[float] = []
        self.alarm = Alarm(loop, lambda: self.rung.append(loop.time() - start))


@virtual_time
async def test_it_rings_once_at_its_time() -> None:
    bell = Bell()
    bell.alarm.ring_in(5)
    await asyncio.sleep(100)

    assert bell.rung == [pytest.approx(5, abs=0.002)]


@pytest.mark.parametrize("waits", [(5, 60), (60, 5), (5, 5)])
@virtual_time
async def test_of_two_moments_the_earlier_one_counts(waits: tuple[float, float]) -> None:
    bell = Bell()
    for wait in waits:
        bell.alarm.ring_in(wait)
    await asyncio.sleep(100)

    assert bell.rung == [pytest.approx(5, abs=0.002)]


@virtual_time
async def test_once_it_has_rung_it_can_be_set_again() -> None:
    bell = Bell()
    bell.alarm.ring_in(5)
    await asyncio.sleep(50)
    bell.alarm.ring_in(10)
    await asyncio.sleep(50)

    assert bell.rung == [pytest.approx(5, abs=0.002), pytest.approx(60, abs=0.002)]


@virtual_time
async def test_a_wait_without_end_sets_no_timer() -> None:
    bell = Bell()
    bell.alarm.ring_in(math.inf)

    assert repr(bell.alarm) == "<Alarm off>"


@virtual_time
async def test_it_says_its_state_in_one_line() -> None:
    bell = Bell()
    bell.alarm.ring_in(5)

    assert repr(bell.alarm) == f"<Alarm at {asyncio.get_running_loop().time() + 5:.3f} s>"


@pytest.mark.parametrize("seconds", [0.0004, 0.0014, 0.0124])
def test_it_is_never_early_on_a_loop_that_counts_milliseconds(seconds: float) -> None:
    """Who is woken too early sets the alarm again, and again, hundreds of times."""

    async def early() -> float:
        loop = asyncio.get_running_loop()
        rung = loop.create_future()
        due = loop.time() + seconds
        Alarm(loop, lambda: rung.set_result(due - loop.time())).ring_in(seconds)
        left: float = await rung
        return left

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(early()) <= 0
