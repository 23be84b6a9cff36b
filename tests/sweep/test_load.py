"""The load, against the simulated provider and against servers that misbehave."""

import asyncio
from collections import Counter

import orjson
import pytest
from aiohttp.web import BaseRequest, Response, StreamResponse
from yarl import URL

from sidecar.simulator.scenario import Scenario
from sidecar.sweep.call import Call, encoded, endpoint_url, own_body
from sidecar.sweep.level import Level, Targets
from sidecar.sweep.load import loading
from sidecar.sweep.tally import Failure, Pace, Success, Tally
from tests.simulator.providing import QUICK, running, slots
from tests.support import serving

SOON = Pace(requests=10, seconds=5)
"""Ends with its 50 requests, or four rounds, whatever the machine has to do besides."""


def call(url: str, endpoint: str = "chat", *, stream: bool = False, **headers: str) -> Call:
    body = own_body(endpoint, model="sim", prompt="Hello", max_tokens=16, stream=stream)
    return Call(
        url=endpoint_url(URL(url), endpoint),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=encoded(body),
        streamed=stream,
        output_limit=16,
    )


async def measured(
    what: Call, concurrency: int, pace: Pace = SOON, targets: Targets | None = None
) -> Level:
    seen: list[Tally] = []
    async with loading(what, timeout=10) as load:
        await load.ask()
        level = await load.level(concurrency, pace, targets or Targets(), seen.append)
    assert [tally.over for tally in seen] == [True]
    return level


@pytest.mark.parametrize("concurrency", [1, 7, 30])
async def test_so_many_requests_are_in_flight_and_no_more(concurrency: int) -> None:
    async with running(Scenario(title="quick", service=QUICK, capacity=slots(100))) as provider:
        level = await measured(call(provider.url), concurrency)

        assert provider.model()["peak"] == concurrency
        assert provider.model()["in_flight"] == 0
        sent = provider.model()["finished"]
    assert sent <= 1 + SOON.most_sent(concurrency)
    assert (level.concurrency, level.error_rate, level.errors) == (concurrency, 0, {})
    assert sent >= level.requests == SOON.most(concurrency)


async def test_what_the_provider_refuses_is_counted_by_status() -> None:
    async with running(Scenario(title="quick", service=QUICK, capacity=slots(8))) as provider:
        kept = await measured(call(provider.url), 8)
        missed = await measured(call(provider.url), 16)

    assert kept.errors == {}
    assert set(missed.errors) == {"429"}
    assert missed.cut_short
    assert missed.latency


@pytest.mark.slow
async def test_about_as_many_requests_are_refused_as_workers_are_too_many() -> None:
    async with running(Scenario(title="quick", service=QUICK, capacity=slots(12))) as provider:
        what = call(provider.url, x_simulate="ok; ttft=0.05; total=0.05")
        pace = Pace(requests=64, seconds=5)
        level = await measured(what, 16, pace, Targets(error_rate=0.5))

    assert 0.05 < level.error_rate < 0.35, "4 of 16"


@pytest.mark.parametrize("endpoint", ["chat", "completions", "responses", "embeddings", "messages"])
async def test_every_endpoint_is_understood_and_its_tokens_are_read(endpoint: str) -> None:
    async with running() as provider, loading(call(provider.url, endpoint), timeout=10) as load:
        ending = await load.ask()

    assert isinstance(ending, Success)
    if endpoint != "embeddings":
        assert ending.output_tokens
        assert ending.output_tokens > 0


@pytest.mark.parametrize("endpoint", ["chat", "completions", "responses", "messages"])
async def test_a_streams_latency_is_the_time_to_its_first_byte(endpoint: str) -> None:
    async with running() as provider:
        level = await measured(call(provider.url, endpoint, stream=True), 2)

    assert level.latency
    assert level.total
    assert level.latency.p50 < level.total.p50
    assert level.errors == {}


@pytest.mark.parametrize(
    ("directive", "kind"),
    [
        ("429", "429"),
        ("500", "500"),
        ("529", "529"),
        ("reset-before-head", "broken off"),
        ("close-before-head", "broken off"),
        ("garbage", "broken off"),
        ("reset-mid-stream", "broken off"),
        ("truncate", "broken off"),
        ("error-in-stream", "error in answer"),
        ("hang", "timeout"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("endpoint", ["chat", "messages"])
async def test_what_goes_wrong_has_a_kind(
    directive: str, kind: str, endpoint: str, stream: bool
) -> None:
    async with running() as provider:
        what = call(provider.url, endpoint, stream=stream, x_simulate=directive)
        async with loading(what, timeout=0.3 if kind == "timeout" else 10) as load:
            ending = await load.ask()

    assert isinstance(ending, Failure)
    assert ending.kind == kind


async def test_nobody_there_is_no_connection_and_says_why(unused_tcp_port: int) -> None:
    async with loading(call(f"http://127.0.0.1:{unused_tcp_port}"), timeout=10) as load:
        ending = await load.ask()

    assert isinstance(ending, Failure)
    assert ending.kind == "no connection"
    assert str(unused_tcp_port) in ending.detail


async def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(request: BaseRequest) -> StreamResponse:
        return Response(status=307, headers={"Location": "http://127.0.0.1:9/"})

    async with (
        serving(elsewhere) as port,
        loading(call(f"http://127.0.0.1:{port}"), timeout=10) as load,
    ):
        assert await load.ask() == Failure("307")


async def test_every_request_is_another_one_in_every_sweep() -> None:
    prompts: Counter[str] = Counter()

    async def note(request: BaseRequest) -> StreamResponse:
        body = orjson.loads(await request.read())
        prompts[body["messages"][0]["content"]] += 1
        return Response(body=b"{}")

    async with serving(note) as port:
        for _ in range(2):
            await measured(call(f"http://127.0.0.1:{port}"), 4)

    assert prompts.total() >= 100
    assert set(prompts.values()) == {1}


async def test_a_refused_worker_waits_before_it_asks_again() -> None:
    asked = 0

    async def refuse(request: BaseRequest) -> StreamResponse:
        nonlocal asked
        asked += 1
        return Response(status=429)

    async with serving(refuse) as port:
        what = call(f"http://127.0.0.1:{port}")
        loop = asyncio.get_running_loop()
        started = loop.time()
        level = await measured(what, 3, Pace(requests=6, seconds=0.1, warmup=0))

        assert loop.time() - started >= 0.25 * (level.requests // 3 - 1)
    assert 0 <= asked - 1 - level.requests < 3, "but for those on their way when it ended"
    assert level.succeeded == 0


async def test_a_cancelled_level_leaves_nothing_behind() -> None:
    async with running(Scenario(title="quick", service=QUICK, capacity=slots(100))) as provider:
        what = call(provider.url, x_simulate="hang")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as patience, loading(what, timeout=60) as load:
                await load.level(
                    5,
                    SOON,
                    Targets(),
                    lambda _: patience.reschedule(asyncio.get_running_loop().time() + 0.1),
                )
