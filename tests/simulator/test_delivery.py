"""Answers keep their pace, and break where they are told to."""

import asyncio

import pytest
from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientPayloadError,
    ClientResponseError,
    ServerDisconnectedError,
)

from sidecar.simulator.scenario import Scenario
from tests.simulator.providing import HELLO, MODEL, QUICK, Running, running, slots
from tests.support import settle, virtual_time

_STREAM = {"model": MODEL, "messages": HELLO, "stream": True}


async def _arrivals(provider: Running, directive: str) -> list[tuple[float, bytes]]:
    """When what came, in seconds since the request."""
    clock = asyncio.get_running_loop().time
    began = clock()
    async with provider.http.post(
        f"{provider.url}/v1/chat/completions", json=_STREAM, headers={"x-simulate": directive}
    ) as response:
        return [(clock() - began, data) async for data in response.content.iter_any()]


@virtual_time
async def test_tokens_come_one_by_one_from_the_first_to_the_end() -> None:
    async with running() as provider:
        seen = await _arrivals(provider, "ttft=1; total=4; tokens=4")

    assert [round(at, 1) for at, _ in seen] == [1.0, 2.0, 3.0, 4.0]
    assert [data.count(b"data: ") for _, data in seen] == [2, 1, 1, 3]


@virtual_time
async def test_tokens_closer_than_a_tick_come_together() -> None:
    async with running(Scenario(title="x", tick=1.0)) as provider:
        seen = await _arrivals(provider, "ttft=1; total=4; tokens=31")

    assert [round(at, 1) for at, _ in seen] == [1.0, 2.0, 3.0, 4.0]
    assert [data.count(b'"content":"') for _, data in seen] == [2, 10, 10, 10]


@virtual_time
async def test_a_whole_answer_comes_at_the_end() -> None:
    async with running() as provider:
        clock = asyncio.get_running_loop().time
        began = clock()
        status, headers, _ = await provider.chat(x_simulate="ttft=1; total=4")

        assert status == 200
        assert round(clock() - began, 1) == 4.0
        assert int(headers["openai-processing-ms"]) == pytest.approx(4000, abs=50)


@virtual_time
async def test_comments_keep_a_waiting_stream_alive() -> None:
    scenario = Scenario(title="x", service=QUICK, keep_alive=1.0, capacity=slots(1, queue=None))
    async with running(scenario) as provider, asyncio.TaskGroup() as group:
        first = group.create_task(_arrivals(provider, "ttft=3.5; total=3.5; tokens=1"))
        await provider.until(lambda model: model["in_flight"] == 1)
        second = group.create_task(_arrivals(provider, "ttft=1.5; total=1.5; tokens=1"))

    for task, comments in ((first, 3), (second, 5)):
        seen = b"".join(data for _, data in task.result())
        assert seen.startswith(b": keep-alive\n\n" * comments + b"data: ")
        assert seen.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("close-before-head", ServerDisconnectedError),
        ("reset-before-head", ClientConnectionError),
        ("garbage", ClientResponseError),
        ("truncate", ClientPayloadError),
        ("reset-mid-stream", ClientError),
    ],
)
async def test_faults_break_the_answer(
    quick: Running, fault: str, kind: type[Exception], stream: bool
) -> None:
    with pytest.raises(kind):
        await quick.chat(stream=stream, x_simulate=fault)

    await quick.until(lambda model: model["in_flight"] == 0)
    assert quick.model()["broken"] == 1
    assert (await quick.chat(stream=stream))[0] == 200


@pytest.mark.parametrize("after", [0, 1, 5])
async def test_a_fault_in_mid_stream_comes_after_so_many_tokens(quick: Running, after: int) -> None:
    async with quick.http.post(
        f"{quick.url}/v1/completions",
        json={"model": MODEL, "prompt": "a", "stream": True},
        headers={"x-simulate": f"error-in-stream; after={after}; trouble=rate_limit_exceeded"},
    ) as response:
        body = await response.read()

    assert response.status == 200
    assert body.count(b'"text":"') == after
    assert body.count(b'event: error\ndata: {"error":{"message":"Rate limit') == 1
    assert b"[DONE]" not in body


async def test_an_error_in_a_whole_answer_is_a_document_with_status_200(quick: Running) -> None:
    status, _, body = await quick.chat(x_simulate="error-in-stream")

    assert status == 200
    assert body.startswith(b'{"error":{"message":"The server is currently overloaded')


async def test_a_stream_without_tokens_ends_properly(quick: Running) -> None:
    body = {"model": MODEL, "prompt": "a", "stream": True}

    status, _, answer = await quick.post("/v1/completions", body, x_simulate="tokens=0")

    assert status == 200
    assert answer.endswith(b"data: [DONE]\n\n")


async def test_a_slow_reader_slows_the_provider(quick: Running) -> None:
    """The slot is held until the client has read nearly everything."""
    async with quick.http.post(
        f"{quick.url}/v1/chat/completions",
        json=_STREAM,
        headers={"x-simulate": "ttft=0; total=0; tokens=100000"},
    ) as response:
        await settle()
        held = quick.model()["in_flight"]
        body = await response.read()

    assert held == 1
    assert body.count(b'"content":"') == 100_001
    assert quick.model()["finished"] == 1
