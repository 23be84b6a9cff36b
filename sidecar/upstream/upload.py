"""A streamed request body on its way to the provider, beside the wait for the answer."""

import asyncio
from collections.abc import AsyncIterator

from sidecar.errors import BadRequestError
from sidecar.upstream.connection import Connection
from sidecar.upstream.request_head import CHUNKED_END, encode_chunk


class Upload:
    """Pulls the pieces of a body and sends them, as fast as the provider takes them.

    It is a task of its own, the only one in an exchange, because the answer may come while the
    body's next piece does not. The exchange that started it stops it. What the body raises, and a
    body that does not match its announced length, fails the exchange.
    """

    __slots__ = ("_body", "_connection", "_length", "_task", "done")

    def __init__(
        self, connection: Connection, body: AsyncIterator[bytes], length: int | None
    ) -> None:
        self.done = False
        """Whether all of the body, and its end, was handed to the socket."""
        self._connection = connection
        self._body = body
        self._length = length
        self._task = asyncio.get_running_loop().create_task(self._run(), name="upload")
        self._task.add_done_callback(self._report)

    async def stop(self) -> None:
        """Send no more. The body itself is left as it is: it belongs to who made it."""
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        connection, sent = self._connection, 0
        connection.awaiting_body = True
        async for piece in self._body:
            connection.awaiting_body = False
            if connection.closed:
                return  # its failure is told where the answer is waited for
            sent += len(piece)
            self._check(sent)
            if piece:
                connection.send(piece if self._length is not None else encode_chunk(piece))
                await connection.writable()
            connection.awaiting_body = True
        connection.awaiting_body = False
        self._finish(sent)

    def _check(self, sent: int) -> None:
        # A longer body would be read as the next request on this connection.
        if self._length is not None and sent > self._length:
            raise BadRequestError("the request body is longer than its Content-Length")

    def _finish(self, sent: int) -> None:
        if self._length is None:
            self._connection.send(CHUNKED_END)
        elif sent < self._length:
            raise BadRequestError("the request body is shorter than its Content-Length")
        self.done = not self._connection.closed

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._connection.fail(error)
