"""A sidecar that merges and cuts embeddings calls, before a simulated provider or a scripted one."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, TCPConnector

from sidecar.simulator.scenario import Scenario
from sidecar.simulator.server import SimulatedProvider
from sidecar.simulator.service import ServicePlan
from tests.fakes.raw_server import Peer
from tests.integration.rig import Rig, eventually, receive, rig
from tests.integration.wire import Client, Message, ok, post

MODEL = "sim"
DIMENSIONS = 8
PATHS = {
    "openai": "/openai/v1/embeddings",
    "cohere": "/cohere/v2/embed",
    "gemini": f"/gemini/v1beta/models/{MODEL}:batchEmbedContents",
    "ollama": "/ollama/api/embed",
}
STEADY = Scenario(
    title="an answer takes 50 ms, and as many run at once as are asked for",
    service=ServicePlan(
        ttft_median=0.02,
        ttft_sigma=0,
        answer_median=0.05,
        answer_sigma=0,
        tokens_per_second=2000,
    ),
    deterministic=True,
)


class Embedded:
    """A rig, the provider behind it, and a client."""

    def __init__(self, it: Rig, provider: SimulatedProvider, http: ClientSession, own: str) -> None:
        self.it = it
        self.provider = provider
        self._http = http
        self._own = own

    @property
    def url(self) -> str:
        """The sidecar's."""
        return f"http://127.0.0.1:{self.it.sidecar.proxy_port}"

    def figure(self, name: str) -> int:
        """A figure of the provider's own about the model."""
        return int(self.provider.state()["models"].get(MODEL, {}).get(name, 0))

    async def post(
        self, document: Any, upstream: str = "openai", **headers: str
    ) -> tuple[int, Any, Any]:
        """Status, headers and document of the answer that comes through the sidecar."""
        return await self._post(self.url + PATHS[upstream], document, headers)

    async def direct(
        self, document: Any, upstream: str = "openai", **headers: str
    ) -> tuple[int, Any, Any]:
        """The same from the provider itself."""
        return await self._post(self._own + PATHS[upstream], document, headers)

    async def _post(self, url: str, document: Any, headers: dict[str, str]) -> tuple[int, Any, Any]:
        named = {"Content-Type": "application/json"} | headers
        body = io.BytesIO(json.dumps(document).encode())
        async with self._http.post(url, data=body, headers=named) as response:
            return response.status, response.headers, json.loads(await response.read())

    async def occupied(self, count: int, seconds: float = 0.3) -> asyncio.Task[Any]:
        """So many places are taken for a while; the task ends when they are free again."""
        holding = [
            self.post(ask("place holder"), **{"x-simulate": f"total={seconds}"})
            for _ in range(count)
        ]
        task = asyncio.get_running_loop().create_task(_all(holding))
        await self.it.in_place(in_flight=count)
        return task

    async def metric(self, name: str) -> float:
        """A counter of the sidecar's about the model, over all upstreams."""
        samples = await self.it.metrics()
        return sum(value for key, value in samples.items() if key.startswith(name))


async def _all(calls: Sequence[Any]) -> list[Any]:
    return list(await asyncio.gather(*calls))


@asynccontextmanager
async def embedded(scenario: Scenario = STEADY, **settings: Any) -> AsyncIterator[Embedded]:
    """Batching on, 8 places unless `limit_initial` says otherwise."""
    provider = SimulatedProvider(scenario)
    own = f"http://127.0.0.1:{await provider.start()}"
    urls = ",".join(f"{name}:{name}={own}/{name}" for name in PATHS)
    defaults: dict[str, Any] = {
        "batch_enabled": True,
        "limit_initial": 8,
        "upstream_urls": urls,
    }
    try:
        async with (
            rig(**defaults | settings) as it,
            ClientSession(connector=TCPConnector(limit=0)) as http,
        ):
            yield Embedded(it, provider, http, own)
    finally:
        await provider.stop()


def ask(*texts: str, **fields: Any) -> dict[str, Any]:
    """An embeddings call in OpenAI's shape: of one text, or a list of several."""
    value = texts[0] if len(texts) == 1 else list(texts)
    return {"model": MODEL, "input": value, "dimensions": DIMENSIONS} | fields


def vectors(document: Any) -> list[Any]:
    """The vectors of an answer in OpenAI's shape, whose indexes are as they should be."""
    assert [item["index"] for item in document["data"]] == list(range(len(document["data"])))
    return [item["embedding"] for item in document["data"]]


class Taught:
    """A script: takes each request, and answers it with vectors once `release` is set.

    A text's vector is its length and the number of inputs that came with it.
    """

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.peers: list[Peer] = []
        self.release = asyncio.Event()
        self.answers: dict[int, bytes] = {}
        """Other answers, by the number of the request from 0."""

    async def __call__(self, peer: Peer) -> None:
        while True:
            message = await receive(peer)
            place = len(self.received)
            self.received.append(message)
            self.peers.append(peer)
            await self.release.wait()
            await peer.send(self.answers.get(place) or _answer_to(message))

    @property
    def inputs(self) -> list[Any]:
        """What each request wanted to be embedded."""
        return [json.loads(message.body)["input"] for message in self.received]


def _answer_to(message: Message) -> bytes:
    asked = json.loads(message.body)["input"]
    inputs = asked if isinstance(asked, list) else [asked]
    data = [
        {"object": "embedding", "index": place, "embedding": [len(text), len(inputs)]}
        for place, text in enumerate(inputs)
    ]
    figures = {"prompt_tokens": 7, "total_tokens": 7}
    document = {"object": "list", "data": data, "model": MODEL, "usage": figures}
    extra = b"x-provider: here\r\n"
    return ok(json.dumps(document).encode(), extra=extra)


PATH = "/openai/v1/embeddings"


def request(document: Any, extra: bytes = b"", path: str = PATH) -> bytes:
    """An embeddings call as bytes."""
    return post(json.dumps(document).encode(), path=path, extra=extra)


class Busy:
    """A sidecar whose only place is taken, so that what comes next is gathered."""

    def __init__(self, it: Rig, script: Taught) -> None:
        self.it = it
        self.script = script
        self._calls: list[asyncio.Task[Message]] = []

    async def send(self, data: bytes) -> Client:
        """Send a request; returns its connection when it is in a batch, or in line."""
        client = await self.it.connect()
        before = self._arrived
        await client.send(data)
        await eventually(lambda: self._arrived > before)
        return client

    @property
    def _arrived(self) -> int:
        return self.it.sidecar.activity.open_requests

    async def in_line(self, count: int) -> None:
        """So many calls wait for the place."""
        await self.it.in_place(in_flight=1, waiting=count)

    def free(self) -> None:
        """Let the provider answer everything from now on."""
        self.script.release.set()

    @property
    def sent(self) -> list[Any]:
        """What was sent to be embedded after the place holder."""
        return self.script.inputs[1:]


@asynccontextmanager
async def busy(**settings: Any) -> AsyncIterator[Busy]:
    """One place, taken by a call that ends with `free`; gathering takes 50 ms."""
    script = Taught()
    defaults: dict[str, Any] = {
        "batch_enabled": True,
        "limit_initial": 1,
        "batch_max_wait": 0.05,
    }
    async with rig(script, **defaults | settings) as it:
        holder = await it.connect()
        await holder.send(request(ask("place holder")))
        await it.in_place(in_flight=1)
        try:
            yield Busy(it, script)
        finally:
            script.release.set()
        assert (await holder.answer()).status == 200
