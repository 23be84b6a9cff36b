"""The provider as a whole: limits over real connections, the truth about them, start and stop."""

import asyncio
import os
import signal
import socket

import orjson
import pytest
from aiohttp import ClientConnectionError, ClientSession

from sidecar.errors import ListenError
from sidecar.outcomes import RejectionKind
from sidecar.simulator.books import Books
from sidecar.simulator.plan import (
    BucketPlan,
    CapacityPlan,
    Outage,
    SlotPlan,
    SlotStep,
)
from sidecar.simulator.reception import Ending
from sidecar.simulator.scenario import ModelPlan, Scenario
from sidecar.simulator.server import SimulatedProvider, run_provider
from tests.simulator.providing import (
    HELLO,
    MODEL,
    QUICK,
    QUICK_SCENARIO,
    Running,
    running,
    slots,
)
from tests.support import settle, virtual_time


def _limited(capacity: CapacityPlan, **more: bool | float) -> Scenario:
    return Scenario(title="limited", service=QUICK, capacity=capacity, **more)  # type: ignore[arg-type]


async def test_one_request_too_many_is_answered_429() -> None:
    async with running(_limited(slots(2))) as provider, asyncio.TaskGroup() as group:
        held = [group.create_task(provider.chat(x_simulate="hang")) for _ in range(2)]
        await provider.until(lambda model: model["in_flight"] == 2)

        status, headers, body = await provider.chat()

        assert status == 429
        assert orjson.loads(body)["error"]["code"] == "rate_limit_exceeded"
        assert "retry-after" not in headers
        assert provider.model()["rejected"] == {"429": 1}
        for task in held:
            task.cancel()


@pytest.mark.parametrize("directive", ["hang", "hang-mid-stream"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_frees_its_slot_at_once(directive: str, stream: bool) -> None:
    async with running(_limited(slots(1))) as provider, asyncio.TaskGroup() as group:
        gone = group.create_task(provider.chat(stream=stream, x_simulate=directive))
        await provider.until(lambda model: model["in_flight"] == 1)

        gone.cancel()
        await provider.until(lambda model: model["in_flight"] == 0)

        assert provider.model()["cancelled"] == 1
        assert (await provider.chat())[0] == 200


async def test_a_full_queue_is_503_and_the_next_in_it_gets_the_slot() -> None:
    async with running(_limited(slots(1, queue=1))) as provider, asyncio.TaskGroup() as group:
        first = group.create_task(provider.chat(x_simulate="hang"))
        await provider.until(lambda model: model["in_flight"] == 1)
        second = group.create_task(provider.chat())
        await provider.until(lambda model: model["waiting"] == 1)

        assert (await provider.chat())[0] == 503
        first.cancel()
        assert (await second)[0] == 200
        assert provider.model()["finished"] == 1


async def test_a_client_that_leaves_the_queue_leaves_no_trace() -> None:
    async with running(_limited(slots(1, queue=None))) as provider, asyncio.TaskGroup() as group:
        first = group.create_task(provider.chat(x_simulate="hang"))
        await provider.until(lambda model: model["in_flight"] == 1)
        second = group.create_task(provider.chat())
        await provider.until(lambda model: model["waiting"] == 1)

        second.cancel()
        await provider.until(lambda model: model["waiting"] == 0)
        first.cancel()
        await provider.until(lambda model: model["in_flight"] == 0)

        assert provider.model()["cancelled"] == 2


@virtual_time
async def test_slots_that_come_later_start_who_waits() -> None:
    steps = (SlotStep(at=0, slots=0), SlotStep(at=5, slots=0), SlotStep(at=20, slots=1))
    plan = CapacityPlan(slots=SlotPlan(steps=steps, queue=None))
    async with running(_limited(plan)) as provider:
        status, headers, _ = await provider.chat()

        assert status == 200
        assert int(headers["openai-processing-ms"]) >= 19_900


async def test_an_empty_bucket_says_when_to_come_back() -> None:
    plan = CapacityPlan(requests=BucketPlan(per_minute=6, burst=1))
    async with running(_limited(plan, rate_headers=True)) as provider:
        _, good, _ = await provider.chat()
        status, bad, _ = await provider.chat()

        assert status == 429
        assert good["x-ratelimit-limit-requests"] == "6"
        assert good["x-ratelimit-remaining-requests"] == "0"
        assert bad["x-ratelimit-reset-requests"].endswith("s")
        assert 9000 < int(bad["retry-after-ms"]) <= 10_000
        assert float(bad["retry-after"]) == int(bad["retry-after-ms"]) / 1000


async def test_llm_tokens_are_counted_by_what_the_answer_may_have() -> None:
    plan = CapacityPlan(llm_tokens=BucketPlan(per_minute=60, burst=1000))
    body = {"model": MODEL, "messages": HELLO, "max_tokens": 990}
    async with running(_limited(plan, rate_headers=True)) as provider:
        first, good, _ = await provider.post("/v1/messages", body)
        second, bad, _ = await provider.post("/v1/messages", body)

        assert (first, second) == (200, 429)
        assert int(good["anthropic-ratelimit-tokens-remaining"]) < 10
        assert bad["anthropic-ratelimit-tokens-reset"].endswith("Z")
        assert "retry-after-ms" not in bad
        assert 980 < float(bad["retry-after"]) < 1000


async def test_an_outage_is_told_in_each_providers_words() -> None:
    outage = Outage(start=0, end=1e9, status=503, kind=RejectionKind.OVERLOAD, retry_after=2)
    async with running(_limited(CapacityPlan(outages=(outage,)))) as provider:
        openai = await provider.chat()
        anthropic = await provider.post(
            "/v1/messages", {"model": MODEL, "messages": HELLO, "max_tokens": 9}
        )

        assert (openai[0], anthropic[0]) == (503, 529)
        assert openai[1]["retry-after"] == anthropic[1]["retry-after"] == "2"
        assert provider.model()["rejected"] == {"503": 1, "529": 1}


async def test_an_unusual_status_of_an_outage_is_kept() -> None:
    outage = Outage(start=0, end=1e9, status=429, kind=RejectionKind.OVERLOAD)
    async with running(_limited(CapacityPlan(outages=(outage,)))) as provider:
        status, _, body = await provider.chat()

        assert status == 429
        assert orjson.loads(body)["error"]["code"] == "server_is_overloaded"


async def test_a_provider_may_stop_while_somebody_waits_for_the_schedule() -> None:
    steps = (SlotStep(at=0, slots=0), SlotStep(at=1e6, slots=1))
    plan = CapacityPlan(slots=SlotPlan(steps=steps, queue=None))
    async with running(_limited(plan)) as provider, asyncio.TaskGroup() as group:
        waiting = group.create_task(provider.chat())
        await provider.until(lambda model: model["waiting"] == 1)

        await provider.provider.stop()
        waiting.cancel()


async def test_models_do_not_share_their_slots() -> None:
    scenario = Scenario(
        title="two", service=QUICK, models={"tiny": ModelPlan(capacity=slots(0), service=QUICK)}
    )
    async with running(scenario) as provider:
        tiny = await provider.post("/v1/chat/completions", {"model": "tiny", "messages": HELLO})

        assert tiny[0] == 429
        assert (await provider.chat())[0] == 200
        assert provider.model("tiny")["capacity"] == 0
        assert provider.model()["capacity"] is None


async def test_a_rejection_takes_its_time() -> None:
    async with running(_limited(slots(0), rejection_delay=0.001)) as provider:
        status, headers, _ = await provider.chat()

        assert status == 429
        assert int(headers["openai-processing-ms"]) >= 1


def _bills(**figures: int) -> dict[str, int]:
    return {**dict.fromkeys(Books().state()["billed"], 0), **figures}


async def test_the_state_tells_the_truth(quick: Running) -> None:
    await quick.chat()
    await quick.chat(x_simulate="500")
    await quick.chat(stream=True, x_simulate="error-in-stream")

    async with quick.http.get(f"{quick.url}/_simulator/state") as response:
        state = await response.json()

    assert state["scenario"] == "unnamed"
    assert state["connections"] == 1
    assert state["models"][MODEL].pop("busy_seconds") > 0
    assert state["models"][MODEL] == {
        "in_flight": 0,
        "peak": 1,
        "waiting": 0,
        "capacity": None,
        "accepted": 2,
        "accepted_llm_tokens": 24.0,
        **{ending.value: 0 for ending in Ending},
        "finished": 1,
        "broken": 1,
        "rejected": {},
        "injected": {"500": 1},
        "billed": _bills(input=4, output=8, calls=1),
        "billed_unfinished": _bills(input=4, output=3, calls=1),
    }


async def test_equal_seeds_give_equal_times() -> None:
    async def lengths() -> list[int]:
        scenario = Scenario(title="seeded", seed=7)
        async with running(scenario) as provider:
            bodies = [await provider.chat(x_simulate="ttft=0; total=0") for _ in range(5)]
            return [orjson.loads(body)["usage"]["completion_tokens"] for _, _, body in bodies]

    first = await lengths()

    assert first == await lengths()
    assert len(set(first)) > 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deterministic_provider_repeats_itself_to_the_byte(stream: bool) -> None:
    scenario = Scenario(title="same", deterministic=True)
    async with running(scenario) as provider:
        one = await provider.chat(stream=stream, x_simulate="ttft=0; total=0")
        other = await provider.chat(stream=stream, x_simulate="ttft=0; total=0")

        assert one == other


async def test_a_stopped_provider_drops_what_is_in_flight() -> None:
    provider = SimulatedProvider(QUICK_SCENARIO)
    port = await provider.start()
    async with ClientSession() as http:
        answer = http.post(
            f"http://127.0.0.1:{port}/v1/chat/completions",
            json={"model": MODEL, "messages": HELLO},
            headers={"x-simulate": "hang"},
        )
        async with asyncio.TaskGroup() as group:
            caught = group.create_task(_broken(answer))
            while not provider.state()["models"]:  # noqa: ASYNC110  # state has no event
                await asyncio.sleep(0)
            await provider.stop()
        assert caught.result()
    await settle()
    assert provider.state()["models"][MODEL]["in_flight"] == 0
    await provider.stop()


async def _broken(answer: object) -> bool:
    try:
        async with answer:  # type: ignore[attr-defined]
            return False
    except ClientConnectionError:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_serves_until_a_signal(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asyncio.TaskGroup() as group:
        served = group.create_task(run_provider("slots", "127.0.0.1", 0))
        line = ""
        while not line:
            await asyncio.sleep(0)
            line = capsys.readouterr().out
        url = line.split(" on ")[1].split(": ")[0]
        async with ClientSession() as http, http.get(f"{url}/_simulator/state") as response:
            assert (await response.json())["scenario"] == "slots"
        os.kill(os.getpid(), number)

    assert served.result() is None
    assert line.startswith("simulated provider 'slots' on http://127.0.0.1:")


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ListenError, match=rf"--port {port}: cannot listen on 127\.0\.0\.1: "):
            await run_provider("slots", "127.0.0.1", port)


@virtual_time
async def test_busy_time_is_counted_while_requests_run() -> None:
    """What benchmarks judge the use of the capacity by."""
    steps = (SlotStep(at=0, slots=1), SlotStep(at=20, slots=2))
    plan = CapacityPlan(slots=SlotPlan(steps=steps, queue=None))
    async with running(_limited(plan)) as provider, asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(provider.chat(x_simulate="ttft=15; total=15"))
        for seconds, busy in ((10, 10), (15, 30)):
            await asyncio.sleep(seconds)
            assert provider.model()["busy_seconds"] == pytest.approx(busy, abs=0.1)

    assert provider.model()["busy_seconds"] == pytest.approx(45, abs=0.1)


async def test_a_provider_shows_what_it_is() -> None:
    assert repr(SimulatedProvider(QUICK_SCENARIO)) == "<SimulatedProvider unnamed, 0 models>"
