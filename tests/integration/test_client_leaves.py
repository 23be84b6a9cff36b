"""An app that leaves stops everything that was done for it, at once, and is nobody's failure."""

import asyncio
from collections.abc import Callable

import pytest

from tests.fakes.raw_server import Peer, RawServer
from tests.integration.rig import Held, eventually, gone, receive, rig, silent, was_cancelled
from tests.integration.wire import LAST_CHUNK, STREAM, Client, chunk, ok, post

MEGABYTE = 1 << 20
WAYS: list[Callable[[Client], None]] = [Client.close, Client.reset]

pytestmark = pytest.mark.parametrize("leave", WAYS, ids=["fin", "reset"])


async def test_while_queued(leave: Callable[[Client], None]) -> None:
    held = Held()
    async with rig(held, limit_initial=1) as it:
        first, second = await it.connect(), await it.connect()
        first.post(post())
        await it.in_place(in_flight=1)
        second.post(post())
        await it.in_place(in_flight=1, waiting=1)

        leave(second)

        await it.in_place(in_flight=1)
        held.release.set()
        assert (await first.answer()).status == 200
        await was_cancelled(it)
        assert len(held.received) == 1


async def test_while_queued_with_others_behind(leave: Callable[[Client], None]) -> None:
    held = Held()
    async with rig(held, limit_initial=1) as it:
        clients = [await it.connect() for _ in range(4)]
        for number, client in enumerate(clients):
            client.post(post(b'{"model":"m","n":%d}' % number))
            await it.in_place(in_flight=1, waiting=number)
        leave(clients[1])
        await it.in_place(in_flight=1, waiting=2)
        held.release.set()
        for client in (clients[0], clients[2], clients[3]):
            assert (await client.answer()).status == 200
        await was_cancelled(it)

    assert [request.body[-2:-1] for request in held.received] == [b"0", b"2", b"3"]


async def test_in_the_tick_in_which_the_place_is_handed_over(
    leave: Callable[[Client], None],
) -> None:
    held = Held()
    async with rig(held, limit_initial=1) as it:
        first, second, third = [await it.connect() for _ in range(3)]
        for number, client in enumerate((first, second, third)):
            client.post(post())
            await it.in_place(in_flight=1, waiting=number)
        held.release.set()
        leave(second)
        assert (await first.answer()).status == 200
        assert (await third.answer()).status == 200


async def test_before_the_first_byte(leave: Callable[[Client], None]) -> None:
    async with rig(silent) as it:
        client = await it.connect()
        client.post(post())
        peer = await it.provider.peer()
        await eventually(lambda: it.in_flight)

        leave(client)

        await gone(peer)
        await was_cancelled(it)


async def test_between_head_and_body(leave: Callable[[Client], None]) -> None:
    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM)
        await peer.left()

    async with rig(script) as it:
        client = await it.connect()
        client.post(post())
        await client.head()

        leave(client)

        await gone(await it.provider.peer())
        await was_cancelled(it)


async def test_in_mid_stream(leave: Callable[[Client], None]) -> None:
    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(b"data: 1\n\n"))
        await peer.left()

    async with rig(script) as it:
        client = await it.connect()
        client.post(post(b'{"model":"m","stream":true}'))
        await client.head()
        await client.chunk()

        leave(client)

        await gone(await it.provider.peer())
        await was_cancelled(it)


async def test_in_mid_stream_while_the_provider_goes_on_sending(
    leave: Callable[[Client], None],
) -> None:
    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM)
        while True:
            await peer.send(chunk(bytes(10_000)))
            await asyncio.sleep(0)

    async with rig(script) as it:
        client = await it.connect()
        client.post(post())
        await client.head()
        await client.chunk()

        leave(client)

        await gone(await it.provider.peer())
        await was_cancelled(it)


async def test_while_it_does_not_read(leave: Callable[[Client], None]) -> None:
    """The stream is paused for back-pressure when the app leaves."""

    async def script(peer: Peer) -> None:
        await receive(peer)
        peer.post(STREAM + chunk(bytes(MEGABYTE)) * 32)
        await peer.left()

    async with rig(script) as it:
        client = await it.connect(receive_buffer=65536)
        client.post(post())
        await client.head()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]

        leave(client)

        await gone(await it.provider.peer())
        await was_cancelled(it)


async def test_after_the_last_byte(leave: Callable[[Client], None]) -> None:
    """Nothing was cancelled then, and the connection to the provider is kept."""
    async with rig() as it:
        client = await it.connect()
        await client.ask(post())

        leave(client)

        await it.at_rest()
        assert await it.statuses() == {"openai,m,ok": 1}
        assert it.sidecar.transport.idle_connections == 1


async def test_with_requests_pipelined_behind(leave: Callable[[Client], None]) -> None:
    async with rig(silent) as it:
        client = await it.connect()
        client.post(post() * 3)
        peer = await it.provider.peer()
        await eventually(lambda: it.in_flight)

        leave(client)

        await gone(peer)
        await was_cancelled(it)
        assert len(it.provider.peers) == 1


async def test_while_the_connection_to_the_provider_is_being_made(
    leave: Callable[[Client], None],
) -> None:
    """TLS is asked of a server that accepts and says nothing."""

    async def script(peer: Peer) -> None:
        await peer.left()

    async with (
        RawServer(script) as mute,
        rig(upstream_urls=f"openai=https://127.0.0.1:{mute.port}") as it,
    ):
        client = await it.connect()
        client.post(post())
        peer = await mute.peer()

        leave(client)

        await gone(peer)
        await was_cancelled(it)


async def test_many_at_once(leave: Callable[[Client], None]) -> None:
    """Half in flight, half queued, all gone in one moment; the next request finds a free place."""

    async def script(peer: Peer) -> None:
        request = await receive(peer)
        if b"last" not in request.body:
            await peer.left()
        await peer.send(STREAM + LAST_CHUNK if b"stream" in request.body else ok())

    async with rig(script, limit_initial=20) as it:
        clients = [await it.connect() for _ in range(40)]
        for client in clients:
            client.post(post())
        await it.in_place(in_flight=20, waiting=20)
        for client in clients:
            leave(client)
        await it.at_rest()
        answer = await it.ask(post(b'{"model":"m","last":1}'))
        await was_cancelled(it, among=40)

    assert answer.status == 200
