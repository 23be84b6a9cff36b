"""Two connections made one: what is bounded, and what happens when nothing moves any more.

What passes, and every way in which it ends, is tested whole in tests/integration/test_websockets.py.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from sidecar.upstream.tunnel import Line, Tunnel
from tests.upstream.exchanges import settle, steady

MEGABYTE = 1 << 20
HIGH = 65_536
"""asyncio's mark: a write buffer that holds more is full."""
ONE_READ = 262_144


class Before(asyncio.Protocol):
    """What an end was before."""

    def __init__(self) -> None:
        self.paused = False
        self.lost = asyncio.Event()
        self.received = b""
        self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data

    def pause_writing(self) -> None:
        self.full = True

    def pause_reading(self) -> None:
        self.paused = True
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.paused = False
        self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def line(self, *, lost: bool = False) -> Line:
        return Line(self.transport, self, self.received, self.full, lost)


class Side:
    """One of the two connections: `before` is ours, `far` the peer's end of it."""

    def __init__(self, before: Before, far: socket.socket) -> None:
        self.before = before
        self.far = far

    async def gets(self, size: int) -> bytes:
        """So many bytes, at the peer."""
        loop, got = asyncio.get_running_loop(), b""
        async with asyncio.timeout(5):
            while len(got) < size:
                got += await loop.sock_recv(self.far, size - len(got))
        return got

    async def ends(self) -> bool:
        """Whether the peer reads an end, or a reset, next."""
        async with asyncio.timeout(5):
            try:
                return await asyncio.get_running_loop().sock_recv(self.far, 1) == b""
            except ConnectionError:
                return True

    async def sends(self, data: bytes) -> None:
        """From the peer."""
        await asyncio.get_running_loop().sock_sendall(self.far, data)

    def reset(self) -> None:
        self.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.far.close()


@asynccontextmanager
async def side() -> AsyncIterator[Side]:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    far.setblocking(False)
    with far:
        _, before = await loop.connect_accepted_socket(Before, near)
        yield Side(before, far)
        before.transport.abort()
        await before.lost.wait()


@asynccontextmanager
async def two() -> AsyncIterator[tuple[Side, Side]]:
    """The app's and the provider's."""
    async with side() as app, side() as provider:
        yield app, provider


@asynccontextmanager
async def joined(*, linger: float = 60.0) -> AsyncIterator[tuple[Tunnel, Side, Side]]:
    """A tunnel that runs, until it ends by itself or the test ends."""
    async with two() as (app, provider):
        loop = asyncio.get_running_loop()
        tunnel = Tunnel(app.before.line(), provider.before.line(), loop=loop, linger=linger)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(tunnel.run())
            yield tunnel, app, provider
            running.cancel()


async def test_its_state_shows_in_its_repr() -> None:
    async with joined() as (tunnel, app, provider):
        assert repr(tunnel) == "<Tunnel, app open, provider open>"
        provider.far.close()
        assert await app.ends()
        assert repr(tunnel) == "<Tunnel, app open, provider ended>"
        app.far.close()
        await provider.before.lost.wait()

        assert repr(tunnel) == "<Tunnel, app ended, provider lost>"


async def test_it_is_over_when_both_have_ended() -> None:
    async with two() as (app, provider):
        tunnel = Tunnel(app.before.line(), provider.before.line(), loop=asyncio.get_running_loop())
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            running = group.create_task(tunnel.run())
            app.far.shutdown(socket.SHUT_WR)
            assert await provider.ends()
            assert not running.done()
            provider.far.close()

        assert await app.ends()


@pytest.mark.parametrize("backwards", [False, True], ids=["to the provider", "to the app"])
async def test_what_is_held_is_bounded(backwards: bool) -> None:
    async with joined() as (_, *sides):
        source, target = reversed(sides) if backwards else sides
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(source.sends(bytes(32 * MEGABYTE)))
            await steady(target.before.transport.get_write_buffer_size)

            assert source.before.paused
            assert not target.before.paused
            assert HIGH < target.before.transport.get_write_buffer_size() <= HIGH + ONE_READ
            await target.gets(32 * MEGABYTE)
            await sending
        assert not source.before.paused


async def test_one_that_was_full_before_is_waited_for() -> None:
    async with two() as (app, provider):
        provider.before.transport.write(bytes(16 * MEGABYTE))
        assert provider.before.full
        tunnel = Tunnel(app.before.line(), provider.before.line(), loop=asyncio.get_running_loop())
        states = [app.before.paused]
        await provider.gets(16 * MEGABYTE)
        await settle()
        states.append(app.before.paused)

        assert states == [True, False]
        assert repr(tunnel) == "<Tunnel, app open, provider open>"


async def test_early_bytes_that_fill_the_other_end_hold_their_own() -> None:
    async with two() as (app, provider):
        app.before.received = bytes(16 * MEGABYTE)
        Tunnel(app.before.line(), provider.before.line(), loop=asyncio.get_running_loop())

        assert app.before.paused
        assert not provider.before.paused


async def test_a_provider_that_was_gone_before_has_its_say() -> None:
    async with two() as (app, provider):
        provider.before.received = b"last words"
        provider.before.transport.abort()
        await provider.before.lost.wait()
        line = provider.before.line(lost=True)
        tunnel = Tunnel(app.before.line(), line, loop=asyncio.get_running_loop())

        assert await app.gets(10) == b"last words"
        assert await app.ends()
        app.far.close()
        async with asyncio.timeout(5):
            await tunnel.run()


async def test_silence_alone_cuts_nobody_off() -> None:
    async with joined(linger=0.05) as (_, app, provider):
        await asyncio.sleep(0.2)
        await app.sends(b"x")

        assert await provider.gets(1) == b"x"


async def test_behind_an_end_nothing_moving_cuts_both() -> None:
    async with joined(linger=0.05) as (_, app, provider):
        app.far.shutdown(socket.SHUT_WR)
        assert await provider.ends()
        async with asyncio.timeout(5):
            await provider.before.lost.wait()
            await app.before.lost.wait()


async def test_behind_an_end_something_moving_cuts_nobody() -> None:
    async with joined(linger=0.1) as (_, app, provider):
        app.far.shutdown(socket.SHUT_WR)
        assert await provider.ends()
        for _ in range(10):
            await asyncio.sleep(0.04)
            await provider.sends(b"x")
            assert await app.gets(1) == b"x"

        assert not app.before.lost.is_set()


async def test_what_is_sent_to_a_lost_provider_is_dropped() -> None:
    async with joined() as (_, app, provider):
        provider.reset()
        assert await app.ends()
        await app.sends(bytes(8 * MEGABYTE))

        assert not app.before.lost.is_set()


async def test_a_lost_app_takes_the_provider_with_it() -> None:
    async with joined() as (_, app, provider):
        app.reset()

        async with asyncio.timeout(5):
            await provider.before.lost.wait()


async def test_an_app_that_hangs_up_unread_waits_for_a_provider_that_reads_on() -> None:
    async with joined(linger=0.1) as (tunnel, app, provider):
        async with asyncio.TaskGroup() as group:
            group.create_task(app.sends(bytes(16 * MEGABYTE))).add_done_callback(
                lambda _: app.far.shutdown(socket.SHUT_WR)
            )
            await steady(provider.before.transport.get_write_buffer_size)
            tunnel._app.hung_up()
            for _ in range(16):
                await asyncio.sleep(0.02)
                assert len(await provider.gets(MEGABYTE)) == MEGABYTE
        assert await provider.ends()


async def test_an_app_that_hangs_up_unread_does_not_wait_for_ever() -> None:
    async with joined(linger=0.05) as (tunnel, app, provider):
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(app.sends(bytes(32 * MEGABYTE)))
            await steady(provider.before.transport.get_write_buffer_size)
            sending.cancel()
        tunnel._app.hung_up()

        async with asyncio.timeout(5):
            await provider.before.lost.wait()
            await app.before.lost.wait()


async def test_an_app_that_resets_unread_is_noticed_at_once() -> None:
    async with joined() as (tunnel, app, provider):
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(app.sends(bytes(32 * MEGABYTE)))
            await steady(provider.before.transport.get_write_buffer_size)
            sending.cancel()
        app.reset()
        await settle()
        tunnel._app.hung_up()

        async with asyncio.timeout(5):
            await provider.before.lost.wait()


async def test_a_reset_that_is_met_when_ending_cuts() -> None:
    """Nothing was read since: the end cannot be sent any more."""
    async with joined() as (tunnel, _app, provider):
        provider.before.pause_reading()
        provider.reset()
        await settle()
        tunnel._provider.finish()

        async with asyncio.timeout(5):
            await provider.before.lost.wait()
