"""Nothing of a request or an answer is in the logs, the metrics, the statistics or an error of ours.

Canaries are planted wherever an app or a provider can write something, but in the model's name,
which is there to be shown.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.raw_server import Script
from tests.integration.rig import Held, Provider, Rig, rig
from tests.integration.wire import LAST_CHUNK, STREAM, Message, chunk, ok, post

CANARY = b"CANARY"
FIELDS = (
    b"Authorization: Bearer CANARY-1\r\n"
    b"x-api-key: CANARY-2\r\n"
    b"X-CANARY-3: CANARY-4\r\n"
    b"Cookie: CANARY=5\r\n"
    b"x-sidecar-timeout: CANARY-6\r\n"
    b"x-stainless-retry-count: CANARY-7\r\n"
)
PATH = "/v1/CANARY-8/chat/completions?key=CANARY-9"
PROMPT = b'{"model":"m","user":"CANARY-10","messages":[{"role":"user","content":"CANARY-11"}]}'
REQUEST = post(PROMPT, path=PATH, extra=FIELDS)
SAID = b'{"CANARY-12":"CANARY-13","usage":{"CANARY-14":1}}'
TOLD = b"X-CANARY-15: CANARY-16\r\nSet-Cookie: CANARY=17\r\nretry-after: CANARY-18\r\n"


@asynccontextmanager
async def _nothing_said(
    script: Script,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    **settings: Any,
) -> AsyncIterator[Rig]:
    """A sidecar that talks as much as it can, and that must not say a canary at all."""
    caplog.set_level(logging.DEBUG)
    async with rig(script, limit_mode="adaptive", log_level="debug", **settings) as it:
        yield it
        await it.at_rest()
        for path in ("/metrics", "/stats"):
            assert CANARY not in (await it.admin(path)).body
    said = capfd.readouterr()
    log = it.log.getvalue()
    assert b'"event":"request"' in log
    for place in (log, said.out.encode(), said.err.encode(), caplog.text.encode()):
        assert CANARY not in place


def _not_echoed(answer: Message) -> None:
    """An answer of our own says nothing of the request."""
    assert answer.get("x-sidecar-reason")
    assert CANARY not in answer.body
    assert not [field for field in answer.fields if CANARY in b"".join(field)]


ANSWERS = {
    "whole": ok(SAID, extra=TOLD),
    "stream": STREAM + chunk(b"data: " + SAID + b"\n\n") + LAST_CHUNK,
    "error in stream": STREAM
    + chunk(b'event: error\ndata: {"error":{"code":"CANARY"}}\n\n')
    + LAST_CHUNK,
    "429": ok(b'{"error":{"code":"CANARY"}}', extra=TOLD, status=b"429 CANARY-20"),
    "500": ok(SAID, extra=TOLD, status=b"500 CANARY-20"),
    "400": ok(SAID, extra=TOLD, status=b"400 CANARY-20"),
    "401": ok(b'{"error":{"message":"Incorrect key: CANARY-1"}}', status=b"401 No"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_what_is_relayed_stays_untold(
    answer: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with _nothing_said(Provider(answer), caplog, capfd) as it:
        assert CANARY in (await it.ask(REQUEST)).body


BREAKDOWNS = {
    "garbage": b"CANARY-20 is not HTTP\r\n\r\n",
    "a bad field": b"HTTP/1.1 200 OK\r\nCANARY 20: x\r\n\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: CANARY\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("breakdown", BREAKDOWNS.values(), ids=BREAKDOWNS)
async def test_an_answer_that_is_none_is_not_quoted(
    breakdown: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with _nothing_said(Provider(breakdown, close=True), caplog, capfd) as it:
        _not_echoed(await it.ask(REQUEST))


async def test_an_answer_that_breaks_off_is_not_quoted(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = STREAM + chunk(b"data: CANARY-20\n\n") + b"CANARY-21\r\n"
    async with _nothing_said(Provider(broken, close=True), caplog, capfd) as it:
        client = await it.connect()
        client.post(REQUEST)
        await client.head()
        await client.ended()


async def test_a_shed_request_is_not_quoted(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    held = Held()
    async with _nothing_said(held, caplog, capfd, limit_initial=1, queue_size=0) as it:
        first = await it.connect()
        first.post(REQUEST)
        await it.in_place(in_flight=1)
        _not_echoed(await it.ask(REQUEST))
        held.release.set()
        await first.answer()


REFUSED = {
    "no path": post(PROMPT, path="CANARY-8", extra=FIELDS),
    "another scheme": post(PROMPT, path="ftp://CANARY-8/", extra=FIELDS),
    "a space in a name": post(PROMPT, extra=b"CANARY 3: CANARY-4\r\n"),
    "two lengths": post(PROMPT, extra=b"Content-Length: 3\r\nX-Key: CANARY-4\r\n"),
    "no version": b"GET /CANARY-8\r\nX-Key: CANARY-4\r\n\r\n",
    "no method": b"CANARY / HTTP/1.1\r\n\r\n",
    "a bad chunk": (
        b"POST /CANARY-8 HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\nCANARY-9\r\n"
    ),
    "a huge field": post(PROMPT, extra=b"X-Key: " + b"CANARY" * 20_000 + b"\r\n"),
    "too large": post(PROMPT + b" " * 2000, path=PATH, extra=FIELDS),
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
async def test_a_refused_request_is_not_quoted(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with _nothing_said(Provider(), caplog, capfd, proxy_max_body_bytes=1000) as it:
        _not_echoed(await it.ask(request_bytes))
        assert not it.provider.peers


async def test_a_provider_that_cannot_be_reached_quotes_nothing(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    nowhere = "openai=http://127.0.0.1:9"
    async with _nothing_said(Provider(), caplog, capfd, upstream_urls=nowhere) as it:
        _not_echoed(await it.ask(REQUEST))


async def test_a_deadline_quotes_nothing(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    impatient = post(PROMPT, path=PATH, extra=b"x-sidecar-timeout: 0.05\r\nX-Key: CANARY-4\r\n")
    async with _nothing_said(Held(), caplog, capfd) as it:
        _not_echoed(await it.ask(impatient))


async def test_an_app_that_leaves_is_not_quoted(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with _nothing_said(Held(), caplog, capfd) as it:
        client = await it.connect()
        client.post(REQUEST)
        await it.in_place(in_flight=1)
        client.close()
        await it.at_rest()


async def test_a_bug_of_ours_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Though its message holds the whole request, the log names only kind and place."""

    def broken(request: object) -> None:
        raise RuntimeError(f"cannot send {request}")

    async with _nothing_said(Provider(), caplog, capfd, bugs=1) as it:
        monkeypatch.setattr(it.sidecar.transport, "exchange", broken)
        _not_echoed(await it.ask(REQUEST))

    assert b'"error":"RuntimeError"' in it.log.getvalue()


async def test_a_listener_that_fails_quotes_nothing_and_hurts_nobody(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def broken(event: object) -> None:
        raise RuntimeError(REQUEST.decode())

    async with _nothing_said(Provider(), caplog, capfd, deaf=True) as it:
        monkeypatch.setattr(it.sidecar.counts, "notify", broken)
        assert (await it.ask(REQUEST)).status == 200


async def test_requests_do_arrive_with_everything_in_them() -> None:
    """The other tests would pass if nothing passed."""
    provider = Provider()
    async with rig(provider) as it:
        await it.ask(REQUEST)

    (received,) = provider.received
    assert received.body == PROMPT
    assert (received.start, received.get("authorization")) == (
        b"POST " + PATH.encode() + b" HTTP/1.1",
        b"Bearer CANARY-1",
    )
