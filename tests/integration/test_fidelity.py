"""What passes through the sidecar arrives as it would have without it.

Each case is sent twice, to the provider itself and through the sidecar; only hop-by-hop fields,
`Host`, the framing and `x-sidecar-*` may differ.
"""

import pytest

from tests.fakes.raw_server import RawServer
from tests.integration.corpus import ANSWERS, REQUESTS, Answer
from tests.integration.rig import Provider, rig
from tests.integration.wire import Client, Message, get


async def _direct(provider: Provider, request: bytes, method: str = "GET") -> Message:
    async with RawServer(provider) as server:
        client = await Client.connect(server.port)
        try:
            return await client.ask(request, method)
        finally:
            client.close()


@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS)
async def test_a_request_arrives_as_it_was_sent(request_bytes: bytes) -> None:
    direct, through = Provider(), Provider()
    await _direct(direct, request_bytes)
    async with rig(through) as it:
        answer = await it.ask(request_bytes)

    (wanted,), (got,) = direct.received, through.received
    assert answer.status == 200
    assert got.start == wanted.start
    assert got.end_to_end() == wanted.end_to_end()
    assert got.body == wanted.body
    assert got.all("host") == [f"127.0.0.1:{it.provider.port}".encode()]


@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS)
async def test_a_request_has_a_body_exactly_if_it_was_sent_with_one(request_bytes: bytes) -> None:
    direct, through = Provider(), Provider()
    await _direct(direct, request_bytes)
    async with rig(through) as it:
        await it.ask(request_bytes)

    (wanted,), (got,) = direct.received, through.received
    framed = bool(wanted.all("content-length") or wanted.all("transfer-encoding"))
    assert len(got.all("content-length") + got.all("transfer-encoding")) == framed


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_arrives_as_it_was_sent(answer: Answer) -> None:
    request = get(method=answer.method)
    wanted = await _direct(Provider(answer.data, close=answer.close), request, answer.method)
    async with rig(Provider(answer.data, close=answer.close)) as it:
        got = await it.ask(request, answer.method)

    assert (got.status, got.reason) == (wanted.status, wanted.reason)
    assert got.end_to_end() == wanted.end_to_end()
    assert got.body == wanted.body
    assert got.trailers == wanted.trailers
    if wanted.chunks is not None:
        assert got.chunks == wanted.chunks
    assert got.all("content-length") == wanted.all("content-length")
    assert got.all("x-sidecar-attempts") == [b"1"]
    assert [int(value) < 1000 for value in got.all("x-sidecar-queue-ms")] == [True]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_the_app_can_go_on_after_any_answer(answer: Answer) -> None:
    """However the provider framed or ended its answer, the app's own connection stays."""
    async with rig(Provider(answer.data, close=answer.close)) as it:
        client = await it.connect()
        first = await client.ask(get(method=answer.method), answer.method)
        second = await client.ask(get(method=answer.method), answer.method)

    assert (first.status, first.body) == (second.status, second.body)
