"""Holds a body that would have streamed through, so that it can be looked into."""

from collections.abc import AsyncIterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from sidecar.proxy.body import BodyMemory
from sidecar.proxy.pipeline import Ask


class WholeUpload:
    """One request's; a context, because it holds memory until the request's end."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._reserved = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._memory.give(self._reserved)

    async def read(self, ask: Ask) -> Ask:
        """The same request with its body in hand, and what it asks for read from all of it.

        Raises ShedError(BUFFER_FULL), and what reading the app's body raises.
        """
        request, route = ask.request, ask.route
        if not isinstance(request.body, AsyncIterator):
            return ask
        if request.content_length is not None:
            self._reserve(request.content_length)
        pieces: list[bytes] = []
        size = 0
        async for piece in request.body:
            size += len(piece)
            self._reserve(size - self._reserved)
            pieces.append(piece)
        body = b"".join(pieces)
        kind = next(
            (value for name, value in request.headers if name.lower() == b"content-type"), b""
        )
        return replace(
            ask,
            request=replace(request, body=body, content_length=None),
            call=route.upstream.dialect.describe(route.path, kind, body, whole=True),
        )

    def _reserve(self, size: int) -> None:
        if size > 0:
            self._memory.take(size)
            self._reserved += size
