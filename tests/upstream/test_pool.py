"""Which connections are kept, for how long, and who gets them."""

import asyncio
from contextlib import AsyncExitStack

from sidecar.upstream.client import RawTransport
from sidecar.upstream.config import UpstreamConfig
from sidecar.upstream.connection import Connection
from sidecar.upstream.connector import Connector
from sidecar.upstream.pool import Pool
from sidecar.upstream.transport import Origin
from tests.fakes.raw_server import Peer, RawServer, answers
from tests.upstream.exchanges import OK, fetch, get, settle


async def listen(peer: Peer) -> None:
    await peer.left()


class Pond:
    """A pool with a server to connect to."""

    def __init__(self, *, idle_timeout: float = 60) -> None:
        loop = asyncio.get_running_loop()
        self.pool = Pool(idle_timeout=idle_timeout, loop=loop)
        self.connector = Connector(UpstreamConfig(), loop=loop, owner=self.pool)

    async def connect(self, server: RawServer) -> Connection:
        return await self.connector.open(server.origin)


async def test_last_in_first_out() -> None:
    pond = Pond()
    async with RawServer(listen) as server:
        shelf = pond.pool.shelf(server.origin)
        first, second = await pond.connect(server), await pond.connect(server)
        pond.pool.put(shelf, first)
        pond.pool.put(shelf, second)

        assert pond.pool.take(shelf) is second
        assert pond.pool.take(shelf) is first
        assert pond.pool.take(shelf) is None
        await pond.pool.close()


async def test_a_connection_serves_its_origin_only() -> None:
    pond = Pond()
    async with RawServer(listen) as here, RawServer(listen) as there:
        pond.pool.put(pond.pool.shelf(here.origin), await pond.connect(here))

        assert pond.pool.take(pond.pool.shelf(there.origin)) is None
        assert pond.pool.take(pond.pool.shelf(here.origin)) is not None
        await pond.pool.close()


async def test_a_closed_connection_is_never_given_out() -> None:
    """Even before the event loop has told that it is gone."""
    pond = Pond()
    async with RawServer(listen) as server:
        shelf = pond.pool.shelf(server.origin)
        alive, dead = await pond.connect(server), await pond.connect(server)
        pond.pool.put(shelf, alive)
        pond.pool.put(shelf, dead)
        dead.abort()

        assert pond.pool.take(shelf) is alive
        await pond.pool.close()


async def test_the_sweep_closes_what_is_idle_too_long_and_then_rests() -> None:
    pond = Pond(idle_timeout=0.02)
    async with RawServer(listen) as server, asyncio.timeout(5):
        shelf = pond.pool.shelf(server.origin)
        for _ in range(3):
            pond.pool.put(shelf, await pond.connect(server))
        for number in range(3):
            await (await server.peer(number)).gone.wait()
        await settle()

        assert (pond.pool.open, pond.pool.idle) == (0, 0)
        assert pond.pool._sweep_timer is None


async def test_the_sweep_leaves_what_was_used_lately() -> None:
    pond = Pond()
    async with RawServer(listen) as server:
        shelf = pond.pool.shelf(server.origin)
        old, fresh = await pond.connect(server), await pond.connect(server)
        pond.pool.put(shelf, old)
        pond.pool.put(shelf, fresh)
        old.idle_since -= 61

        pond.pool._sweep()

        assert shelf.idle == [fresh]
        assert pond.pool._sweep_timer is not None
        await pond.pool.close()


async def test_what_is_too_old_is_not_given_out_even_before_the_sweep() -> None:
    pond = Pond()
    async with RawServer(listen) as server:
        shelf = pond.pool.shelf(server.origin)
        old = await pond.connect(server)
        pond.pool.put(shelf, old)
        old.idle_since -= 61

        assert pond.pool.take(shelf) is None
        assert old.closed
        await server.all_gone()


async def test_a_thousand_idle_connections_share_one_timer() -> None:
    pond = Pond()
    async with RawServer(listen) as server:
        shelf = pond.pool.shelf(server.origin)
        pond.pool.put(shelf, await pond.connect(server))
        timer = pond.pool._sweep_timer
        pond.pool.put(shelf, await pond.connect(server))

        assert pond.pool._sweep_timer is timer
        await pond.pool.close()
        assert timer is not None
        assert timer.cancelled()


async def test_its_repr_counts() -> None:
    pond = Pond()
    assert repr(pond.pool) == "<Pool 0 open, 0 idle>"
    async with RawServer(listen) as server:
        shelf = pond.pool.shelf(server.origin)
        busy = await pond.connect(server)
        pond.pool.put(shelf, await pond.connect(server))

        assert repr(pond.pool) == f"<Pool 2 open, 1 idle (127.0.0.1:{server.port} 1 idle)>"
        assert not busy.closed
        await pond.pool.close()
    assert (pond.pool.open, pond.pool.idle, pond.pool.opened_total) == (0, 0, 2)


async def test_after_closing_nothing_is_kept() -> None:
    pond = Pond()
    async with RawServer(listen) as server:
        await pond.pool.close()
        late = await pond.connect(server)
        pond.pool.put(pond.pool.shelf(server.origin), late)

        assert late.closed
        assert pond.pool.idle == 0
        await pond.pool.close()
        assert pond.pool.open == 0


async def test_closing_twice_at_once_waits_for_the_same_end() -> None:
    pond = Pond()
    async with RawServer(listen) as server:
        await pond.connect(server)
        async with asyncio.TaskGroup() as group:
            group.create_task(pond.pool.close())
            group.create_task(pond.pool.close())

    assert pond.pool.open == 0


async def test_a_shelf_knows_its_host_header() -> None:
    pool = Pond().pool

    assert pool.shelf(Origin(True, "api.example", 443)).host == b"api.example"
    assert pool.shelf(Origin(True, "api.example", 80)).host == b"api.example:80"
    assert pool.shelf(Origin(False, "::1", 8080)).host == b"[::1]:8080"


async def test_kept_connections_of_two_providers_do_not_mix(transport: RawTransport) -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(RawServer(answers(*[OK] * 5))) for _ in range(2)]
        for server in servers * 5:
            await fetch(transport, get(server.origin))

        assert [len(server.requests) for server in servers] == [5, 5]
        assert transport.connections_opened == 2
