"""Ten minutes in which everything happens at once, and then nothing is left of it.

The time is virtual, the sockets are real. Who does what when is drawn, with a seed.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from tests.integration.chaos_apps import MODELS, PATHS, App, Tally
from tests.integration.chaos_provider import ACTS, ChaosProvider, is_not_paid
from tests.integration.remains import connected, grown, living, open_descriptors, timers
from tests.integration.rig import Rig, rig
from tests.integration.wire import post
from tests.support import virtual_time

SECONDS = 600.0
APPS = 12
PAUSE = 3.0
"""Seconds between one app's requests, on average."""
REST = 300.0
"""Seconds: more than any request, pause or ceiling lasts, or an idle connection is kept."""

SETTINGS: dict[str, Any] = {
    "limit_mode": "adaptive",
    "limit_initial": 4,
    "limit_max": 8,
    "queue_size": 4,
    "queue_timeout": 3.0,
    "retry_attempts": 3,
    "retry_base_delay": 0.3,
    "retry_max_delay": 4.0,
    "retry_budget": 1.0,
    "rate_requests_per_second": 4.0,
    "rate_requests_per_minute": 150.0,
    "rate_tokens_per_minute": 1_000_000.0,
    "upstream_read_timeout": 3.0,
    "proxy_max_buffered_bytes": 1_500_000,
    "proxy_max_body_bytes": 3_000_000,
}
"""So narrow that every bound is met again and again."""

SHED = {"queue_full", "queue_timeout", "deadline", "buffer_full", "quota_exhausted"}
BROKEN = {"upstream_timeout", "upstream_protocol", "body_too_large"}
WAITS = {"limit", "pause", "requests_per_second", "provider_headers"}

_TICK = 1.0
_KERNEL_SECONDS = 0.001


@asynccontextmanager
async def watched(it: Rig, tally: Tally) -> AsyncIterator[None]:
    """Each second, nothing may be held that belongs to no request.

    Virtual time must not outrun the kernel either, which carries bytes in real time: where no timer
    but a distant one is left, the loop would jump there while a packet is on its way.
    """

    async def watch() -> None:
        while True:
            await asyncio.sleep(_TICK)
            time.sleep(_KERNEL_SECONDS)  # noqa: ASYNC251, TID251  # the loop is meant to stand still
            if not _is_sound(it.leftovers):
                tally.wrong.append(f"at {asyncio.get_running_loop().time():.3f} s: {it.leftovers}")

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()


def _is_sound(held: dict[str, int]) -> bool:
    """Each connection in use has its place in flight, and each place its request."""
    requests, in_flight = held.get("open requests", 0), held.get("in flight", 0)
    if held.get("connections in use", 0) > in_flight:
        return False
    return in_flight + held.get("waiting", 0) <= requests and (requests > 0 or not held)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@virtual_time
async def test_nothing_is_left_of_ten_minutes_in_which_everything_happens(seed: int) -> None:
    descriptors, tally, provider = open_descriptors(), Tally(), ChaosProvider(Random(seed))
    async with rig(provider, **SETTINGS) as it, watched(it, tally):
        before = living()
        await _ten_minutes(it, seed, tally)
        await asyncio.sleep(REST)

        assert not tally.wrong
        assert not it.leftovers
        assert not connected()
        await _adds_up(it, tally)
        await _all_of_it_happened(it, tally, provider)
        await _is_as_good_as_new(it, provider)
        await asyncio.sleep(REST)
        assert not connected()
        assert _kept(before) == {"sidecar.upstream.pool.Shelf": 1}, "the provider's, for good"

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not timers()
    assert open_descriptors() == descriptors


async def _ten_minutes(it: Rig, seed: int, tally: Tally) -> None:
    until = asyncio.get_running_loop().time() + SECONDS
    async with asyncio.TaskGroup() as group:
        for name in range(APPS):
            app = App(name, it.sidecar.proxy_port, Random(1000 * seed + name), tally)
            group.create_task(app.run(until, PAUSE))


def _kept(before: Counter[str]) -> dict[str, int]:
    """What is alive of the packages that serve requests and was not there before the first one."""
    serving = ("sidecar.proxy.", "sidecar.upstream.", "sidecar.admission.waiting_line.Waiter")
    return {kind: n for kind, n in grown(before).items() if kind.startswith(serving)}


async def _adds_up(it: Rig, tally: Tally) -> None:
    metrics = await it.metrics()

    def total(metric: str, *labels: str) -> float:
        return sum(
            count
            for name, count in metrics.items()
            if name.startswith(f"ai_api_{metric}{{") and name.endswith(labels or "}")
        )

    lines = [json.loads(line) for line in it.log.getvalue().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert total("requests_total") == len(requests) == tally.made
    assert total("requests_total", ",cancelled}") <= tally.left, "nobody else was given up"
    assert total("attempts_total") == sum(request["attempts"] for request in requests)
    told = sum(n for (status, why), n in tally.reasons.items() if why in SHED and status != 504)
    assert told <= total("shed_total") <= told + tally.left
    assert total("retries_total") < total("attempts_total")


async def _all_of_it_happened(it: Rig, tally: Tally, provider: ChaosProvider) -> None:
    """Else the rest would prove little."""
    assert provider.done.keys() == {act.__name__ for act in (*ACTS, is_not_paid)}
    assert {reason for _, reason in tally.reasons} >= SHED | BROKEN
    assert tally.answered[200] > tally.made / 4
    assert tally.broken > 20
    assert tally.left > 20
    names = list(await it.metrics())
    for status in ("ok", "rate_limited", "overloaded", "client_error", "server_error", "cancelled"):
        assert any(name.startswith("ai_api_requests_total") and status in name for name in names)
    for kind in ("rate", "overload", "transient"):
        assert any(name.startswith("ai_api_retries_total") and kind in name for name in names)
    for reason in WAITS:
        assert any(name.startswith("ai_api_waits_total") and reason in name for name in names)
    for direction in ("up", "down"):
        assert any(name.startswith("ai_api_limit_changes") and direction in name for name in names)


async def _is_as_good_as_new(it: Rig, provider: ChaosProvider) -> None:
    """Nothing that happened holds up a call now."""
    provider.calm = True
    begun = asyncio.get_running_loop().time()
    for model in MODELS:
        for path in PATHS:
            client = await it.connect()
            answer = await client.ask(post(b'{"model":"%b"}' % model, path=path.decode()))
            client.close()
            assert (answer.status, answer.get("x-sidecar-attempts")) == (200, b"1")
    assert asyncio.get_running_loop().time() - begun < 5, "hardly any wait"
