"""Whether the sidecar counts what the provider bills, over requests of all kinds.

Provider, sidecar and app share one event loop and talk over real ports. Each API has a model of its
own, so that what is counted can be compared API by API, in each kind of LLM tokens.
"""

import asyncio
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from sidecar.app import Sidecar, running
from sidecar.outcomes import TokenType
from sidecar.settings import Settings
from sidecar.simulator.directive import HEADER
from sidecar.simulator.encoding import Encoding
from sidecar.simulator.scenario import load
from sidecar.simulator.server import SimulatedProvider
from sidecar.telemetry.logs import make_log

_CLIENTS = 16
_ENCODINGS = (None, None, *Encoding)
_ASK = {"stream_options": {"include_usage": True}}
_TEXT = "The quick brown fox jumps over the lazy dog. " * 8

Tokens = Mapping[TokenType, int]
"""LLM tokens by type."""


@dataclass(frozen=True, slots=True)
class Account:
    """One API's LLM tokens, by the provider's books and by the sidecar's metrics."""

    name: str
    calls: int
    billed: Tokens
    counted: Tokens

    @property
    def equal(self) -> bool:
        """Whether each sum is the same."""
        return self.billed == self.counted


@dataclass(frozen=True, slots=True)
class _Api:
    """How one API is asked."""

    name: str
    dialect: str
    path: str
    body: Mapping[str, Any]
    stream_path: str | None = None
    """None = the same path, where the body says `stream`; empty = it has no streams."""
    asks: bool = False
    """Whether its streams tell the usage only where the request asks for it."""
    cached: bool = True
    """Whether it tells what was read from a cache."""
    thoughts: bool = True
    """Whether it tells how many tokens were thoughts."""


def _apis() -> Iterator[_Api]:
    """Those of the simulated provider that tell the tokens used, each with a model of its name."""
    chat = {"max_tokens": 40}
    named = {
        "openai": "/v1/chat/completions",
        "vllm": "/v1/chat/completions",
        "groq": "/openai/v1/chat/completions",
        "deepseek": "/chat/completions",
        "together": "/v1/chat/completions",
        "fireworks": "/inference/v1/chat/completions",
        "openrouter": "/api/v1/chat/completions",
    }
    for name, path in named.items():
        yield _Api(name, name, path, chat, asks=True)
    azure = "/openai/deployments/azure/chat/completions"
    yield _Api("azure", "azure", azure, chat, asks=True)
    yield _Api("mistral", "mistral", "/v1/chat/completions", chat, thoughts=False)
    yield _Api("anthropic", "anthropic", "/v1/messages", {"max_tokens": 40})
    yield _Api("cohere", "cohere", "/v2/chat", {"max_tokens": 40}, thoughts=False)
    yield _Api("responses:openai", "openai", "/v1/responses", {"input": _TEXT})
    texts = {"input": [_TEXT, "b"]}
    path = "/v1/embeddings"
    yield _Api("embeddings:openai", "openai", path, texts, "", cached=False, thoughts=False)
    contents = {"contents": [{"role": "user", "parts": [{"text": _TEXT}]}]}
    gemini = "/v1beta/models/gemini:"
    streamed = f"{gemini}streamGenerateContent?alt=sse"
    yield _Api("gemini", "gemini", f"{gemini}generateContent", contents, streamed)
    array: _Api = _Api(
        "array:gemini", "gemini", "/v1beta/models/array:streamGenerateContent", contents, ""
    )
    yield array
    claude = "/v1/projects/p/locations/l/publishers/anthropic/models/vertex:"
    message = {"max_tokens": 40, "anthropic_version": "vertex-2023-10-16"}
    streamed = f"{claude}streamRawPredict"
    yield _Api("vertex", "gemini", f"{claude}rawPredict", message, streamed)
    said = {"messages": [{"role": "user", "content": [{"text": _TEXT}]}]}
    converse = "/model/bedrock/converse"
    yield _Api("bedrock", "bedrock", converse, said, f"{converse}-stream", thoughts=False)
    invoke = "/model/invoked/invoke"
    streamed = f"{invoke}-with-response-stream"
    yield _Api("invoked:bedrock", "bedrock", invoke, {"max_tokens": 40}, streamed)
    ollama = {"stream": False}
    yield _Api("ollama", "ollama", "/api/chat", ollama, cached=False, thoughts=False)


def _requests(count: int, dice: Random) -> Iterator[tuple[str, dict[str, Any], str]]:
    """So many, of all kinds mixed: path, body and directive."""
    apis = list(_apis())
    for _ in range(count):
        api = dice.choice(apis)
        stream = api.stream_path != "" and dice.random() < 0.5
        words = dice.randint(1, 60)
        wishes = [f"tokens={words}"]
        if api.thoughts and dice.random() < 0.3:
            wishes.append(f"reasoning={dice.randint(1, words)}")
        if api.cached and dice.random() < 0.3:
            wishes.append(f"cached={dice.randint(1, 60)}")
        encoding = dice.choice(_ENCODINGS)
        if encoding is not None:
            wishes.append(f"encoding={encoding}")
        path = (api.stream_path or api.path) if stream else api.path
        upstream = api.name.rpartition(":")[2]
        text = _TEXT[: dice.randint(1, len(_TEXT))]
        body = {"model": _model(api), "messages": [{"role": "user", "content": text}], **api.body}
        if stream:
            body |= {"stream": True, **(_ASK if api.asks else {})}
        yield f"/{upstream}{path}", body, "; ".join(wishes)


def _model(api: _Api) -> str:
    return api.name.partition(":")[0]


async def compare(count: int, *, seed: int = 1) -> list[Account]:
    """Send so many requests; each API's account. Raises RuntimeError where one is not answered."""
    provider = SimulatedProvider(load("instant"))
    port = await provider.start()
    try:
        async with running(_settings(port), make_log("warning", stream=io.BytesIO())) as sidecar:
            await _ask_all(sidecar.proxy_port, _requests(count, Random(seed)))
            counted = await _counted(sidecar)
        models = provider.state()["models"]
    finally:
        await provider.stop()
    return [
        Account(name, state["billed"]["calls"], _billed(state["billed"]), counted.get(name, {}))
        for name, state in models.items()
    ]


def _settings(port: int) -> Settings:
    upstreams = {api.name.rpartition(":")[2]: api.dialect for api in _apis()}
    urls = (
        f"{name}:{dialect}=http://127.0.0.1:{port}/{name}" for name, dialect in upstreams.items()
    )
    chosen: dict[str, Any] = {
        "upstream_urls": ",".join(urls),
        "proxy_port": 0,
        "admin_host": "127.0.0.1",
        "admin_port": 0,
        "limit_mode": "fixed",
        "dedup_mode": "off",
    }
    return Settings(**chosen)


async def _ask_all(port: int, requests: Iterator[tuple[str, dict[str, Any], str]]) -> None:
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(_CLIENTS):
            group.create_task(_ask(session, requests))


async def _ask(
    session: aiohttp.ClientSession, requests: Iterator[tuple[str, dict[str, Any], str]]
) -> None:
    """One after the other, as long as there are any."""
    for path, body, wishes in requests:
        async with session.post(path, json=body, headers={HEADER: wishes}) as answer:
            text = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} was answered {answer.status}: {text[:200]!r}")


async def _counted(sidecar: Sidecar) -> dict[str, dict[TokenType, int]]:
    """Tokens by model and type, as the admin port tells them."""
    url = f"http://127.0.0.1:{sidecar.admin_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    found: dict[str, dict[TokenType, int]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "ai_api_tokens_used_total" and sample.value:
                of_model = found.setdefault(sample.labels["model"], {})
                of_model[TokenType(sample.labels["type"])] = int(sample.value)
    return found


def _billed(columns: Mapping[str, int]) -> dict[TokenType, int]:
    return {kind: columns[kind] for kind in TokenType if columns[kind]}


def unequal(accounts: Sequence[Account]) -> list[Account]:
    """Those in which the sums differ."""
    return [account for account in accounts if not account.equal]
