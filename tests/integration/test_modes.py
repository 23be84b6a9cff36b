"""The three modes before a provider with hidden limits; and what never moves a limit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sidecar.simulator.plan import CapacityPlan
from sidecar.simulator.scenario import Scenario
from sidecar.simulator.server import SimulatedProvider
from sidecar.simulator.service import ServicePlan
from tests.integration.rig import Held, Rig, rig, silent
from tests.integration.wire import ok, post
from tests.simulator.providing import slots

ASK = post(b'{"model":"sim","messages":[{"role":"user","content":"Hello"}]}')
SLOTS = 8
TIMES = ServicePlan(
    ttft_median=0.01, ttft_sigma=0.1, answer_median=0.02, answer_sigma=0.2, tokens_per_second=500
)
LIMITED = ok(b'{"error":{"code":"rate_limit_exceeded"}}', status=b"429 Too Many Requests")


@asynccontextmanager
async def _before(capacity: CapacityPlan, **settings: Any) -> AsyncIterator[tuple[Rig, Any]]:
    """A sidecar before a provider of that capacity, and the provider's own truth."""
    provider = SimulatedProvider(Scenario(title="limited", service=TIMES, capacity=capacity))
    url = f"http://127.0.0.1:{await provider.start()}"
    try:
        async with rig(upstream_urls=f"openai={url}", **settings) as it:
            yield it, lambda: provider.state()["models"]["sim"]
    finally:
        await provider.stop()


async def _load(it: Rig, *, apps: int, requests: int) -> list[int]:
    """So many apps, each with so many requests one after the other; the answers' statuses."""
    statuses: list[int] = []

    async def app() -> None:
        client = await it.connect()
        statuses.extend([(await client.ask(ASK)).status for _ in range(requests)])

    async with asyncio.TaskGroup() as group:
        for _ in range(apps):
            group.create_task(app())
    return statuses


async def _limit(it: Rig) -> float:
    return (await it.metrics())["ai_api_concurrency_limit{openai,sim}"]


@pytest.mark.slow
async def test_adaptive_finds_a_hidden_capacity_from_below() -> None:
    """The number of slots is told to nobody; in the end few requests are rejected."""
    async with _before(slots(SLOTS), limit_mode="adaptive", limit_initial=2) as (it, truth):
        await _load(it, apps=16, requests=14)  # the search
        statuses = await _load(it, apps=16, requests=14)

        assert SLOTS / 2 <= await _limit(it) <= 1.5 * SLOTS
        assert truth()["peak"] == SLOTS
        assert statuses.count(200) > 0.9 * len(statuses)
        metrics = await it.metrics()
        assert metrics["ai_api_upstream_limited{openai,sim}"] == 1


@pytest.mark.slow
async def test_adaptive_finds_a_hidden_capacity_from_above() -> None:
    async with _before(slots(SLOTS), limit_mode="adaptive", limit_initial=100) as (it, _):
        await _load(it, apps=16, requests=14)
        statuses = await _load(it, apps=16, requests=14)

        assert SLOTS / 2 <= await _limit(it) <= 1.5 * SLOTS
        assert statuses.count(200) > 0.9 * len(statuses)


async def test_fixed_stays_whatever_the_provider_says() -> None:
    async with _before(slots(2), limit_mode="fixed", limit_initial=5) as (it, truth):
        statuses = await _load(it, apps=10, requests=4)

        assert set(statuses) == {200, 429}
        assert await _limit(it) == 5
        assert truth()["rejected"]["429"] == statuses.count(429)
        assert not [name for name in await it.metrics() if "limit_changes" in name]


async def test_fixed_lets_no_more_than_that_through() -> None:
    async with _before(slots(100), limit_mode="fixed", limit_initial=3) as (it, truth):
        assert set(await _load(it, apps=12, requests=3)) == {200}
        assert truth()["peak"] == 3


async def test_observe_holds_nobody_back() -> None:
    """Twelve at once under a limit of one, and none of them waits."""
    held = Held()
    async with rig(held, limit_mode="observe", limit_initial=1, queue_size=0) as it:
        clients = [await it.connect() for _ in range(12)]
        for client in clients:
            client.post(post())
        await it.in_place(in_flight=12)
        held.release.set()
        for client in clients:
            assert (await client.answer()).status == 200


async def test_observe_goes_on_after_push_back_and_tells_what_it_would_do() -> None:
    held = Held(LIMITED)
    async with rig(held, limit_mode="observe", limit_initial=10) as it:
        clients = [await it.connect() for _ in range(12)]
        for client in clients:
            client.post(post())
        await it.in_place(in_flight=12)
        held.release.set()
        for client in clients:
            assert (await client.answer()).status == 429
        assert (await it.ask(post())).status == 429  # no pause either
        metrics = await it.metrics()

    assert metrics["ai_api_concurrency_limit{openai,m}"] < 10
    assert metrics["ai_api_limit_changes_total{openai,m,down,rate}"] >= 1


@pytest.mark.parametrize("mode", ["adaptive", "fixed"])
@pytest.mark.parametrize(
    ("reason", "settings", "extra"),
    [
        ("queue_full", {"queue_size": 0}, b""),
        ("queue_timeout", {"queue_timeout": 0.05}, b""),
        ("deadline", {}, b"x-sidecar-timeout: 0.05\r\n"),
    ],
    ids=["queue_full", "queue_timeout", "deadline"],
)
async def test_what_the_sidecar_sheds_is_no_push_back(
    reason: str, settings: dict[str, Any], extra: bytes, mode: str
) -> None:
    async with rig(silent, limit_mode=mode, limit_initial=2, **settings) as it:
        occupants = [await it.connect() for _ in range(2)]
        for occupant in occupants:
            occupant.post(post())
        await it.in_place(in_flight=2)
        for _ in range(3):
            answer = await it.ask(post(extra=extra))
            assert answer.get("x-sidecar-reason") == reason.encode()
        metrics = await it.metrics()
        for occupant in occupants:
            occupant.close()

    assert metrics[f"ai_api_shed_total{{openai,m,{reason}}}"] == 3
    assert metrics["ai_api_concurrency_limit{openai,m}"] == 2
    assert metrics["ai_api_upstream_limited{openai,m}"] == 0
    assert metrics["ai_api_rate_limit_hits_total{openai,m}"] == 0
    blamed = ("ai_api_rejections", "ai_api_limit_changes")
    assert not [name for name in metrics if name.startswith(blamed)]
