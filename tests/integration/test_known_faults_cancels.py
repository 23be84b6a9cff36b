"""Other projects' faults: calls that went on, or were counted, after the app had left."""

import asyncio
from typing import Any

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Provider, receive, rig, silent
from tests.integration.wire import STREAM, chunk, ok, post
from tests.support import virtual_time

LATER = ok(b"{}", status=b"429 Later", extra=b"Retry-After: 5\r\n")


@virtual_time
async def test_who_leaves_while_a_retry_waits_is_not_called_for_again() -> None:
    """BerriAI/litellm #13774: the same between two attempts."""
    provider = Provider(LATER, ok())
    async with rig(provider, retry_attempts=3) as it:
        client = await it.connect()
        client.post(post())
        await asyncio.sleep(1)
        client.close()
        await asyncio.sleep(60)

        assert len(provider.received) == 1
        assert await it.statuses() == {"openai,m,cancelled": 1}


@virtual_time
async def test_who_leaves_while_waiting_for_a_ceiling_is_never_called_for() -> None:
    """BerriAI/litellm #13774: the same in the queue; what it would have used is not charged."""
    provider = Provider()
    async with rig(provider, rate_requests_per_minute=1, queue_timeout=90) as it:
        await it.ask(post())
        leaving, staying = await it.connect(), await it.connect()
        leaving.post(post(b'{"model":"m","n":"leaves"}'))
        await asyncio.sleep(1)
        staying.post(post(b'{"model":"m","n":"stays"}'))
        await asyncio.sleep(1)
        leaving.close()
        async with asyncio.timeout(61):
            assert (await staying.answer()).status == 200
        await asyncio.sleep(90)

        assert [b"leaves" in request.body for request in provider.received] == [False, False]
        assert await it.statuses() == {"openai,m,ok": 2, "openai,m,cancelled": 1}


@pytest.mark.parametrize(
    "beginning",
    [None, STREAM, STREAM + chunk(b"data: {}\n\n")],
    ids=["nothing", "head", "stream"],
)
async def test_apps_that_leave_are_no_failure_of_the_provider(beginning: bytes | None) -> None:
    """BerriAI/litellm PR #25776: a provider was cooled down because apps had left."""

    async def script(peer: Peer) -> None:
        await receive(peer)
        if beginning is not None:
            await peer.send(beginning)
        await peer.left()

    adaptive: dict[str, Any] = {"limit_mode": "adaptive", "limit_initial": 10}
    async with rig(silent if beginning is None else script, **adaptive) as it:
        for _ in range(5):
            clients = [await it.connect() for _ in range(10)]
            for client in clients:
                client.post(post(b'{"model":"m","stream":true}'))
            await it.in_place(in_flight=10)
            for client in clients:
                if beginning is not None:
                    await client.head()
                client.close()
            await it.at_rest()
        metrics = await it.metrics()

        assert await it.statuses() == {"openai,m,cancelled": 50}
        assert metrics["ai_api_concurrency_limit{openai,m}"] == 10
        assert metrics["ai_api_attempts_total{openai,m}"] == 50
        blamed = ("ai_api_rejections", "ai_api_limit_changes", "ai_api_retries_total")
        assert not [name for name in metrics if name.startswith(blamed) and metrics[name]]
