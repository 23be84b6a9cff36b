"""WebSockets: opened or refused, answered in events, echoed, broken, and closed without a trace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, WSServerHandshakeError
from openai import AsyncOpenAI

from sidecar.simulator.plan import CapacityPlan
from sidecar.simulator.scenario import Scenario
from tests.simulator.providing import MODEL, QUICK, Running, running, slots
from tests.support import talk, virtual_time

REALTIME = f"/v1/realtime?model={MODEL}"
RESPOND = {"type": "response.create", "response": {"instructions": "Say hello"}}


@asynccontextmanager
async def opened(
    provider: Running, path: str = REALTIME, **headers: str
) -> AsyncIterator[ClientWebSocketResponse]:
    """A WebSocket to the provider, closed in the end."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with provider.http.ws_connect(provider.url + path, headers=sent) as socket:
        yield socket


async def events(socket: ClientWebSocketResponse, until: str) -> list[dict[str, Any]]:
    """What comes, up to and with an event of this type."""
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["type"] != until:
        seen.append(await socket.receive_json(loads=orjson.loads))
    return seen


async def until_closed(provider: Running) -> None:
    """No WebSocket is open any more."""
    async with asyncio.timeout(10):
        while provider.provider.state()["websockets"]:  # noqa: ASYNC110  # state has no event
            await asyncio.sleep(0)


async def test_a_session_answers_in_events_and_tells_the_usage(quick: Running) -> None:
    async with opened(quick) as socket:
        first = await events(socket, "session.created")
        await socket.send_json(RESPOND)
        said = await events(socket, "response.done")

        assert first[0]["session"]["model"] == MODEL
        kinds = [event["type"] for event in said]
        assert kinds == [
            "response.created",
            *["response.output_text.delta"] * 8,
            "response.output_text.done",
            "response.done",
        ]
        assert quick.provider.state()["websockets"] == 1
    done = said[-1]["response"]
    assert done["output"][0]["content"][0]["text"] == "".join(
        event["delta"] for event in said if event["type"].endswith(".delta")
    )
    assert (done["usage"]["output_tokens"], done["usage"]["total_tokens"]) == (8, 11)
    await until_closed(quick)
    assert quick.model()["finished"] == 1
    billed = quick.model()["billed"]
    assert (billed["input"], billed["output"], billed["calls"]) == (3, 8, 1)


@pytest.mark.parametrize("stops", ["429; retry-after=2", "slow_down", "500"])
async def test_a_handshake_is_refused_like_any_request(quick: Running, stops: str) -> None:
    with pytest.raises(WSServerHandshakeError) as caught:
        async with opened(quick, x_simulate=stops):
            pass

    assert caught.value.status == (500 if stops == "500" else 429)
    headers = {"x-simulate": stops, "connection": "Upgrade", "upgrade": "websocket"}
    async with quick.http.get(quick.url + REALTIME, headers=headers) as response:
        assert "error" in await response.json()
        assert response.headers.get("retry-after") == ("2" if "2" in stops[3:] else None)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/realtime", 400), ("/v1/realtime?model=", 400), ("/v1/chat/completions", 404)],
)
async def test_not_every_path_has_a_websocket(quick: Running, path: str, status: int) -> None:
    with pytest.raises(WSServerHandshakeError) as caught:
        async with opened(quick, path):
            pass

    assert caught.value.status == status


async def test_an_upgrade_without_a_key_is_400(quick: Running) -> None:
    headers = {"connection": "Upgrade", "upgrade": "websocket"}
    async with quick.http.get(quick.url + REALTIME, headers=headers) as response:
        assert response.status == 400


async def test_pings_are_answered_while_an_answer_is_awaited(quick: Running) -> None:
    async with quick.http.ws_connect(
        quick.url + REALTIME, headers={"x-simulate": "ttft=1000"}, autoping=False
    ) as socket:
        await events(socket, "session.created")
        await socket.send_json(RESPOND)
        await quick.until(lambda model: model["in_flight"] == 1)
        await socket.ping(b"there?")

        answer = await socket.receive()

        assert (answer.type, answer.data) == (WSMsgType.PONG, b"there?")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_536, 300_000])
async def test_bytes_are_echoed(quick: Running, size: int) -> None:
    async with opened(quick) as socket:
        await events(socket, "session.created")
        await socket.send_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))

        assert len(await socket.receive_bytes()) == size


_HANDSHAKE = (
    b"GET /v1/realtime?model=sim HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
"""The key and what must come of it are RFC 6455's own example (section 1.3)."""
_NO_MASK = b"\x80\x00\x00\x00\x00"
"""What a client's frame without a payload has behind its first byte."""


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b"\x88\x82\x00\x00\x00\x00\x03\xe8", b"\x88\x02\x03\xe8"),  # 1000: closed as agreed
        (b"\xf3" + _NO_MASK, b"\x88\x02\x03\xea"),  # 1002: that is no frame
        (b"\x89" + _NO_MASK + b"\x88" + _NO_MASK, b"\x8a\x00\x88\x02\x03\xe8"),  # ping, then close
    ],
)
async def test_a_close_is_answered_and_ends_the_connection(
    quick: Running, frame: bytes, answer: bytes
) -> None:
    received = await talk(quick.port, _HANDSHAKE, frame)

    head, _, frames = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert b"session.created" in frames
    assert frames.endswith(answer)
    await until_closed(quick)


async def test_nonsense_is_told_and_the_conversation_goes_on(quick: Running) -> None:
    async with opened(quick) as socket:
        await events(socket, "session.created")
        for text in ("{", "[]", '{"type":"nonsense"}', '{"type":"response.create","response":1}'):
            await socket.send_str(text)
            (error,) = await events(socket, "error")
            assert error["error"]["type"] == "invalid_request_error"
        await socket.send_json(RESPOND)

        assert (await events(socket, "response.done"))[-1]["response"]["status"] == "completed"


async def test_an_answer_that_finds_no_place_is_an_event_and_the_next_may_find_one() -> None:
    async with (
        running(Scenario(title="x", service=QUICK, capacity=slots(1))) as provider,
        asyncio.TaskGroup() as group,
    ):
        occupant = group.create_task(provider.chat(x_simulate="hang"))
        await provider.until(lambda model: model["in_flight"] == 1)
        async with opened(provider) as socket:
            await events(socket, "session.created")
            await socket.send_json(RESPOND)
            (error,) = await events(socket, "error")
            occupant.cancel()
            await provider.until(lambda model: model["in_flight"] == 0)
            await socket.send_json(RESPOND)
            await events(socket, "response.done")

        assert error["error"]["code"] == "rate_limit_exceeded"
        assert provider.model()["rejected"] == {"429": 1}


async def test_an_answer_waits_for_its_turn() -> None:
    plan: CapacityPlan = slots(1, queue=None)
    async with (
        running(Scenario(title="x", service=QUICK, capacity=plan)) as provider,
        asyncio.TaskGroup() as group,
    ):
        occupant = group.create_task(provider.chat(x_simulate="hang"))
        await provider.until(lambda model: model["in_flight"] == 1)
        async with opened(provider) as socket:
            await events(socket, "session.created")
            await socket.send_json(RESPOND)
            await provider.until(lambda model: model["waiting"] == 1)
            occupant.cancel()

            assert len(await events(socket, "response.done")) == 11


@virtual_time
async def test_words_keep_their_pace() -> None:
    clock = asyncio.get_running_loop().time
    async with (
        running() as provider,
        opened(provider, x_simulate="ttft=1; total=4; tokens=4") as socket,
    ):
        await events(socket, "session.created")
        began = clock()
        await socket.send_json(RESPOND)
        due = []
        for _ in range(6):
            await socket.receive()
            due.append(round(clock() - began, 1))

    assert due == [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("directive", ["ttft=1000", "hang-mid-stream"])
async def test_a_client_that_leaves_frees_its_place_at_once(
    quick: Running, how: str, directive: str
) -> None:
    async with opened(quick, x_simulate=directive) as socket:
        await events(socket, "session.created")
        await socket.send_json(RESPOND)
        await quick.until(lambda model: model["in_flight"] == 1)
        if how == "abort":
            connection = socket._response.connection
            assert connection
            assert connection.transport
            connection.transport.abort()
    await quick.until(lambda model: model["in_flight"] == 0)

    assert quick.model()["cancelled"] == 1
    await until_closed(quick)


@pytest.mark.parametrize("fault", ["truncate", "reset-mid-stream"])
async def test_a_conversation_breaks_in_the_middle_of_an_answer(quick: Running, fault: str) -> None:
    async with opened(quick, x_simulate=f"{fault}; after=2") as socket:
        await events(socket, "session.created")
        await socket.send_json(RESPOND)
        seen = [message async for message in socket]

    assert socket.close_code == WSCloseCode.ABNORMAL_CLOSURE
    texts = [message for message in seen if message.type is WSMsgType.TEXT]
    assert len(texts) <= 3
    await until_closed(quick)
    assert quick.model()["broken"] + quick.model()["cancelled"] == 1


@pytest.mark.parametrize("fault", ["close-before-head", "reset-before-head", "garbage"])
async def test_a_handshake_can_break(quick: Running, fault: str) -> None:
    with pytest.raises(Exception, match=r"(?i)disconnect|reset|400|bad"):
        async with opened(quick, x_simulate=fault):
            pass


async def test_an_error_in_mid_answer_is_an_event(quick: Running) -> None:
    async with opened(quick, x_simulate="error-in-stream; after=1") as socket:
        await events(socket, "session.created")
        await socket.send_json(RESPOND)
        seen = await events(socket, "error")

        assert [event["type"] for event in seen] == [
            "response.created",
            "response.output_text.delta",
            "error",
        ]
        assert seen[-1]["error"]["code"] == "server_is_overloaded"


async def test_a_stopped_provider_drops_conversations(quick: Running) -> None:
    async with opened(quick) as socket:
        await events(socket, "session.created")
        await quick.provider.stop()
        message = await socket.receive()

    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR)


async def test_openais_sdk_holds_a_realtime_session(openai: AsyncOpenAI) -> None:
    async with openai.realtime.connect(model=MODEL) as connection:
        created = await connection.recv()
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hello there"}],
            }
        )
        await connection.response.create()
        seen = [event async for event in _until(connection, "response.done")]

    assert created.type == "session.created"
    assert seen[-1].response.usage.output_tokens == 8


async def test_openais_sdk_asks_for_responses(openai: AsyncOpenAI) -> None:
    async with openai.responses.connect() as connection:
        await connection.response.create(model=MODEL, input="Hello")
        seen = [event async for event in _until(connection, "response.completed")]

    assert [event.type for event in seen][:2] == ["response.created", "response.in_progress"]
    assert seen[-1].response.usage.output_tokens == 8


async def _until(connection: Any, kind: str) -> AsyncIterator[Any]:
    async for event in connection:
        yield event
        if event.type == kind:
            return


async def test_a_broken_answer_is_billed_as_far_as_it_came(quick: Running) -> None:
    async with opened(quick, x_simulate="error-in-stream; after=3; tokens=9") as socket:
        await events(socket, "session.created")
        await socket.send_json(RESPOND)
        await events(socket, "error")
        await quick.until(lambda model: model["broken"] == 1)

    unfinished = quick.model()["billed_unfinished"]
    assert (unfinished["input"], unfinished["output"], unfinished["calls"]) == (3, 3, 1)
