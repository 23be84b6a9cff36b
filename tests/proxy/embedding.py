"""Embeddings requests made by hand, and a service that answers them."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson

from sidecar.admission.pool import LimiterPool
from sidecar.dialects import Call
from sidecar.events import NullObserver
from sidecar.outcomes import Endpoint, RequestStatus, ShedReason
from sidecar.proxy.embedding_request import EmbeddingRequest, read_request, shape_of
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.tokens import Usage
from tests.fakes.law import ScriptedLaw
from tests.fakes.rates import ScriptedRates
from tests.proxy.serving import ask

PATH = b"/v1/embeddings"


def embedding_ask(*texts: str, tokens: int = 1, **more: Any) -> Ask:
    """A request for these texts; `more` are arguments of `ask`."""
    body = more.pop("body", orjson.dumps({"model": "m", "input": list(texts)}))
    usual: dict[str, Any] = {"path": PATH, "call": Call(Endpoint.EMBEDDINGS, "m", tokens)}
    asked = ask(body, **usual | more)
    return replace(asked, route=replace(asked.route, target=asked.request.target))


def embedding_request(*texts: str, **more: Any) -> EmbeddingRequest:
    """The same, read."""
    asked = embedding_ask(*texts, **more)
    shape = shape_of(asked)
    assert shape is not None
    request = read_request(asked, shape)
    assert request is not None
    return request


def embedding_pool(limit: int = 1) -> LimiterPool:
    """Limiters with so many places."""
    return LimiterPool(
        lambda _now: ScriptedLaw(limit=limit),
        ScriptedRates,
        queue_size=100,
        loop=asyncio.get_running_loop(),
        observer=NullObserver(),
        draw=lambda: 0.5,
    )


class Embedder:
    """Takes a place and answers after a second: a vector is the text's length. Implements Service."""

    def __init__(self, pool: LimiterPool) -> None:
        self.pool = pool
        self.bodies: list[bytes] = []
        self.started: list[float] = []
        """Loop seconds."""
        self.reserved: list[int] = []
        self.in_work = self.most_in_work = 0
        self.bug: Exception | None = None

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        """See Service."""
        loop = asyncio.get_running_loop()
        limiter = self.pool.limiter(ask.route.upstream.name, ask.call.model)
        record.model = limiter.key.model
        tokens = ask.reserve or ask.call.tokens
        with await limiter.acquire(max_wait=99, late=ShedReason.QUEUE_TIMEOUT, tokens=tokens):
            self.reserved.append(tokens if isinstance(tokens, int) else tokens())
            request = ask.request if ask.prepare is None else await ask.prepare()
            assert isinstance(request.body, bytes)
            self.bodies.append(request.body)
            self.started.append(loop.time())
            record.attempts += 1
            record.sent = loop.time()
            self.in_work += 1
            self.most_in_work = max(self.most_in_work, self.in_work)
            try:
                await asyncio.sleep(1)
            finally:
                self.in_work -= 1
            if self.bug is not None:
                raise self.bug
            return self._answered(request.body, record, sink)

    def _answered(self, body: bytes, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        inputs = orjson.loads(body)["input"]
        data = [{"index": at, "embedding": [len(text)]} for at, text in enumerate(inputs)]
        record.used(Usage(input=10 * len(inputs), output=0))
        record.status, record.http_status = RequestStatus.OK, 200
        answer = orjson.dumps({"data": data, "usage": {"total_tokens": 10 * len(inputs)}})
        return sink.answer(200, b"OK", (), answer)

    @property
    def inputs(self) -> list[list[str]]:
        """Of each call."""
        return [orjson.loads(body)["input"] for body in self.bodies]
