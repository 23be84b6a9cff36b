"""The books have every answer once, whole or not."""

import asyncio
from typing import Any

import orjson
import pytest

from sidecar.simulator.books import Bill, Books
from sidecar.simulator.scenario import Scenario
from sidecar.tokens import Usage
from tests.simulator.protocol.wire import ask, data, stream
from tests.simulator.providing import HELLO, MODEL, QUICK, Running, running, slots
from tests.support import virtual_time

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}
STREAM = {**CHAT, "stream": True}


def test_an_unfinished_answer_had_its_thoughts_before_its_first_word() -> None:
    made = Bill(Usage(input=10, output=9, cached_input=4, reasoning=5))

    assert made.planned == 4
    assert made.so_far() == Usage(input=10, output=0, cached_input=4)
    made.words = 1
    assert made.so_far() == Usage(input=10, output=6, cached_input=4, reasoning=5)


def test_sums() -> None:
    books = Books()
    books.finish(Bill(Usage(10, 2, 1, 1, 3, 2), inputs=4))
    books.finish(Bill(Usage(1, 1)))
    books.break_off(Bill(Usage(7, 5), words=3))

    assert books.state() == {
        "billed": {
            "input": 11,
            "output": 3,
            "cached_input": 1,
            "reasoning": 1,
            "cache_write": 3,
            "cache_write_1h": 2,
            "calls": 2,
            "inputs": 4,
        },
        "billed_unfinished": {
            "input": 7,
            "output": 3,
            "cached_input": 0,
            "reasoning": 0,
            "cache_write": 0,
            "cache_write_1h": 0,
            "calls": 1,
            "inputs": 0,
        },
    }
    assert repr(books) == "<Books 2 finished, 1 not>"


async def test_every_finished_answer_is_billed_once(quick: Running) -> None:
    told = 0
    for number in range(5):
        answer = await ask(quick, "/v1/chat/completions", CHAT, x_simulate=f"tokens={number}")
        told += answer["usage"]["completion_tokens"]

    billed = quick.model()["billed"]
    assert (billed["output"], billed["calls"], billed["input"]) == (told, 5, 20)
    assert quick.model()["billed_unfinished"]["calls"] == 0


async def test_a_stream_that_tells_no_usage_is_billed(quick: Running) -> None:
    sent = await stream(quick, "/v1/chat/completions", STREAM, x_simulate="tokens=5; reasoning=2")

    assert not any(chunk.get("usage") for chunk in data(sent))
    billed = quick.model()["billed"]
    assert (billed["input"], billed["output"], billed["reasoning"]) == (4, 5, 2)


async def test_embeddings_and_their_inputs(quick: Running) -> None:
    answer = await ask(quick, "/v1/embeddings", {"model": MODEL, "input": ["one", "two", "three"]})

    billed = quick.model()["billed"]
    assert (billed["input"], billed["inputs"]) == (answer["usage"]["prompt_tokens"], 3)


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_nothing_is_billed_for_an_error(quick: Running, body: Any) -> None:
    await quick.post("/v1/chat/completions", body, x_simulate="429")
    await quick.post("/v1/chat/completions", {**body, "messages": []})

    assert quick.model()["billed"]["calls"] == quick.model()["billed_unfinished"]["calls"] == 0


async def test_a_broken_stream_is_billed_as_far_as_it_came(quick: Running) -> None:
    what = "error-in-stream; after=3; tokens=9; reasoning=2"
    await quick.post("/v1/chat/completions", STREAM, x_simulate=what)

    unfinished = quick.model()["billed_unfinished"]
    assert (unfinished["input"], unfinished["output"], unfinished["reasoning"]) == (4, 5, 2)
    assert quick.model()["billed"]["calls"] == 0


@virtual_time
@pytest.mark.parametrize(("body", "made"), [(CHAT, 3), (STREAM, 3)])
async def test_who_leaves_pays_for_what_was_made(body: Any, made: int) -> None:
    async with running() as provider:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3.5):  # tokens come after 1, 2, 3 and 4 seconds
                await provider.post(
                    "/v1/chat/completions", body, x_simulate="ttft=1; total=4; tokens=4"
                )
        await provider.until(lambda model: model["cancelled"] == 1)

        unfinished = provider.model()["billed_unfinished"]
        assert (unfinished["input"], unfinished["output"]) == (4, made)


async def test_who_leaves_before_the_first_token_pays_for_the_prompt(quick: Running) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(quick.chat(x_simulate="ttft=60; total=60"))
        await quick.until(lambda model: model["in_flight"] == 1)
        task.cancel()
    await quick.until(lambda model: model["cancelled"] == 1)

    unfinished = quick.model()["billed_unfinished"]
    assert (unfinished["input"], unfinished["output"]) == (4, 0)


async def test_who_leaves_the_queue_pays_nothing() -> None:
    scenario = Scenario(title="one", service=QUICK, capacity=slots(1, queue=None))
    async with running(scenario) as provider, asyncio.TaskGroup() as group:
        first = group.create_task(provider.chat(x_simulate="hang"))
        await provider.until(lambda model: model["in_flight"] == 1)
        second = group.create_task(provider.chat())
        await provider.until(lambda model: model["waiting"] == 1)
        second.cancel()
        await provider.until(lambda model: model["cancelled"] == 1)

        assert provider.model()["billed_unfinished"]["calls"] == 0
        first.cancel()


@virtual_time
async def test_a_prompt_is_cached_once_its_answer_began_and_not_before() -> None:
    system = [{"type": "text", "text": "s" * 400, "cache_control": {"type": "ephemeral"}}]
    body = {"model": MODEL, "max_tokens": 9, "system": system, "messages": HELLO}
    clock = asyncio.get_running_loop().time

    async def read_after(delay: float, provider: Running) -> int:
        await asyncio.sleep(delay)
        _, _, sent = await provider.post("/v1/messages", body, x_simulate="ttft=1; total=3")
        return int(orjson.loads(sent)["usage"]["cache_read_input_tokens"])

    async with running() as provider, asyncio.TaskGroup() as group:
        began = clock()
        tasks = [group.create_task(read_after(at, provider)) for at in (0, 0.5, 1.5, 2)]
        late = group.create_task(read_after(400, provider))

    assert clock() - began > 400
    assert [task.result() for task in tasks] == [0, 0, 102, 102]
    assert late.result() == 0
    assert provider.model()["billed"]["cached_input"] == 204
    assert provider.model()["billed"]["cache_write"] == 306
