"""A sidecar that has seen everything: answers, 429s, a used-up quota, a queue, refusals, WebSockets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.raw_server import Peer
from tests.integration.rig import Rig, eventually, receive, rig
from tests.integration.sockets import SWITCH, handshake
from tests.integration.wire import Client, ok, post

_ROOM = (
    b"x-ratelimit-limit-requests: 600\r\nx-ratelimit-remaining-requests: 599\r\n"
    b"x-ratelimit-reset-requests: 100ms\r\n"
)
_ANSWERS = {
    "told": ok(b'{"usage":{"prompt_tokens":5,"completion_tokens":3}}', extra=_ROOM),
    "untold": ok(),
    "limited": ok(b'{"error":{"code":"rate_limit_exceeded"}}', status=b"429 Too Many Requests"),
    "broke": ok(b'{"error":{"code":"insufficient_quota"}}', status=b"429 Too Many Requests"),
}


async def _provider(peer: Peer) -> None:
    """Answers each model in its own way; what is not among the answers is held."""
    while True:
        request = await receive(peer)
        if request.get("upgrade"):
            await peer.send(SWITCH)
        answer = None if request.get("upgrade") else _ANSWERS.get(_model(request.body))
        if answer is None:
            await peer.left()
            return
        await peer.send(answer)


def _model(body: bytes) -> str:
    model: str = json.loads(body)["model"]
    return model


def call(model: str) -> bytes:
    """A request for this model."""
    return post(json.dumps({"model": model}).encode())


@asynccontextmanager
async def sidecar() -> AsyncIterator[Rig]:
    """One with room for two calls and one that waits, per model."""
    async with rig(
        _provider, limit_mode="adaptive", limit_initial=2, queue_size=1, retry_attempts=1
    ) as it:
        yield it


@asynccontextmanager
async def held(it: Rig, model: str) -> AsyncIterator[None]:
    """Two calls of this model in flight and one that waits."""
    in_flight, waiting = it.in_flight, it.waiting
    clients: list[Client] = []
    for number in range(3):
        clients.append(await it.connect())
        clients[-1].post(call(model))
        await it.in_place(
            in_flight=in_flight + min(number + 1, 2), waiting=waiting + max(number - 1, 0)
        )
    try:
        yield
    finally:
        for client in clients:
            client.close()


async def everything(it: Rig) -> None:
    """One call at least of each kind that brings about a metric of its own."""
    for model, times in (("told", 40), ("untold", 1), ("limited", 1), ("broke", 2)):
        for _ in range(times):
            await it.ask(call(model))
    async with held(it, "held"):
        await it.ask(call("held"))
    await it.at_rest()
    socket = await it.connect()
    socket.post(handshake())
    await socket.head()
    await eventually(lambda: it.sidecar.websockets.open.total() == 1)
    socket.reset()
    await it.at_rest()
