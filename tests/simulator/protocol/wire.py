"""Streamed answers, taken apart as their framing has them."""

from typing import Any

import orjson

from tests.simulator.providing import Running


def data(body: bytes) -> list[Any]:
    """The documents of an SSE stream, without its end mark."""
    lines = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data")]
    return [orjson.loads(line) for line in lines if line != b"[DONE]"]


async def ask(provider: Running, path: str, body: Any, **headers: str) -> Any:
    """The document that answers a request which goes well."""
    status, _, answer = await provider.post(path, body, **headers)
    assert status == 200
    return orjson.loads(answer)


async def stream(provider: Running, path: str, body: Any, **headers: str) -> bytes:
    """The bytes of a stream."""
    status, _, answer = await provider.post(path, body, **headers)
    assert status == 200
    return answer


async def complaint(provider: Running, path: str, body: Any) -> tuple[int, Any]:
    """Status and document of the answer to a request that makes no sense."""
    status, _, answer = await provider.post(path, body)
    assert status >= 400
    return status, orjson.loads(answer)
