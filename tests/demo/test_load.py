"""The demo's app: asks again as soon as it is answered, and waits politely when it is refused."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
import pytest
from aiohttp.web import BaseRequest, Response, StreamResponse

from sidecar.demo.load import Load, LoadCounts
from tests.support import serving

Handler = Callable[[BaseRequest], Awaitable[StreamResponse]]


async def loaded(handler: Handler, done: Callable[[LoadCounts], bool], clients: int = 1) -> Load:
    """A load that ran until that was counted."""
    async with serving(handler) as port, asyncio.TaskGroup() as group:
        load = Load(f"http://127.0.0.1:{port}", clients)
        task = group.create_task(load.run())
        async with asyncio.timeout(10):
            while not done(load.counts):  # noqa: ASYNC110  # counts have no event
                await asyncio.sleep(0)
        task.cancel()
    return load


async def test_every_client_asks_again_and_every_other_answer_is_a_stream() -> None:
    seen: list[dict[str, object]] = []

    async def handle(request: BaseRequest) -> Response:
        assert request.path == "/v1/chat/completions"
        seen.append(orjson.loads(await request.read()))
        return Response(text="fine")

    load = await loaded(handle, lambda counts: counts.succeeded >= 8, clients=2)

    assert load.counts.requests == load.counts.succeeded >= 8
    assert load.counts.success_rate == 1.0
    streamed = sum(bool(body["stream"]) for body in seen[:8])
    assert 2 <= streamed <= 6
    assert {body["model"] for body in seen} == {"demo-model"}


@pytest.mark.parametrize(
    ("status", "headers", "counted"),
    [
        (429, {}, "rejected"),
        (503, {}, "rejected"),
        (529, {}, "rejected"),
        (503, {"x-sidecar-reason": "queue_full", "Retry-After": "1"}, "shed"),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, "rejected"),
        (500, {}, "failed"),
        (400, {}, "failed"),
    ],
)
async def test_what_is_no_answer_is_counted_by_whose_fault_it_is(
    status: int, headers: dict[str, str], counted: str
) -> None:
    async def handle(request: BaseRequest) -> Response:
        return Response(status=status, headers=headers)

    load = await loaded(handle, lambda counts: counts.requests > 0)

    assert getattr(load.counts, counted) == load.counts.requests == 1, "it does not ask at once"
    assert load.counts.success_rate == 0.0


async def test_a_broken_connection_is_a_failure_and_not_the_end() -> None:
    async def handle(request: BaseRequest) -> Response:
        assert request.transport
        request.transport.abort()
        return Response()

    load = await loaded(handle, lambda counts: counts.failed > 0, clients=3)

    assert load.counts.failed == load.counts.requests


def test_before_the_first_answer_nothing_has_failed() -> None:
    assert LoadCounts().success_rate == 1.0
