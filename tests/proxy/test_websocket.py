"""What is looked at before a WebSocket is opened; the rest is tested whole, over real ports, in
tests/integration/test_websocket_handshakes.py."""

import asyncio

import pytest
from aiohttp.web import BaseRequest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.proxy.sink import AnsweredResponse, ClientSink
from sidecar.proxy.websocket import model_in_query, wants_websocket
from tests.support import serving, talk


@pytest.mark.parametrize(
    ("target", "model"),
    [
        (b"/v1/realtime?model=gpt-realtime", "gpt-realtime"),
        (b"/v1/realtime?a=b&model=a%2Fb+c&model=d", "a/b c"),
        (b"/v1/realtime?model=caf%C3%A9", "caf\xe9"),
        (b"/v1/realtime?model=", None),
        (b"/v1/realtime?model", None),
        (b"/v1/realtime?Model=x&xmodel=y", None),
        (b"/v1/realtime/model=x", None),
        (b"/v1/responses", None),
        (b"/v1/realtime?" + b"a=1&" * 200 + b"model=x", None),
    ],
)
def test_the_model_is_the_first_that_the_query_names(target: bytes, model: str | None) -> None:
    assert model_in_query(target) == model


@given(st.binary())
def test_no_query_makes_it_stumble(query: bytes) -> None:
    model_in_query(b"/v1?" + query)


async def test_a_server_that_gives_no_connection_away_opens_none() -> None:
    """aiohttp's own, which the sidecar's is not."""
    asked: list[bool] = []

    async def handle(request: BaseRequest) -> AnsweredResponse:
        asked.append(wants_websocket(request))
        return ClientSink(request, asyncio.get_running_loop()).answer(200, b"OK", (), b"")

    handshake = (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    async with serving(handle) as port:
        answer = await talk(port, handshake)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert asked == [False]
