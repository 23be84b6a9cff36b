"""One call of the app, by a plain HTTP client or by OpenAI's SDK."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import aiohttp
import openai

_REASON = "x-sidecar-reason"
_KEY = "none"


class Ending(NamedTuple):
    """How a call ended for the app."""

    status: int | None
    """HTTP status; None = no answer, or not a whole one."""
    reason: str | None = None
    """Where the sidecar answered by itself: why."""


NO_ANSWER = Ending(None)


class Caller(Protocol):
    """Makes a call and waits for its end, however long that takes."""

    async def __call__(self, body: Mapping[str, Any]) -> Ending:
        """The body is a chat completion's."""


@asynccontextmanager
async def plain(port: int) -> AsyncIterator[Caller]:
    """One request for each call; as many connections as are needed."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"Authorization": f"Bearer {_KEY}"},
    ) as session:

        async def call(body: Mapping[str, Any]) -> Ending:
            try:
                async with session.post(url, json=body) as answer:
                    await answer.read()
                    return Ending(answer.status, answer.headers.get(_REASON))
            except aiohttp.ClientError:
                return NO_ANSWER

        yield call


@asynccontextmanager
async def sdk(port: int) -> AsyncIterator[Caller]:
    """OpenAI's own client with its default retries."""
    async with openai.AsyncOpenAI(api_key=_KEY, base_url=f"http://127.0.0.1:{port}/v1") as client:

        async def call(body: Mapping[str, Any]) -> Ending:
            try:
                await client.chat.completions.create(**body)
            except openai.APIStatusError as error:
                return Ending(error.status_code, error.response.headers.get(_REASON))
            except openai.APIConnectionError:
                return NO_ANSWER
            return Ending(200)

        yield call
