"""The LLM tokens that answers used, as providers tell them and as the sidecar counts them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from benchmarks.metering.books import compare, unequal
from sidecar.outcomes import TokenType
from sidecar.simulator.scenario import load
from sidecar.simulator.server import SimulatedProvider
from tests.integration.rig import Rig, rig
from tests.integration.wire import Message, post

MODEL = "sim"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hello there " * 20}]}
ASKED = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
STREAM = {**CHAT, "stream": True}
WHOLE_AND_STREAMED = pytest.mark.parametrize("body", [CHAT, ASKED], ids=["whole", "streamed"])


class Metered:
    """A sidecar before the simulated provider."""

    def __init__(self, it: Rig, provider: SimulatedProvider) -> None:
        self.it = it
        self._provider = provider

    async def ask(self, body: Any, wishes: str, path: str = "/v1/chat/completions") -> Message:
        """One call and its whole answer."""
        return await self.it.ask(self.request(body, wishes, path))

    def request(self, body: Any, wishes: str, path: str = "/v1/chat/completions") -> bytes:
        """The same call as bytes."""
        extra = b"x-simulate: %b\r\n" % wishes.encode()
        return post(orjson.dumps(body), path=path, extra=extra)

    async def counted(self, metric: str) -> dict[str, int]:
        """The values of a counter by its last label, or by none."""
        await self.it.at_rest()
        begin = f"ai_api_{metric}_total{{openai,{MODEL}"
        samples = (await self.it.metrics()).items()
        return {name[len(begin) : -1].lstrip(","): int(value)
                for name, value in samples if name.startswith(begin)}  # fmt: skip

    def billed(self, column: str) -> dict[str, int]:
        """The provider's books."""
        books: dict[str, int] = self._provider.state()["models"][MODEL][column]
        return books


@asynccontextmanager
async def metered() -> AsyncIterator[Metered]:
    """Answers come at once, of the length that is asked for."""
    provider = SimulatedProvider(load("instant"))
    port = await provider.start()
    try:
        async with rig(
            upstream_urls=f"openai=http://127.0.0.1:{port}/openai,"
            f"anthropic=http://127.0.0.1:{port}/anthropic"
        ) as it:
            yield Metered(it, provider)
    finally:
        await provider.stop()


@pytest.mark.slow
async def test_sums_are_the_provider_s_own_over_requests_of_all_kinds() -> None:
    """`python -m benchmarks.metering` does the same with 10,000."""
    accounts = await compare(1500)

    assert len(accounts) == 19
    assert all(account.calls > 30 for account in accounts)
    assert {kind for account in accounts for kind in account.billed} == set(TokenType)
    assert unequal(accounts) == []


@WHOLE_AND_STREAMED
async def test_told_figures_count_and_nothing_else_is_said_of_them(body: Any) -> None:
    async with metered() as at:
        await at.ask(body, "tokens=30; reasoning=10; cached=5; encoding=br")
        billed = at.billed("billed")

        assert await at.counted("tokens_used") == {
            "input": billed["input"], "output": 30, "reasoning": 10, "cached_input": 5
        }  # fmt: skip
        assert await at.counted("usage_missing") == {}
        assert (await at.counted("usage_estimated")).get("", 0) == 0


@WHOLE_AND_STREAMED
@pytest.mark.parametrize(
    ("flaw", "reason"),
    [("none", "absent"), ("null", "absent"), ("negative", "invalid"), ("string", "invalid")],
)
async def test_nonsense_is_ignored_and_counted(body: Any, flaw: str, reason: str) -> None:
    async with metered() as at:
        answer = await at.ask(body, f"tokens=5; usage={flaw}")

        assert answer.status == 200
        assert await at.counted("usage_missing") == {reason: 1}
        assert await at.counted("tokens_used") == {}


async def test_a_stream_that_was_not_asked_for_usage_has_none() -> None:
    async with metered() as at:
        await at.ask(STREAM, "tokens=5")

        assert await at.counted("usage_missing") == {"absent": 1}


@pytest.mark.parametrize("encoding", ["", "; encoding=gzip", "; encoding=zstd"])
async def test_a_broken_stream_is_estimated(encoding: str) -> None:
    async with metered() as at:
        client = await at.it.connect()
        client.post(at.request(ASKED, f"truncate; tokens=400; after=200{encoding}"))
        await client.ended()
        billed = at.billed("billed_unfinished")
        counted = await at.counted("tokens_used")

        assert await at.counted("usage_estimated") == {"": 1}
        assert billed["output"] == 200
        for kind in ("input", "output"):
            assert billed[kind] / 2 <= counted[kind] <= billed[kind] * 2


async def test_what_the_app_left_behind_is_estimated_too() -> None:
    async with metered() as at:
        client = await at.it.connect()
        client.post(at.request(ASKED, "hang-mid-stream; tokens=400; after=100"))
        await client.head()
        await client.chunk()
        client.close()
        counted = await at.counted("tokens_used")

        assert await at.counted("usage_estimated") == {"": 1}
        assert 0 < counted["output"] <= 200


async def test_calls_that_use_no_tokens_are_missing_nothing() -> None:
    async with metered() as at:
        await at.it.ask(b"GET /v1/models HTTP/1.1\r\nHost: app\r\n\r\n")
        body = {"model": MODEL, "input": "Hello"}
        await at.ask(body, "ok", path="/v1/moderations")

        assert await at.counted("usage_missing") == {}
        assert await at.counted("tokens_used") == {}
