"""A process that is ready at once, drains while it goes on serving, and says how it ended."""

import asyncio
import signal
import socket
from typing import Any

import pytest

from tests.fakes.raw_server import Peer, RawServer
from tests.integration.process import PATIENCE, Process, process
from tests.integration.rig import Held, Provider, receive
from tests.integration.wire import LAST_CHUNK, STREAM, chunk, get, post

SIGNALS = [signal.SIGTERM, signal.SIGINT]

pytestmark = pytest.mark.slow


async def _until_received(held: Held, number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(held.received) < number:  # noqa: ASYNC110  # state has no event
            await asyncio.sleep(0)


async def test_it_answers_within_a_second_of_its_start() -> None:
    """Wide margin: the machine may be busy. `make bench` measures it."""
    async with (
        RawServer(Provider()) as provider,
        asyncio.timeout(5),
        process(provider.port) as it,
    ):
        await it.started()
        assert (await it.admin("/readyz")).status == 200
        assert (await it.admin("/healthz")).status == 200
        assert (await it.ask(post())).status == 200


async def test_it_says_where_it_listens() -> None:
    async with process() as it:
        await it.started()

    (line,) = it.log
    assert line["proxy"] == f"127.0.0.1:{it.proxy_port}"
    assert line["admin"] == f"127.0.0.1:{it.admin_port}"
    assert 0 not in (it.proxy_port, it.admin_port)
    assert line["mode"] == "adaptive"


@pytest.mark.parametrize("number", SIGNALS)
async def test_after_a_signal_it_serves_until_nothing_is_left(number: signal.Signals) -> None:
    """Not ready, but alive: what was in flight, what waited and what is new are all served."""
    held = Held()
    async with (
        RawServer(held) as provider,
        process(provider.port, drain_idle=0.05, limit_initial=1, limit_max=1) as it,
    ):
        await it.started()
        first, second, third = [await it.connect() for _ in range(3)]
        first.post(post())
        await _until_received(held, 1)
        second.post(post())

        it.send(number)
        assert (await it.line("draining"))["open_requests"] >= 1
        assert (await it.admin("/readyz")).status == 503
        assert (await it.admin("/healthz")).status == 200
        third.post(post())
        assert (await it.admin("/metrics")).status == 200
        assert it.lives

        held.release.set()
        for client in (first, second, third):
            assert (await client.answer()).status == 200
        assert await it.left() == (0, "")

    assert len(held.received) == 3
    assert it.log[-1]["event"] == "stopped"


async def test_connections_are_still_accepted_while_it_drains() -> None:
    held = Held()
    async with RawServer(held) as provider, process(provider.port, drain_idle=0.05) as it:
        await it.started()
        client = await it.connect()
        client.post(post())
        await _until_received(held, 1)
        it.send(signal.SIGTERM)
        await it.line("draining")

        held.release.set()
        late = await it.ask(get())
        assert late.status == 200
        assert late.get("connection") is None
        assert (await client.answer()).status == 200
        assert await it.left() == (0, "")


async def test_a_stream_runs_to_its_end_while_it_drains() -> None:
    goes_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(b"data: 1\n\n"))
        await goes_on.wait()
        await peer.send(chunk(b"data: 2\n\n") + LAST_CHUNK)
        await peer.left()

    async with RawServer(script) as provider, process(provider.port, drain_idle=0) as it:
        await it.started()
        client = await it.connect()
        client.post(post())
        await client.head()
        assert await client.chunk() == b"data: 1\n\n"
        it.send(signal.SIGTERM)
        await it.line("draining")
        assert it.lives

        goes_on.set()
        assert [await client.chunk(), await client.chunk()] == [b"data: 2\n\n", b""]
        assert await it.left() == (0, "")


async def test_an_idle_process_leaves_after_the_idle_time() -> None:
    async with process(drain_idle=0.3) as it:
        await it.started()
        it.send(signal.SIGTERM)
        assert await it.left() == (0, "")

    assert [line["event"] for line in it.log] == ["started", "draining", "stopped"]


async def test_traffic_keeps_it_alive_past_the_idle_time() -> None:
    """The idle time counts from the last request's end."""
    async with RawServer(Provider()) as provider, process(provider.port, drain_idle=1.5) as it:
        await it.started()
        loop = asyncio.get_running_loop()
        it.send(signal.SIGTERM)
        await it.line("draining")
        began = loop.time()
        while loop.time() - began < 0.5:  # requests, one after the other
            assert (await it.ask(post())).status == 200
            await it.line("request")  # a log that nobody reads would stop it in the end
        last = loop.time()
        assert await it.left() == (0, "")

        assert loop.time() - last > 1.0


async def test_it_leaves_at_the_drain_timeout_whatever_is_open() -> None:
    async with (
        RawServer(Held()) as provider,
        process(provider.port, drain_idle=0.05, drain_timeout=0.3) as it,
    ):
        await it.started()
        client = await it.connect()
        client.post(post())
        await provider.peer()

        it.send(signal.SIGTERM)
        assert await it.left() == (0, "")
        assert await client.ended() == b""

    told = {line["event"]: line for line in it.log}
    assert told["drain_timeout"]["open_requests"] == 1
    assert told["request"]["status"] == "cancelled"


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_second_signal_leaves_at_once(number: signal.Signals) -> None:
    loop = asyncio.get_running_loop()
    async with RawServer(Held()) as provider, process(provider.port, drain_idle=300) as it:
        await it.started()
        client = await it.connect()
        client.post(post())
        await provider.peer()
        it.send(signal.SIGTERM)
        await it.line("draining")

        began = loop.time()
        it.send(number)
        assert await it.left() == (0, "")
        assert loop.time() - began < 1
        assert await client.ended() == b""


@pytest.mark.parametrize("setting", ["proxy_port", "admin_port"])
async def test_a_taken_port_is_exit_1_and_named(setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with process(**{setting: port}) as it:
            code, said = await it.left()

    assert code == 1
    assert said.count("\n") == 1
    assert said.startswith(f"SIDECAR_{setting.upper()}={port}: ")
    assert "in use" in said
    assert _never_started(it)


async def test_wrong_settings_are_exit_2_a_line_each() -> None:
    async with process(proxy_port="many", limit_mode="wild", queue_timeout=-1, limt_max=3) as it:
        code, said = await it.left()

    assert code == 2
    names = sorted(line.partition("=")[0].partition(":")[0] for line in said.splitlines())
    assert names == [
        "SIDECAR_LIMIT_MODE",
        "SIDECAR_LIMT_MAX",
        "SIDECAR_PROXY_PORT",
        "SIDECAR_QUEUE_TIMEOUT",
    ]
    assert "'many'" in said
    assert "adaptive or fixed or observe" in said
    assert "the nearest is SIDECAR_LIMIT_MAX" in said
    assert not it.log


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"upstream_urls": "openai=ftp://x"}, "SIDECAR_UPSTREAM_URLS"),
        ({"upstream_default": "nobody"}, "SIDECAR_UPSTREAM_DEFAULT"),
        ({"limit_initial": 5, "limit_max": 3}, "SIDECAR_LIMIT_INITIAL"),
    ],
    ids=["url", "default", "order"],
)
async def test_settings_that_do_not_fit_are_exit_2(settings: dict[str, Any], name: str) -> None:
    async with process(**settings) as it:
        code, said = await it.left()

    assert code == 2
    assert said.startswith(name)
    assert said.count("\n") == 1
    assert not it.log


def _never_started(it: Process) -> bool:
    return "started" not in [line["event"] for line in it.log]
