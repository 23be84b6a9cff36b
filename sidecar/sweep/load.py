"""The load: workers that each send a request, read the answer to its end and send the next one.

Nothing is tried again, and no answer is looked at beyond what it says it used. A worker whose request
failed waits for as long as an answer takes: a refusal comes within milliseconds, and without the wait
a single worker too many would turn into hundreds of errors per second. So the share of requests that
are refused is about the share of workers that are too many.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from sidecar.dialects.openai import USAGES
from sidecar.metering.fragments import find_usage_in_fragment
from sidecar.sweep.call import Call
from sidecar.sweep.level import Level, Targets
from sidecar.sweep.tally import Ending, Failure, Pace, Success, Tally

_FIRST_WAIT = 0.25
"""Seconds after a failure while nothing has succeeded yet."""
_LONGEST_WAIT = 5.0
_IDLE_CONNECTION = 4.0
"""Seconds that one is kept: vLLM closes them after 5, and must not be met doing so."""
_CONNECT_TIMEOUT = 10.0
_TAIL = 16_384
"""Bytes at an answer's end in which its usage is looked for."""
_ERROR = re.compile(
    rb'^(event: ?error|(data: ?)?\{\s*"(error"\s*:\s*[^\sn]|type"\s*:\s*"error"))', re.MULTILINE
)
"""How an answer with status 200 begins that is none, or the line of a stream that breaks it off."""


class Load:
    """Sends calls; one for a whole sweep, so that connections are kept from level to level."""

    def __init__(self, session: aiohttp.ClientSession, call: Call) -> None:
        self._session = session
        self._call = call
        # A second sweep must not be answered from a cache of the first one's answers.
        self._salt = secrets.token_hex(4)
        self._sent = 0
        self._wait = _FIRST_WAIT

    def __repr__(self) -> str:
        return f"<Load on {self._call.shown_url}, {self._sent} sent>"

    async def level(
        self, concurrency: int, pace: Pace, targets: Targets, started: Callable[[Tally], None]
    ) -> Level:
        """Measure one; `started` gets the tally, to watch. Ends when the last answer has come."""
        tally = Tally(concurrency, pace, targets, now=asyncio.get_running_loop().time())
        started(tally)
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(self._work(tally))
        return tally.level(streamed=self._call.streamed)

    async def ask(self) -> Ending:
        """One request."""
        self._sent += 1
        body = self._call.numbered(f"{self._salt}-{self._sent}")
        try:
            ending = await self._exchange(body)
        except TimeoutError:
            return Failure("timeout")
        except aiohttp.ClientConnectorError as error:
            return Failure("no connection", str(error))
        except (aiohttp.ClientError, ConnectionError):
            return Failure("broken off")
        if isinstance(ending, Success):
            self._wait = min(_LONGEST_WAIT, ending.total)
        return ending

    async def _work(self, tally: Tally) -> None:
        now = asyncio.get_running_loop().time
        while not tally.over:
            ending = await self.ask()
            tally.add(ending, now=now())
            if isinstance(ending, Failure) and not tally.over:
                await asyncio.sleep(self._wait)

    async def _exchange(self, body: bytes) -> Ending:
        now = asyncio.get_running_loop().time
        started, first, tail = now(), None, b""
        async with self._session.post(
            self._call.url, data=body, headers=self._call.headers, allow_redirects=False
        ) as answer:
            async for piece in answer.content.iter_any():
                first = first or now()
                tail = (tail + piece)[-_TAIL:]
        ended = now()
        if not 200 <= answer.status < 300:
            return Failure(str(answer.status))
        if _ERROR.search(tail):
            return Failure("error in answer")
        usage = find_usage_in_fragment(tail, USAGES)
        return Success(
            latency=(first or ended) - started if self._call.streamed else ended - started,
            total=ended - started,
            output_tokens=usage.usage.output if usage else None,
        )


@asynccontextmanager
async def loading(call: Call, *, timeout: float) -> AsyncIterator[Load]:
    """A load and its connections; a request may take `timeout` seconds."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_CONNECTION),
        timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, _CONNECT_TIMEOUT)),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Load(session, call)
