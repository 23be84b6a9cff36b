"""What a drain waits for."""

import asyncio

import pytest

from sidecar.proxy.activity import Activity
from tests.support import settle, virtual_time


async def seconds_until_idle(activity: Activity, seconds: float) -> float:
    now = asyncio.get_running_loop().time
    begin = now()
    await activity.idle(seconds)
    return now() - begin


@virtual_time
async def test_who_has_been_idle_long_enough_need_not_wait() -> None:
    activity = Activity(asyncio.get_running_loop())
    await asyncio.sleep(5)

    assert await seconds_until_idle(activity, 2) == 0
    assert await seconds_until_idle(activity, 0) == 0


@virtual_time
async def test_idleness_begins_with_the_end_of_the_last_request() -> None:
    activity = Activity(asyncio.get_running_loop())
    activity.began()
    activity.began()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(seconds_until_idle(activity, 2))
        await asyncio.sleep(10)
        activity.ended()
        await settle()
        assert activity.open_requests == 1
        await asyncio.sleep(10)
        activity.ended()

    assert waiting.result() == pytest.approx(22, abs=0.01)


@virtual_time
async def test_a_request_in_the_meantime_starts_the_wait_anew() -> None:
    activity = Activity(asyncio.get_running_loop())
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(seconds_until_idle(activity, 2))
        await asyncio.sleep(1)
        activity.began()
        await asyncio.sleep(5)
        activity.ended()

    assert waiting.result() == pytest.approx(8, abs=0.01)
