"""What tests of several packages need: waiting without pausing, virtual time, real sockets."""

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ParamSpec

import looptime
from aiohttp.web import BaseRequest, Server, StreamResponse

P = ParamSpec("P")

_TURNS = 10
"""Turns of the loop: more than any chain of callbacks in this project is long."""


async def settle() -> None:
    """Let everything that can happen now, happen."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def virtual_time(
    test: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, None]:
    """Run an asynchronous test on a loop whose time jumps to the next timer instead of passing."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def chunked(*pieces: bytes) -> bytes:
    """A chunked body of these chunks, with its end."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def splits(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """`data` in pieces, cut at these places; no piece is empty."""
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@asynccontextmanager
async def serving(
    handler: Callable[[BaseRequest], Awaitable[StreamResponse]],
) -> AsyncIterator[int]:
    """A server for this handler, set up as the proxy's own; gives its port."""
    server = Server(
        handler,
        handler_cancellation=True,
        access_log=None,
        auto_decompress=False,
        lingering_time=0,  # what a handler leaves unread is not waited for
    )
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await server.shutdown(0.1)
        await listener.wait_closed()


async def talk(port: int, *pieces: bytes) -> bytes:
    """Send these bytes and read the answer to the connection's end.

    A server may close before it has read everything: then what it said is lost or cut off.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(10):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            answer = await reader.read()
    with suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()
    return answer
