"""What a running sidecar tells of itself is right, and tells nothing of what passes through it."""

import asyncio
import json
from collections.abc import Iterator
from functools import partial

import pytest
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from sidecar.telemetry.catalogue import METRICS
from sidecar.version import __version__
from tests.fakes.raw_server import Peer
from tests.integration.rig import Held, Provider, Rig, eventually, receive, rig, silent
from tests.integration.sockets import SWITCH, handshake
from tests.integration.wire import LAST_CHUNK, STREAM, chunk, ok, post

LIMITED = ok(b'{"error":{"code":"rate_limit_exceeded"}}', status=b"429 Too Many Requests")
OVERLOADED = ok(b"{}", status=b"503 Service Unavailable")
NO_MONEY = ok(b'{"error":{"code":"insufficient_quota"}}', status=b"429 Too Many Requests")
BROKEN = ok(b"{}", status=b"500 Internal Server Error")
WRONG = ok(b"{}", status=b"400 Bad Request")


async def _families(it: Rig) -> dict[str, Family]:
    text = (await it.admin("/metrics")).body.decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


async def _everything_happens(it: Rig) -> None:
    """Traffic that touches every metric that it can in a moment."""
    client = await it.connect()
    for _ in range(40):
        await client.ask(post())
    await client.ask(post(b'{"model":"limited"}'))
    await client.ask(post(b'{"model":"told"}'))
    waiting = await it.connect()
    waiting.post(post(b'{"model":"spent"}') * 2)
    await eventually(lambda: it.waiting == 1)
    waiting.close()
    sockets = await it.connect()
    sockets.post(handshake())
    await sockets.head()
    sockets.reset()
    holders = [await it.connect() for _ in range(2)]
    for holder in holders:
        holder.post(post(b'{"model":"held"}'))
    await it.in_place(in_flight=2)
    holders.append(await it.connect())
    holders[2].post(post(b'{"model":"held"}'))
    await it.in_place(in_flight=2, waiting=1)
    await it.ask(post(b'{"model":"held"}'))
    for holder in holders:
        holder.close()
    await it.at_rest()


STREAMED = STREAM + chunk(b"data: 1\n\n") + LAST_CHUNK
SPENT = (
    b"x-ratelimit-limit-requests: 60\r\nx-ratelimit-remaining-requests: 0\r\n"
    b"x-ratelimit-reset-requests: 60s\r\n"
)
TOLD = ok(b'{"usage":{"prompt_tokens":5,"completion_tokens":3}}')
_ANSWERS = {"limited": LIMITED, "spent": ok(extra=SPENT), "told": TOLD}

SELDOM = {"ai_api_learned_rate"}
"""Metrics that only long push-back brings about: they have no samples here."""


async def _by_model(peer: Peer) -> None:
    """Answers each model in its own way."""
    while True:
        request = await receive(peer)
        if request.get("upgrade"):
            await peer.send(SWITCH)
        if request.get("upgrade") or b"held" in request.body:
            await peer.left()
            return
        await peer.send(_ANSWERS.get(json.loads(request.body)["model"], STREAMED))


async def test_what_is_exported_is_what_is_documented() -> None:
    """Every metric of the catalogue, which the README lists, with its type and labels; no other."""
    async with rig(
        _by_model, limit_mode="adaptive", limit_initial=2, queue_size=1, retry_attempts=1
    ) as it:
        await _everything_happens(it)
        found = await _families(it)

    assert {name: (family.type, family.documentation) for name, family in found.items()} == {
        metric.family: (metric.kind, metric.help) for metric in METRICS
    }
    for metric in METRICS:
        labels = {frozenset(sample.labels) - {"le"} for sample in found[metric.family].samples}
        expected = set() if metric.name in SELDOM else {frozenset(metric.labels)}
        assert labels == expected, metric.name


async def test_before_any_traffic_there_is_the_version() -> None:
    async with rig() as it:
        assert (await it.metrics())[f"ai_api_build_info{{{__version__}}}"] == 1


ENDINGS = {
    "ok": (TOLD, {"requests{ok}": 1.0, "unpriced_requests": 1.0}),
    "no usage": (ok(), {"requests{ok}": 1.0, "usage_missing{absent}": 1.0}),
    "rate_limited": (
        LIMITED,
        {"requests{rate_limited}": 1.0, "rejections{rate}": 1.0, "rate_limit_hits": 1.0},
    ),
    "quota": (
        NO_MONEY,
        {"requests{rate_limited}": 1.0, "rejections{quota}": 1.0, "rate_limit_hits": 1.0},
    ),
    "overloaded": (OVERLOADED, {"requests{overloaded}": 1.0, "rejections{overload}": 1.0}),
    "server_error": (BROKEN, {"requests{server_error}": 1.0, "rejections{transient}": 1.0}),
    "client_error": (WRONG, {"requests{client_error}": 1.0}),
    "no answer": (
        b"nonsense\r\n\r\n",
        {"requests{server_error}": 1.0, "rejections{transient}": 1.0},
    ),
}


@pytest.mark.parametrize(("answer", "expected"), ENDINGS.values(), ids=ENDINGS)
async def test_each_ending_is_counted_once_where_it_belongs(
    answer: bytes, expected: dict[str, float]
) -> None:
    async with rig(Provider(answer, close=True)) as it:
        await it.ask(post())
        await it.at_rest()
        metrics = await it.metrics()

    counted = {
        name.removeprefix("ai_api_")
        .replace("_total{openai,m,", "{")
        .replace("_total{openai,m}", "")
        for name, value in metrics.items()
        if "_total{" in name and value == 1
    }
    assert counted == {*expected, "attempts"}
    assert metrics["ai_api_latency_seconds_count{openai,m,chat}"] == 1
    assert metrics["ai_api_queue_wait_seconds_count{openai,m}"] == 1
    assert metrics["ai_api_overhead_seconds_count{}"] == 1


async def test_gauges_show_the_moment() -> None:
    """Two in flight, three waiting: five could run if there were pods enough."""
    held = Held()
    async with rig(held, limit_initial=2) as it:
        clients = [await it.connect() for _ in range(5)]
        for client in clients:
            client.post(post())
        await it.in_place(in_flight=2, waiting=3)
        busy = await it.metrics()
        stats = (await it.stats())["limits"][0]
        held.release.set()
        for client in clients:
            await client.answer()
        await it.at_rest()
        idle = await it.metrics()

    gauges = ("active_concurrency", "concurrency_limit", "queue_depth", "admissible_demand")
    assert [busy[f"ai_api_{name}{{openai,m}}"] for name in gauges] == [2, 2, 3, 5]
    assert [idle[f"ai_api_{name}{{openai,m}}"] for name in gauges] == [0, 2, 0, 0]
    assert (stats["current_concurrency"], stats["queue_depth"], stats["limit"]) == (2, 3, 2)
    assert idle["ai_api_queue_wait_seconds_count{openai,m}"] == 5
    assert idle["ai_api_queue_wait_seconds_sum{openai,m}"] > 0


async def test_times_are_measured_to_the_first_byte_and_to_the_last() -> None:
    pause = 0.1

    async def script(peer: Peer) -> None:
        await receive(peer)
        for part in (STREAM, chunk(b"data: 1\n\n"), LAST_CHUNK):
            await peer.send(part)
            await asyncio.sleep(pause)  # the time that is to be measured

    async with rig(script) as it:
        await it.ask(post())
        metrics = await it.metrics()

    first_byte = metrics["ai_api_time_to_first_byte_seconds_sum{openai,m}"]
    assert first_byte >= pause - 0.01
    assert metrics["ai_api_latency_seconds_sum{openai,m,chat}"] >= first_byte + pause - 0.01
    assert 0 <= metrics["ai_api_overhead_seconds_sum{}"] < pause


async def test_an_apps_own_retry_is_counted() -> None:
    async with rig() as it:
        for count in (b"0", b"1", b"2"):
            await it.ask(post(extra=b"x-stainless-retry-count: %b\r\n" % count))

        assert (await it.metrics())["ai_api_client_retries_total{openai,m}"] == 2


async def test_a_bug_of_ours_is_a_server_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: object) -> None:
        raise RuntimeError

    async with rig(bugs=1) as it:
        monkeypatch.setattr(it.sidecar.transport, "exchange", broken)
        answer = await it.ask(post())

        assert (answer.status, answer.get("x-sidecar-reason")) == (500, b"internal")
        assert b"RuntimeError" not in answer.body
        assert await it.statuses() == {"openai,m,server_error": 1}


def _stumbles(*_: object, **__: object) -> None:
    raise RuntimeError


@pytest.mark.parametrize(
    ("place", "counted"),
    [
        ("sidecar.dialects.base.Dialect.describe", {"openai,other,ok": 1}),
        ("sidecar.metering.stream_tail.StreamTail.feed", {"openai,m,ok": 1}),
        ("sidecar.metering.stream_tail.StreamTail.error", {"openai,m,ok": 1}),
        ("sidecar.control.fixed.FixedLimit.measure", {"openai,m,ok": 1}),
        ("sidecar.control.fixed.FixedLimit.settle", {"openai,m,ok": 1}),
    ],
)
async def test_a_bug_in_what_only_looks_on_hurts_no_request(
    monkeypatch: pytest.MonkeyPatch, place: str, counted: dict[str, float]
) -> None:
    """The bytes pass as if nobody had looked; the log has the place."""
    async with rig(Provider(STREAM + chunk(b"data: 1\n\n") + LAST_CHUNK), bugs=1) as it:
        monkeypatch.setattr(place, _stumbles)
        answer = await it.ask(post())
        await it.at_rest()

        assert (answer.status, answer.chunks) == (200, (b"data: 1\n\n",))
        assert await it.statuses() == counted


# Labels


async def test_limits_are_per_model_and_per_upstream() -> None:
    """One model's 429 moves nobody else's limit."""
    async with rig(_by_model, limit_mode="adaptive", limit_initial=10) as it:
        for path in ("/v1/chat/completions", "/anthropic/v1/messages"):
            for _ in range(3):
                await it.ask(post(b'{"model":"m"}', path=path))
        await it.ask(post(b'{"model":"limited"}'))
        metrics = await it.metrics()

    limits = {
        name.partition("{")[2][:-1]: value
        for name, value in metrics.items()
        if name.startswith("ai_api_concurrency_limit")
    }
    assert limits.keys() == {"openai,m", "openai,limited", "anthropic,m"}
    assert limits["openai,limited"] < 10 <= min(limits["openai,m"], limits["anthropic,m"])


def _models(families: dict[str, Family]) -> Iterator[str]:
    for family in families.values():
        for sample in family.samples:
            if "model" in sample.labels:
                yield sample.labels["model"]


async def test_at_most_fifty_models_are_told_apart_whatever_apps_send() -> None:
    async with rig() as it:
        client = await it.connect()
        for number in range(80):
            for path in ("/v1/chat/completions", "/anthropic/v1/messages"):
                await client.ask(post(b'{"model":"m-%d"}' % number, path=path))
        models = set(_models(await _families(it)))
        stats = {limit["model"] for limit in (await it.stats())["limits"]}

    assert models == stats == {f"m-{number}" for number in range(50)} | {"other"}


async def test_what_is_shed_is_counted_by_its_reason() -> None:
    async with rig(silent, limit_initial=1, queue_size=1, queue_timeout=0.05) as it:

        def where(place: str) -> int:
            return {"flight": it.in_flight, "queue": it.waiting, "shed": it.shed("queue_full")}[
                place
            ]

        clients = [await it.connect() for _ in range(3)]
        for client, place in zip(clients, ("flight", "queue", "shed"), strict=True):
            client.post(post())
            await eventually(partial(where, place))
        await clients[1].answer()
        await clients[2].answer()
        metrics = await it.metrics()
        clients[0].close()

    shed = {name: n for name, n in metrics.items() if name.startswith("ai_api_shed_total")}
    assert shed == {
        "ai_api_shed_total{openai,m,queue_full}": 1,
        "ai_api_shed_total{openai,m,queue_timeout}": 1,
    }
