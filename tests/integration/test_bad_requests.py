"""Whatever an app sends, it gets an answer, and nothing of it reaches a provider by mistake."""

import json

import pytest

from tests.integration.rig import Provider, Rig, eventually, rig, silent
from tests.integration.wire import Client, Message, chunk, get, ok, post, read_body

_HEAD = b"POST /v1/x HTTP/1.1\r\nHost: app\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

UNREADABLE = {
    "malformed JSON": b'{"model":"m",',
    "empty": b"",
    "no model": b'{"messages":[]}',
    "no object": b'["model","m"]',
    "a bare word": b"null",
    "model is null": b'{"model":null}',
    "model is a number": b'{"model":1}',
    "model is an object": b'{"model":{"model":"m"}}',
    "model is empty": b'{"model":""}',
    "model within something else": b'{"x":{"model":"m"}}',
    "model of bytes": b'{"model":"\xff"}',
    "model of control characters": b'{"model":"a\\nb\\u0000"}',
    "model of other letters": '{"model":"模型"}'.encode(),
    "deep JSON": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "a huge number": b'{"model":1' + b"0" * 100_000 + b"}",
    "model of 10 MB": b'{"model":"' + b"m" * 10_000_000 + b'"}',
    "model of 1 MB": b'{"model":"' + b"m" * 1_000_000 + b'"}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_body_that_names_no_model_passes_as_it_is(body: bytes) -> None:
    provider = Provider()
    async with rig(provider) as it:
        client = await it.connect()
        await client.send(post(body))
        answer = await client.answer()

        assert answer.status == 200
        assert provider.received[0].body == body
        assert await it.statuses() == {"openai,other,ok": 1}


async def test_no_more_than_fifty_models_have_names() -> None:
    async with rig() as it:
        client = await it.connect()
        for number in range(60):
            await client.ask(post(b'{"model":"m-%d"}' % number))
        statuses = await it.statuses()

    assert len(statuses) == 51
    assert statuses["openai,other,ok"] == 10


def _refused(answer: Message, status: int, reason: bytes) -> None:
    assert (answer.status, answer.get("x-sidecar-reason")) == (status, reason)
    assert answer.start.startswith(b"HTTP/1.1 ")
    assert answer.get("content-type") == b"application/json"
    assert answer.all("x-sidecar-attempts") == [b"0"]
    assert answer.all("x-sidecar-queue-ms") == [b"0"]
    assert answer.get("server") is None
    assert json.loads(answer.body)["error"]["message"]


async def _counted(it: Rig, statuses: dict[str, float]) -> None:
    assert await it.statuses() == statuses
    assert it.provider.peers == []


async def test_a_body_that_says_it_is_too_large_is_refused_unread() -> None:
    async with rig(proxy_max_body_bytes=1000) as it:
        client = await it.connect()
        answer = await client.ask(_HEAD + b"Content-Length: 1001\r\n\r\n")
        client.close()

        _refused(answer, 413, b"body_too_large")
        assert answer.get("x-should-retry") == b"false"
        assert answer.get("connection") == b"close"
        await _counted(it, {"openai,none,client_error": 1})


async def test_a_body_of_just_the_right_size_passes() -> None:
    async with rig(proxy_max_body_bytes=1000) as it:
        assert (await it.ask(post(bytes(1000)))).status == 200


async def test_who_asks_before_sending_too_much_is_told_no() -> None:
    """413 takes the place of 100."""
    async with rig(proxy_max_body_bytes=1000) as it:
        client = await it.connect()
        client.post(_HEAD + b"Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n")
        _refused(await read_body(client.reader, await client.head()), 413, b"body_too_large")
        client.close()


async def test_an_absurd_length_is_refused() -> None:
    async with rig() as it:
        client = await it.connect()
        answer = await client.ask(_HEAD + b"Content-Length: 999999999999999\r\n\r\n")
        client.close()
        _refused(answer, 413, b"body_too_large")


async def test_a_refusal_is_seen_by_an_app_that_goes_on_sending() -> None:
    async with rig(proxy_max_body_bytes=1000) as it:
        client = await it.connect()
        client.post(_HEAD + b"Content-Length: 3000000\r\n\r\n" + bytes(3_000_000))
        _refused(await client.answer(), 413, b"body_too_large")
        client.close()


async def test_a_chunked_body_is_refused_once_it_is_too_large() -> None:
    async with rig(proxy_max_body_bytes=1000) as it:
        client = await it.connect()
        client.post(_CHUNKED + chunk(bytes(600)) + chunk(bytes(600)))
        _refused(await client.answer(), 413, b"body_too_large")
        client.close()
        await it.at_rest()
        await _counted(it, {"openai,none,client_error": 1})


async def test_a_streamed_body_is_cut_off_once_it_is_too_large() -> None:
    """The provider has a part of it by then, and sees it broken off."""
    async with rig(silent, proxy_max_body_bytes=2_000_000) as it:
        client = await it.connect()
        client.post(_CHUNKED + chunk(bytes(1_500_000)) + chunk(bytes(600_000)))
        answer = await client.answer()
        client.close()
        await (await it.provider.peer()).gone.wait()

        assert (answer.status, answer.get("x-sidecar-reason")) == (413, b"body_too_large")


@pytest.mark.parametrize("expects", [b"", b"Expect: 100-continue\r\n"], ids=["", "expects"])
async def test_bodies_are_refused_unread_while_too_many_are_held(expects: bytes) -> None:
    async with rig(silent, proxy_max_buffered_bytes=1_048_576) as it:
        first = await it.connect()
        first.post(_HEAD + b"Content-Length: 900000\r\n\r\n")
        await eventually(lambda: it.sidecar.memory.held)
        second = await it.connect()
        answer = await second.ask(_HEAD + expects + b"Content-Length: 900000\r\n\r\n")
        second.close()

        _refused(answer, 503, b"buffer_full")
        assert answer.get("retry-after") == b"1"
        assert it.sidecar.memory.held == 900_000
        first.close()
        await it.at_rest()
        await _counted(it, {"openai,none,cancelled": 1, "openai,none,shed": 1})


async def test_memory_comes_back_after_each_request() -> None:
    async with rig(proxy_max_buffered_bytes=1_048_576) as it:
        client = await it.connect()
        for _ in range(5):
            assert (await client.ask(post(bytes(1_000_000)))).status == 200


@pytest.mark.parametrize(
    "target", ["http://a/v1/x", "https://api.openai.com/v1/x", "*", "http://[::1]/"]
)
async def test_a_target_that_is_no_path_has_no_route(target: str) -> None:
    async with rig() as it:
        answer = await it.ask(get(target, method="OPTIONS"))

        _refused(answer, 404, b"no_route")
        assert answer.get("x-should-retry") == b"false"
        await _counted(it, {"none,none,client_error": 1})


@pytest.mark.parametrize("target", ["a:443", "/v1/chat/completions"])
async def test_connect_has_no_route(target: str) -> None:
    async with rig() as it:
        client = await it.connect()
        _refused(await client.ask(get(target, method="CONNECT")), 404, b"no_route")


async def test_an_unknown_prefix_goes_to_the_default_upstream() -> None:
    provider = Provider(ok())
    async with rig(provider) as it:
        await it.ask(get("/unknown/v1/x"))

    assert provider.received[0].start == b"GET /unknown/v1/x HTTP/1.1"


async def test_an_app_that_leaves_within_the_head_is_no_request() -> None:
    async with rig() as it:
        for number in (1, 10, 30):
            client: Client = await it.connect()
            await client.send(post()[:number])
            client.close()
            await client.ended()
        assert await it.statuses() == {}
