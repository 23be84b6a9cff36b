"""The only reader of clocks."""

import asyncio
from datetime import UTC, timedelta

import pytest

from sidecar.clock import LoopClock
from tests.support import virtual_time


@virtual_time
async def test_now_is_the_loop_s_own_time() -> None:
    """So that whatever steers the loop's time steers everything."""
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    begin = clock.now()

    await asyncio.sleep(100)

    assert clock.now() - begin == pytest.approx(100)
    assert clock.now() == pytest.approx(loop.time())


async def test_the_time_of_day_is_aware_and_utc() -> None:
    wall = LoopClock(asyncio.get_running_loop()).wall()

    assert wall.tzinfo is UTC
    assert wall.utcoffset() == timedelta(0)
