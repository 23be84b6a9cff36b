"""What tests stand on must itself stand."""

import asyncio

import pytest
from aiohttp.web import BaseRequest, Response

from tests.support import chunked, serving, settle, splits, talk, virtual_time


async def test_settle_lets_a_chain_of_callbacks_run_out() -> None:
    """A future that wakes a task that wakes another: both have run after one `settle`."""
    loop = asyncio.get_running_loop()
    first, seen = loop.create_future(), []

    async def link(number: int) -> None:
        await first
        await asyncio.sleep(0)
        seen.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(link(number))
        await settle()
        first.set_result(None)
        await settle()

        assert seen == [0, 1, 2]


@pytest.fixture
def number() -> int:
    return 7


@virtual_time
async def test_virtual_time_jumps_to_the_next_timer_and_passes_fixtures(number: int) -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()

    await asyncio.sleep(3600)

    assert loop.time() - before == pytest.approx(3600)
    assert number == 7


def test_chunked_ends_with_the_last_chunk() -> None:
    assert chunked(b"ab", b"c" * 16) == b"2\r\nab\r\n10\r\n" + b"c" * 16 + b"\r\n0\r\n\r\n"


def test_splits_join_to_the_whole_and_none_is_empty() -> None:
    assert splits(b"abcdef", [2, 2, 4, 6, 0]) == [b"ab", b"cd", b"ef"]
    assert splits(b"", [1]) == []


async def test_serving_and_talk_carry_bytes_over_a_real_connection() -> None:
    async def echo(request: BaseRequest) -> Response:
        response = Response(body=await request.read())
        response.force_close()
        return response

    async with serving(echo) as port:
        answer = await talk(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", b"hi")

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhi")
