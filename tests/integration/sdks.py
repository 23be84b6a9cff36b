"""The real SDKs, blocking and asynchronous behind one face, before a whole sidecar.

Those of Google, Mistral, Groq, Cohere, Together and Amazon are imported where they are first used:
together they take seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any

import anthropic
import openai

from sidecar.simulator.scenario import Scenario
from sidecar.simulator.server import SimulatedProvider
from tests.integration.rig import Rig, rig
from tests.simulator.providing import QUICK

MODEL = "sim"
HELLO = [{"role": "user", "content": "Hello there"}]
FACES = ["sync", "async"]
SAME_ALWAYS = Scenario(
    title="the same request gets the same bytes", service=QUICK, deterministic=True
)

Operation = Callable[[Any], Any]
"""What is asked of a client: its value, or with the asynchronous one something to await."""


class Sdk:
    """One client. The blocking one works in a thread, as it would in an app of its own."""

    def __init__(self, client: Any, face: str) -> None:
        self._client = client
        self._blocking = face == "sync"

    async def __call__(self, operation: Operation) -> Any:
        """Do it and give its result."""
        if self._blocking:
            return await asyncio.to_thread(operation, self._client)
        return await operation(self._client)

    async def collect(self, operation: Operation) -> list[Any]:
        """Everything that comes out of the stream or page that it gives."""
        if self._blocking:
            return await asyncio.to_thread(lambda: list(operation(self._client)))
        found = operation(self._client)
        return [item async for item in (found if hasattr(found, "__aiter__") else await found)]


@asynccontextmanager
async def openai_sdk(url: str, face: str, **options: Any) -> AsyncIterator[Sdk]:
    """OpenAI's; without retries unless asked for."""
    sync, http = openai.OpenAI, openai.DefaultHttpxClient
    slow, slow_http = openai.AsyncOpenAI, openai.DefaultAsyncHttpxClient
    async with _client(sync, http, slow, slow_http, face, base_url=f"{url}/v1", **options) as sdk:
        yield sdk


@asynccontextmanager
async def anthropic_sdk(url: str, face: str, **options: Any) -> AsyncIterator[Sdk]:
    """Anthropic's; without retries unless asked for."""
    sync, http = anthropic.Anthropic, anthropic.DefaultHttpxClient
    slow, slow_http = anthropic.AsyncAnthropic, anthropic.DefaultAsyncHttpxClient
    async with _client(sync, http, slow, slow_http, face, base_url=url, **options) as sdk:
        yield sdk


@asynccontextmanager
async def _client(
    sync: Any, http: Any, slow: Any, slow_http: Any, face: str, **options: Any
) -> AsyncIterator[Sdk]:
    settings: dict[str, Any] = {"api_key": "key", "max_retries": 0, "timeout": 30.0} | options
    if face == "sync":
        # Plain HTTP: not verifying saves the loading of certificates.
        with sync(http_client=http(verify=False), **settings) as client:
            yield Sdk(client, face)
    else:
        async with slow(http_client=slow_http(verify=False), **settings) as client:
            yield Sdk(client, face)


@asynccontextmanager
async def gemini_sdk(url: str, face: str, **options: Any) -> AsyncIterator[Sdk]:
    """Google's, which tries nothing again by itself."""
    from google import genai

    http: Any = {"base_url": url, "timeout": 30_000, **options}
    client = genai.Client(api_key="key", http_options=http)
    try:
        yield Sdk(client if face == "sync" else client.aio, face)
    finally:
        await client.aio.aclose()
        client.close()


@asynccontextmanager
async def mistral_sdk(url: str, face: str, **options: Any) -> AsyncIterator[Sdk]:
    """Mistral's, which tries nothing again unless told how."""
    import httpx
    from mistralai.client import Mistral

    with httpx.Client(verify=False) as http:
        async with httpx.AsyncClient(verify=False) as slow_http:
            # Its protocols for these name parameters that httpx has by other names.
            clients: dict[str, Any] = {"client": http, "async_client": slow_http}
            client = Mistral("key", server_url=url, **clients, **options)
            yield Sdk(client, face)


@asynccontextmanager
async def groq_sdk(url: str, face: str, **options: Any) -> AsyncIterator[Sdk]:
    """Groq's; without retries unless asked for."""
    import groq

    sync, http = groq.Groq, groq.DefaultHttpxClient
    slow, slow_http = groq.AsyncGroq, groq.DefaultAsyncHttpxClient
    async with _client(sync, http, slow, slow_http, face, base_url=url, **options) as sdk:
        yield sdk


@asynccontextmanager
async def together_sdk(url: str, face: str, **options: Any) -> AsyncIterator[Sdk]:
    """Together's; without retries unless asked for."""
    import together

    sync, http = together.Together, together.DefaultHttpxClient
    slow, slow_http = together.AsyncTogether, together.DefaultAsyncHttpxClient
    async with _client(sync, http, slow, slow_http, face, base_url=f"{url}/v1", **options) as sdk:
        yield sdk


@asynccontextmanager
async def cohere_sdk(url: str, face: str, **options: Any) -> AsyncIterator[Sdk]:
    """Cohere's; without retries unless asked for."""
    import cohere
    import httpx

    settings: dict[str, Any] = {"api_key": "key", "base_url": url, "max_retries": 0} | options
    if face == "sync":
        with httpx.Client(verify=False, timeout=30) as http:
            yield Sdk(cohere.ClientV2(httpx_client=http, **settings), face)
    else:
        async with httpx.AsyncClient(verify=False, timeout=30) as slow_http:
            yield Sdk(cohere.AsyncClientV2(httpx_client=slow_http, **settings), face)


AWS_KEY, AWS_SECRET, AWS_REGION = "AKIAEXAMPLE", "not a secret", "us-east-1"


@asynccontextmanager
async def bedrock_sdk(url: str, face: str = "sync", **options: Any) -> AsyncIterator[Sdk]:
    """Amazon's, with made-up credentials and without retries; it only has a blocking face."""
    from botocore.config import Config

    client = _aws_session().client(
        "bedrock-runtime",
        endpoint_url=url,
        config=Config(retries={"total_max_attempts": 1}, **options),
    )
    try:
        yield Sdk(client, face)
    finally:
        client.close()


@cache
def _aws_session() -> Any:
    """One for all tests: it keeps the descriptions of services that it has read."""
    import boto3

    return boto3.Session(
        aws_access_key_id=AWS_KEY, aws_secret_access_key=AWS_SECRET, region_name=AWS_REGION
    )


@asynccontextmanager
async def provided(
    make: Callable[..., Any],
    face: str,
    prefix: str,
    scenario: Scenario = SAME_ALWAYS,
    **options: Any,
) -> AsyncIterator[Sdk]:
    """An SDK before a simulated provider, with nothing in between."""
    provider = SimulatedProvider(scenario)
    try:
        async with make(
            f"http://127.0.0.1:{await provider.start()}{prefix}", face, **options
        ) as sdk:
            yield sdk
    finally:
        await provider.stop()


class Front:
    """A sidecar before a simulated provider, and an SDK on either side of the sidecar."""

    def __init__(self, it: Rig, provider: SimulatedProvider, direct: Sdk, through: Sdk) -> None:
        self.it = it
        self.provider = provider
        self.direct = direct
        self.through = through

    async def both(self, operation: Operation) -> tuple[Any, Any]:
        """What the provider says when asked directly, and what comes through the sidecar."""
        return await self.direct(operation), await self.through(operation)

    async def collect_both(self, operation: Operation) -> tuple[list[Any], list[Any]]:
        """The same for streams and pages."""
        return await self.direct.collect(operation), await self.through.collect(operation)


@asynccontextmanager
async def front(
    make: Callable[..., Any],
    face: str,
    prefix: str = "",
    scenario: Scenario = SAME_ALWAYS,
    **options: Any,
) -> AsyncIterator[Front]:
    """Everything started; `make` is one of the SDKs above, `prefix` the route's in its base URL.

    The prefix names the upstream, its dialect and what the simulated provider speaks.
    """
    provider = SimulatedProvider(scenario)
    name = prefix.removeprefix("/") or "openai"
    url = f"http://127.0.0.1:{await provider.start()}/{name}"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(provider.stop)
        it = await stack.enter_async_context(rig(upstream_urls=f"{name}:{name}={url}"))
        direct = await stack.enter_async_context(make(url, face, **options))
        through = await stack.enter_async_context(make(base(it) + prefix, face, **options))
        yield Front(it, provider, direct, through)


def base(it: Rig) -> str:
    """The sidecar's URL."""
    return f"http://127.0.0.1:{it.sidecar.proxy_port}"
