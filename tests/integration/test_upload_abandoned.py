"""An app that leaves in the middle of its upload, or behind one that nobody reads, is noticed too."""

import asyncio
import sys
from collections.abc import Callable

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Held, eventually, gone, rig, was_cancelled
from tests.integration.test_client_leaves import MEGABYTE, WAYS
from tests.integration.wire import Client, post, read_head
from tests.upstream.exchanges import steady

FROM_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells of a FIN behind unread bytes"
)

pytestmark = pytest.mark.parametrize("leave", WAYS, ids=["fin", "reset"])


@pytest.mark.parametrize("length", [1000, 10 * MEGABYTE], ids=["small", "large"])
async def test_while_the_body_is_uploading(leave: Callable[[Client], None], length: int) -> None:
    """The small one is still being collected; of the large one the provider has a part."""

    async def script(peer: Peer) -> None:
        await read_head(peer._reader)
        await peer.left()

    async with rig(script) as it:
        client = await it.connect()
        request = post(b'{"model":"m","x":"' + bytes(length - 18))
        client.post(request[: len(request) // 2])
        await eventually(lambda: it.sidecar.activity.open_requests)
        if length > MEGABYTE:
            await it.provider.peer()

        leave(client)

        await it.at_rest()
        for peer in it.provider.peers:
            await gone(peer)
        model = "m" if length > MEGABYTE else "none"
        upstream = "openai"
        metrics = await it.metrics()
        assert metrics[f"ai_api_requests_total{{{upstream},{model},cancelled}}"] == 1


@FROM_LINUX
async def test_while_queued_with_a_large_body(leave: Callable[[Client], None]) -> None:
    """Most of the body still lies unread in the kernel, before the end of the connection."""
    held = Held()
    async with rig(held, limit_initial=1) as it:
        first, second = await it.connect(), await it.connect()
        first.post(post())
        await it.in_place(in_flight=1)
        second.post(post(b'{"model":"m","x":"' + bytes(5 * MEGABYTE // 4)))
        await it.in_place(in_flight=1, waiting=1)
        await eventually(lambda: not second.untaken)

        leave(second)

        await it.in_place(in_flight=1)
        held.release.set()
        assert (await first.answer()).status == 200
        await was_cancelled(it)
        assert len(held.received) == 1


async def test_while_queued_behind_more_than_the_kernels_take(
    leave: Callable[[Client], None],
) -> None:
    """A reset is seen at once; a FIN that cannot arrive yet, when the request's turn comes."""
    held = Held()
    async with rig(held, limit_initial=1) as it:
        first, second = await it.connect(), await it.connect()
        first.post(post())
        await it.in_place(in_flight=1)
        second.post(post(b'{"model":"m","x":"' + bytes(48 * MEGABYTE)))
        await it.in_place(in_flight=1, waiting=1)
        await steady(second.writer.transport.get_write_buffer_size, turns=500)

        if leave is Client.close:
            second.writer.transport.abort()  # without first sending what is left
        else:
            leave(second)
            await it.in_place(in_flight=1)

        held.release.set()
        assert (await first.answer()).status == 200
        await was_cancelled(it)
        assert len(held.received) == 1


async def test_while_the_provider_takes_no_more_of_the_body(
    leave: Callable[[Client], None],
) -> None:
    """As above: who resets is rid of the call at once, a FIN comes when the body is read on."""
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await read_head(peer._reader)
        await closed.wait()
        await peer.left()

    async with rig(script) as it:
        client = await it.connect()
        client.post(post(b'{"model":"m","x":"' + bytes(48 * MEGABYTE)))
        await steady(client.writer.transport.get_write_buffer_size, turns=500)

        if leave is Client.close:
            client.writer.transport.abort()
        else:
            leave(client)
            await it.at_rest()

        closed.set()
        await gone(await it.provider.peer())
        await was_cancelled(it)
