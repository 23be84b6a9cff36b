"""A peer that hangs up is noticed though nothing is read from it."""

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from sidecar.proxy.hang_ups import HangUps
from tests.support import settle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it watches nothing elsewhere")


class Unread(asyncio.Protocol):
    """A connection that is never read from, as aiohttp leaves it when a body is full."""

    def __init__(self, hang_ups: HangUps) -> None:
        self.lost = asyncio.Event()
        self.hang_ups = hang_ups

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.descriptor = transport.get_extra_info("socket").fileno()

    def connection_lost(self, exc: Exception | None) -> None:
        self.hang_ups.forget(self.descriptor)
        self.lost.set()


@asynccontextmanager
async def unread(hang_ups: HangUps) -> AsyncIterator[tuple[Unread, socket.socket]]:
    """That, and the other end; 1000 bytes lie unread between them."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    with far:
        _, protocol = await loop.connect_accepted_socket(lambda: Unread(hang_ups), near)
        protocol.transport.pause_reading()
        hang_ups.watch(protocol.descriptor, protocol.transport.close)
        far.sendall(bytes(1000))
        yield protocol, far
        protocol.transport.abort()
        await protocol.lost.wait()


@pytest.fixture
async def hang_ups() -> AsyncIterator[HangUps]:
    hang_ups = HangUps(asyncio.get_running_loop())
    yield hang_ups
    assert hang_ups.watched == 0
    hang_ups.close()


async def _at_once(happened: asyncio.Event) -> None:
    async with asyncio.timeout(2):
        await happened.wait()


async def test_a_fin_behind_unread_bytes_closes(hang_ups: HangUps) -> None:
    async with unread(hang_ups) as (near, far):
        far.close()
        await _at_once(near.lost)


async def test_a_half_close_behind_unread_bytes_closes(hang_ups: HangUps) -> None:
    """As an end that is read does: an app that wants its answer keeps its side open."""
    async with unread(hang_ups) as (near, far):
        far.shutdown(socket.SHUT_WR)
        await _at_once(near.lost)


async def test_a_reset_closes(hang_ups: HangUps) -> None:
    async with unread(hang_ups) as (near, far):
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        await _at_once(near.lost)


async def test_a_peer_that_hung_up_before_the_watch_is_noticed_too(hang_ups: HangUps) -> None:
    async with unread(hang_ups) as (near, far):
        hang_ups.forget(near.descriptor)
        far.close()
        await settle()
        assert not near.lost.is_set()

        hang_ups.watch(near.descriptor, near.transport.close)
        await _at_once(near.lost)


async def test_more_bytes_are_no_hang_up(hang_ups: HangUps) -> None:
    async with unread(hang_ups) as (near, far), unread(hang_ups) as (other, leaver):
        far.sendall(bytes(1000))
        leaver.close()
        await _at_once(other.lost)

        assert not near.transport.is_closing()


async def test_who_is_read_from_again_is_left_alone(hang_ups: HangUps) -> None:
    async with unread(hang_ups) as (near, far), unread(hang_ups) as (other, leaver):
        hang_ups.forget(near.descriptor)
        far.close()
        leaver.close()
        await _at_once(other.lost)

        assert not near.transport.is_closing()


async def test_watching_and_forgetting_twice_is_harmless(hang_ups: HangUps) -> None:
    async with unread(hang_ups) as (near, _):
        hang_ups.watch(near.descriptor, near.transport.close)
        assert hang_ups.watched == 1
        assert repr(hang_ups) == "<HangUps 1 watched>"
        hang_ups.forget(near.descriptor)
        hang_ups.forget(near.descriptor)
        assert hang_ups.watched == 0


async def test_a_closed_socket_can_be_forgotten(hang_ups: HangUps) -> None:
    """Its descriptor has left the epoll by itself."""
    with socket.socket() as gone, socket.create_server(("127.0.0.1", 0)) as listener:
        gone.connect(listener.getsockname())
        async with unread(hang_ups) as (near, _):
            descriptor = gone.fileno()
            hang_ups.watch(descriptor, near.transport.close)
            gone.close()
            hang_ups.forget(descriptor)


async def test_closing_watches_nobody_any_more_and_can_be_done_twice() -> None:
    hang_ups = HangUps(asyncio.get_running_loop())
    async with unread(hang_ups) as (near, far):
        hang_ups.close()
        hang_ups.close()
        far.close()
        await settle()

        assert not near.lost.is_set()
