"""A stream is asked for its usage, and the app that did not ask sees none of it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.dialects import DIALECTS
from sidecar.errors import ClientGoneError, StreamBrokenError
from sidecar.proxy.body import BodyMemory
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.proxy.usage_asked import UsageAsked
from sidecar.upstream.transport import RawHeaders, ResponseHead
from tests.fakes.observer import RecordingObserver
from tests.proxy.serving import EVENTS, JSON, ActedService, KeepingSink, answering, ask, record

STREAM = b'{"model":"m","stream":true}'
ASKING = b'{"stream_options":{"include_usage":true},"model":"m","stream":true}'
WORD = b'data: {"choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n'
CHUNK = b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
DONE = b"data: [DONE]\n\n"


class Served:
    """What became of one request."""

    def __init__(self, act: Any = None, *, memory: int = 1000, full: bool = False) -> None:
        self.sink = KeepingSink(full=full)
        self.inner = ActedService(act or answering(WORD, CHUNK, DONE))
        self.memory = BodyMemory(memory)
        self.observer = RecordingObserver()

    async def run(self, body: Any = STREAM, **about: Any) -> AnsweredResponse:
        house = UsageAsked(inner=self.inner, memory=self.memory, observer=self.observer)
        try:
            return await house.run(ask(body, **about), record(), self.sink)
        finally:
            assert self.memory.held == 0
            assert self.observer.events == []

    @property
    def sent(self) -> Any:
        return self.inner.asks[0].request.body

    @property
    def fields(self) -> RawHeaders:
        return self.inner.asks[0].request.headers


async def test_the_request_asks_and_the_app_gets_what_it_asked_for() -> None:
    at = Served()

    await at.run()

    assert at.sent == ASKING
    assert at.sink.writes == [[WORD], [DONE]]
    assert at.sink.finished


async def test_its_answer_is_wanted_as_plain_text() -> None:
    at = Served()

    await at.run(
        headers=(*JSON, (b"accept-encoding", b"gzip"), (b"X", b"1"), (b"Accept-Encoding", b"br"))
    )

    assert list(at.fields) == [*JSON, (b"X", b"1"), (b"Accept-Encoding", b"identity")]


ON_REQUEST = {"openai", "azure", "vllm", "tgi", "ollama"}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_only_who_needs_to_be_asked_is(dialect: str) -> None:
    at = Served()

    await at.run(dialect=dialect)

    assert (at.sent == ASKING) is (dialect in ON_REQUEST)


@pytest.mark.parametrize(
    "about",
    [
        {"body": None},
        {"body": b'{"model":"m"}'},
        {"body": b'{"stream":true,"stream_options":{"include_usage":false}}'},
        {"path": b"/v1/responses"},
        {"path": b"/v1/embeddings"},
        {"path": b"/api/chat", "dialect": "ollama"},
        {"headers": ()},
        {"headers": ((b"Content-Type", b"text/plain"),)},
        {"headers": (*JSON, (b"Digest", b"sha-256=x"))},
        {"headers": (JSON[0], (b"Authorization", b"AWS4-HMAC-SHA256 Credential=x"))},
    ],
)
async def test_everything_else_passes_untouched_both_ways(about: dict[str, Any]) -> None:
    at = Served()
    headers = about.get("headers", JSON)

    await at.run(**{"body": STREAM} | about)

    assert at.sent == about.get("body", STREAM)
    assert at.fields == headers
    assert at.sink.body == WORD + CHUNK + DONE


async def test_a_body_that_streams_through_is_not_looked_at() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield STREAM

    at, streamed = Served(), body()

    await at.run(streamed)

    assert at.sent is streamed


@pytest.mark.parametrize("kind", [b"application/json; charset=utf-8", b"Application/JSON"])
async def test_json_is_json_however_it_is_written(kind: bytes) -> None:
    at = Served()

    await at.run(headers=((b"content-type", kind),), path=b"/openai/deployments/d/completions?a=1")

    assert at.sent == ASKING


async def test_without_memory_for_a_second_body_nothing_is_asked() -> None:
    at = Served(memory=len(ASKING) - 1)

    await at.run()

    assert at.sent == STREAM
    assert at.sink.body == WORD + CHUNK + DONE


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (400, EVENTS),
        (200, JSON),
        (200, ((b"Content-Type", b"text/event-stream"), (b"Content-Encoding", b"gzip"))),
    ],
)
async def test_an_answer_that_is_no_readable_stream_passes_as_it_is(
    status: int, headers: RawHeaders
) -> None:
    length = (b"Content-Length", b"%d" % len(CHUNK))
    at = Served(answering(CHUNK, status=status, headers=(*headers, length), length=len(CHUNK)))

    await at.run()

    assert at.sink.writes == [[CHUNK]]
    assert at.sink.headers == (*headers, length)
    assert at.sink.head == ResponseHead(status, b"Said", (*headers, length), len(CHUNK))


async def test_a_length_no_longer_holds() -> None:
    body = WORD + CHUNK + DONE
    length = (b"content-length", b"%d" % len(body))
    at = Served(answering(body, headers=(*EVENTS, length), length=len(body)))

    await at.run()

    assert at.sink.head is not None
    assert at.sink.head.content_length is None
    assert list(at.sink.headers) == list(EVENTS)
    assert at.sink.body == WORD + DONE


async def test_a_full_app_is_waited_for_and_nothing_is_no_reason_to_wait() -> None:
    at = Served(answering(WORD, CHUNK, WORD), full=True)

    await at.run()

    assert at.sink.drained == 2


async def test_what_is_held_back_at_the_end_is_handed_on() -> None:
    at = Served(answering(WORD, CHUNK[:-9]))

    await at.run()

    assert at.sink.writes == [[WORD], [CHUNK[:-9]]]
    assert at.sink.finished


async def _begin(sink: AppSink) -> None:
    sink.start(ResponseHead(200, b"OK", EVENTS, None), EVENTS)
    sink.write([WORD])
    sink.write([CHUNK[:-9]])


async def test_a_stream_that_breaks_is_the_apps_to_its_last_byte() -> None:
    async def act(sink: AppSink) -> AnsweredResponse:
        await _begin(sink)
        raise StreamBrokenError("gone")

    at = Served(act)

    with pytest.raises(StreamBrokenError):
        await at.run()
    assert at.sink.body == WORD + CHUNK[:-9]
    assert not at.sink.finished


async def test_nothing_is_written_to_an_app_that_left() -> None:
    async def act(sink: AppSink) -> AnsweredResponse:
        await _begin(sink)
        raise ClientGoneError("gone")

    at = Served(act)

    with pytest.raises(ClientGoneError):
        await at.run()
    assert at.sink.body == WORD


async def test_an_answer_of_the_sidecars_own_passes() -> None:
    async def act(sink: AppSink) -> AnsweredResponse:
        answered = sink.answer(429, b"No", JSON, json.dumps({"choices": []}).encode())
        assert sink.started
        return answered

    at = Served(act)

    await at.run()

    assert at.sink.body == b'{"choices": []}'
