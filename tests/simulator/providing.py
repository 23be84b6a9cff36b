"""A simulated provider for one test, and the real SDKs to talk to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from anthropic import AsyncAnthropic
from anthropic import DefaultAsyncHttpxClient as AnthropicHttp
from openai import AsyncOpenAI
from openai import DefaultAsyncHttpxClient as OpenAIHttp

from sidecar.simulator.plan import CapacityPlan, SlotPlan, SlotStep
from sidecar.simulator.scenario import Scenario
from sidecar.simulator.server import SimulatedProvider
from sidecar.simulator.service import ServicePlan

MODEL = "sim"
HELLO = [{"role": "user", "content": "Hello there"}]
QUICK = ServicePlan(
    ttft_median=0.001, ttft_sigma=0, answer_median=0.004, answer_sigma=0, tokens_per_second=2000
)
"""Answers of 8 LLM tokens in 5 ms."""
QUICK_SCENARIO = Scenario(title="quick", service=QUICK)


def slots(count: int, *, queue: int | None = 0) -> CapacityPlan:
    """So many at once."""
    return CapacityPlan(slots=SlotPlan(steps=(SlotStep(at=0, slots=count),), queue=queue))


@dataclass(frozen=True)
class Running:
    """A provider that serves."""

    provider: SimulatedProvider
    port: int
    http: ClientSession

    @property
    def url(self) -> str:
        """Its base URL, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def model(self, name: str = MODEL) -> Mapping[str, Any]:
        """The truth about one model."""
        found: Mapping[str, Any] = self.provider.state()["models"].get(name, {})
        return found

    async def post(self, path: str, document: Any, **headers: str) -> tuple[int, Any, bytes]:
        """Status, headers and body of the answer to a JSON request."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(self.url + path, json=document, headers=sent) as response:
            return response.status, response.headers, await response.read()

    async def chat(self, *, stream: bool = False, **headers: str) -> tuple[int, Any, bytes]:
        """The same for a chat completion."""
        body = {"model": MODEL, "messages": HELLO, "stream": stream}
        return await self.post("/v1/chat/completions", body, **headers)

    async def until(self, happened: Callable[[Mapping[str, Any]], bool]) -> None:
        """Let the loop turn until the model's state is as wanted."""
        async with asyncio.timeout(10):
            while not (self.model() and happened(self.model())):  # noqa: ASYNC110  # state has no event
                await asyncio.sleep(0)


@asynccontextmanager
async def running(scenario: Scenario = QUICK_SCENARIO) -> AsyncIterator[Running]:
    """Serve this scenario; in the end nothing may be left in flight."""
    provider = SimulatedProvider(scenario)
    port = await provider.start()
    try:
        async with ClientSession() as http:
            yield Running(provider, port, http)
    finally:
        await provider.stop()
        models = provider.state()["models"].values()
        assert all(model["in_flight"] == model["waiting"] == 0 for model in models)


@asynccontextmanager
async def openai_sdk(url: str) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's SDK, without retries."""
    http = OpenAIHttp(verify=False)  # plain HTTP; saves loading certificates
    async with AsyncOpenAI(
        base_url=f"{url}/v1", api_key="key", max_retries=0, http_client=http
    ) as client:
        yield client


@asynccontextmanager
async def anthropic_sdk(url: str) -> AsyncIterator[AsyncAnthropic]:
    """Anthropic's SDK, without retries."""
    http = AnthropicHttp(verify=False)  # plain HTTP; saves loading certificates
    async with AsyncAnthropic(
        base_url=url, api_key="key", max_retries=0, http_client=http
    ) as client:
        yield client
