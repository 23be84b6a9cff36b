"""Real WebSocket clients cannot tell the sidecar from the provider."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Subprotocol

from sidecar.simulator.server import SimulatedProvider
from tests.integration.rig import Rig, eventually, rig
from tests.integration.sdks import MODEL, SAME_ALWAYS
from tests.integration.sockets import open_sockets

MEGABYTE = 1 << 20
REALTIME = Subprotocol("realtime")
RESPOND: dict[str, Any] = {"type": "response.create", "response": {"instructions": "Say hello"}}


# The library, on both sides


@asynccontextmanager
async def before(handler: Any, **settings: Any) -> AsyncIterator[Rig]:
    """A sidecar before a server of the library's."""
    async with serve(
        handler, "127.0.0.1", 0, max_size=None, subprotocols=[REALTIME], close_timeout=1
    ) as server:
        port = server.sockets[0].getsockname()[1]
        async with rig(upstream_urls=f"openai=http://127.0.0.1:{port}", **settings) as it:
            yield it
            await eventually(lambda: open_sockets(it) == 0)


@asynccontextmanager
async def talking(it: Rig, **options: Any) -> AsyncIterator[ClientConnection]:
    """A client of the library's."""
    url = f"ws://127.0.0.1:{it.sidecar.proxy_port}/v1/realtime?model={MODEL}"
    async with connect(
        url, max_size=None, proxy=None, close_timeout=1, subprotocols=[REALTIME], **options
    ) as socket:
        yield socket


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def test_messages_of_every_kind_and_size() -> None:
    async with before(echo) as it, talking(it) as socket:
        assert socket.subprotocol == REALTIME
        for message in ("", "text \u2713", b"\x00\xff", "x" * 70_000, bytes(3 * MEGABYTE)):
            await socket.send(message)
            assert await socket.recv() == message
        await socket.send([b"in ", b"three ", b"fragments"])
        assert await socket.recv() == b"in three fragments"
        await (await socket.ping())


async def test_compression_stays_between_the_two_ends() -> None:
    """permessage-deflate is agreed end to end: its fields and its frames pass as they are."""
    text = "the same words " * 100_000
    assert len(zlib.compress(text.encode())) < 10_000
    async with before(echo) as it, talking(it) as socket:
        assert socket.protocol.extensions[0].name == "permessage-deflate"
        await socket.send(text)
        assert await socket.recv() == text


async def test_who_closes_says_why() -> None:
    """The closing handshake, its code and its reason, in both directions."""
    told: list[tuple[int | None, str | None]] = []

    async def closes(socket: ServerConnection) -> None:
        if await socket.recv() == "you":
            await socket.close(4001, "session expired")
            return
        await socket.wait_closed()
        told.append((socket.close_code, socket.close_reason))

    async with before(closes) as it:
        async with talking(it) as socket:
            await socket.send("you")
            with pytest.raises(ConnectionClosedError, match="session expired"):
                await socket.recv()
            assert socket.close_code == 4001
        async with talking(it) as socket:
            await socket.send("me")
            await socket.close(4002, "had enough")
        await eventually(lambda: told)

    assert told == [(4002, "had enough")]


async def test_a_slow_reader_gets_everything() -> None:
    async def streams(socket: ServerConnection) -> None:
        for number in range(200):
            await socket.send(bytes([number]) * 65_536)
        await socket.close()

    async with before(streams) as it, talking(it, max_queue=2) as socket:
        seen = 0
        async for message in socket:
            assert message == bytes([seen]) * 65_536
            seen += 1
            await asyncio.sleep(0)

    assert seen == 200


# OpenAI's own client before the simulated provider


@asynccontextmanager
async def simulated(**options: Any) -> AsyncIterator[tuple[Rig, openai.AsyncOpenAI]]:
    """A client, its sidecar, and the provider behind."""
    provider = SimulatedProvider(SAME_ALWAYS)
    url = f"http://127.0.0.1:{await provider.start()}"
    try:
        async with rig(upstream_urls=f"openai={url}") as it:
            address = f"127.0.0.1:{it.sidecar.proxy_port}/v1"
            if "websocket_base_url" in options:
                options = {
                    "websocket_base_url": f"ws://{address}",
                    "base_url": "http://127.0.0.1:9",
                }
            else:
                options = {"base_url": f"http://{address}"}
            http = openai.DefaultAsyncHttpxClient(verify=False)
            async with openai.AsyncOpenAI(api_key="key", http_client=http, **options) as client:
                yield it, client
            await eventually(lambda: not provider.state()["websockets"])
    finally:
        await provider.stop()


async def _answer(session: Any) -> list[str]:
    """The kinds of the events of one answer."""
    await session.send(RESPOND)
    kinds: list[str] = []
    async for event in session:
        kinds.append(event.type)
        if event.type == "response.done":
            break
    return kinds


@pytest.mark.parametrize("options", [{}, {"websocket_base_url": ""}], ids=["base_url", "own"])
async def test_a_realtime_session(options: dict[str, str]) -> None:
    async with simulated(**options) as (it, client):
        async with client.realtime.connect(model=MODEL) as session:
            assert (await session.recv()).type == "session.created"
            first, second = await _answer(session), await _answer(session)
            assert it.sidecar.websockets.open == {("openai", MODEL): 1}

        assert first[0] == second[0] == "response.created"
        assert first.count("response.output_text.delta") > 3
        await eventually(lambda: open_sockets(it) == 0)
        await it.at_rest()
        assert await it.statuses() == {f"openai,{MODEL},ok": 1}


async def test_many_sessions_at_once() -> None:
    async def talk(client: openai.AsyncOpenAI) -> list[str]:
        async with client.realtime.connect(model=MODEL) as session:
            await session.recv()
            return await _answer(session)

    async with simulated() as (it, client):
        answers = await asyncio.gather(*(talk(client) for _ in range(20)))

        assert all(answer == answers[0] for answer in answers)
        assert it.sidecar.websockets.opened == {("openai", MODEL): 20}


async def test_a_session_that_the_provider_refuses() -> None:
    async with simulated() as (it, client):
        refused = client.realtime.connect(
            model=MODEL, extra_headers={"x-simulate": "429; retry-after=2"}
        )
        with pytest.raises(InvalidStatus) as caught:
            async with refused:
                pass

        response = caught.value.response
        assert response.status_code == 429
        assert response.headers["retry-after"] == "2"
        assert b'"rate_limit' in response.body
        assert not list(it.sidecar.pool)
