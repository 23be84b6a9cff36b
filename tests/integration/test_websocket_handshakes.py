"""A handshake passes like a request, its refusal like an answer; what is none is never tunnelled."""

import json
from collections.abc import Callable

import pytest

from tests.fakes.raw_server import Peer, in_turn
from tests.integration.rig import Provider, Rig, eventually, gone, receive, rig, silent
from tests.integration.sockets import (
    KEY,
    SWITCH,
    UPGRADE,
    Accepting,
    ending,
    handshake,
    open_sockets,
    opened,
)
from tests.integration.wire import Client, Message, fields_of, get, ok, post

LIMITED = ok(
    b'{"error":{"code":"rate_limit_exceeded"}}',
    extra=b"Retry-After: 7\r\nX-dup: 1\r\nX-Dup: 2\r\n",
    status=b"429 Slow Down",
)


def untouched(message: Message) -> tuple[tuple[bytes, bytes], ...]:
    """The fields but those of one hop, and ours."""
    hop = (b"host", b"connection", b"upgrade")
    return tuple(
        field
        for field in message.fields
        if field[0].lower() not in hop and not field[0].startswith(b"x-sidecar-")
    )


async def test_every_field_of_a_handshake_and_its_answer_passes() -> None:
    script = Accepting()
    secret = b"Authorization: Bearer sk\r\nx-sidecar-timeout: 5\r\nCookie: a=b\r\ncookie: c\r\n"
    async with rig(script) as it, ending(it, script):
        app = await it.connect()
        app.post(handshake("/v1/realtime?model=gpt%2Drt&x=%2F", fields=UPGRADE + secret))
        answer = await app.head()

        asked = script.heads[0]
        assert asked.start == b"GET /v1/realtime?model=gpt%2Drt&x=%2F HTTP/1.1"
        assert untouched(asked) == fields_of(
            (b"Authorization: Bearer sk\r\nCookie: a=b\r\ncookie: c\r\n" + KEY).split(b"\r\n")[:-1]
        )
        assert asked.all("host") == [it.provider.origin.host_header]
        assert (asked.all("connection"), asked.all("upgrade")) == ([b"Upgrade"], [b"websocket"])
        assert answer.start == b"HTTP/1.1 101 Fine With Me"
        assert untouched(answer) == fields_of(SWITCH.split(b"\r\n")[3:-2])
        assert (answer.all("connection"), answer.all("upgrade")) == ([b"Upgrade"], [b"websocket"])
        assert answer.get("x-sidecar-attempts") == b"1"


@pytest.mark.parametrize(
    "fields",
    [
        b"connection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\n",
        b"Upgrade:websocket\r\nConnection: x\r\nConnection: upgrade\r\n",
        UPGRADE + b"Content-Length: 0\r\n",
    ],
)
async def test_a_handshake_may_be_written_otherwise(fields: bytes) -> None:
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script, handshake(fields=fields))

        await it_is.passes()
        assert script.heads[0].get("content-length") is None


@pytest.mark.parametrize(
    "data",
    [
        handshake(fields=b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"),
        handshake(fields=b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"),
        handshake(fields=b"Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"),
        handshake(fields=UPGRADE + b"Upgrade: h2c\r\n"),
        handshake(fields=UPGRADE + b"Upgrade: websocket\r\n"),
        handshake(fields=b"Connection: Upgrade\r\nUpgrade: websocket/13\r\n"),
        handshake(fields=b"Upgrade: websocket\r\n"),
        handshake(fields=b"Connection: Upgrade\r\n"),
        handshake(fields=UPGRADE, method="POST"),
        handshake(fields=UPGRADE, method="HEAD"),
        handshake(fields=UPGRADE + b"Content-Length: 3\r\n") + b"abc",
        handshake(fields=UPGRADE + b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
        handshake().replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Upgrade\r\n", b"Upgrade,keep-alive\r\n"),
    ],
    ids=[
        "h2c", "a list", "a list the other way round", "two", "twice the same", "a version",
        "no Connection", "no Upgrade", "POST", "HEAD", "a body", "chunks", "HTTP/1.0",
    ],
)  # fmt: skip
async def test_what_is_no_handshake_is_a_request_like_any_other(data: bytes) -> None:
    """What follows it is read as HTTP, on both sides.

    (Not in the same segment: aiohttp loses what is pipelined behind an upgrade that it does not know.)
    """
    provider = Provider()
    method = data.split(b" ")[0].decode()
    async with rig(provider) as it:
        app = await it.connect()
        assert (await app.ask(data, method)).status == 200
        assert (await app.ask(get("/v1/behind"))).status == 200

        assert [m.start.split(b" ")[1] for m in provider.received][-1] == b"/v1/behind"
        assert len(provider.received) == 2
        assert provider.received[0].get("upgrade") is None
        assert b"upgrade" not in (provider.received[0].get("connection") or b"").lower()
        assert it.sidecar.websockets.opened.total() == 0


async def test_a_handshake_pipelined_behind_does_not_make_one_of_what_is_none() -> None:
    """aiohttp has stopped reading HTTP when the first is served, but because of the second."""
    script, heads = Accepting(), []

    async def provider(peer: Peer) -> None:
        if peer.number == 0:
            heads.append(await receive(peer))
            await peer.send(ok(extra=b"Connection: close\r\n"))
            peer.close()
        else:
            await script(peer)

    async with rig(provider) as it, ending(it, script):
        app = await it.connect()
        app.post(handshake("/first", fields=b"Upgrade: websocket\r\n") + handshake())
        assert (await app.answer()).status == 200
        assert (await app.head()).status == 101

        assert heads[0].get("upgrade") is None
        assert script.heads[0].get("upgrade") == b"websocket"


async def test_a_101_to_what_was_no_handshake_is_an_error() -> None:
    async with rig(Provider(SWITCH + b"bytes", close=True)) as it:
        app = await it.connect()
        answer = await app.ask(handshake(fields=b"Connection: Upgrade\r\nUpgrade: h2c\r\n"))

        assert (answer.status, answer.get("x-sidecar-reason")) == (502, b"upstream_protocol")


# Refusals


async def test_a_refusal_passes_unchanged() -> None:
    provider = Provider(LIMITED, ok())
    async with rig(provider, limit_mode="adaptive") as it:
        app = await it.connect()
        answer = await app.ask(handshake())

        assert answer.start == b"HTTP/1.1 429 Slow Down"
        assert answer.body == b'{"error":{"code":"rate_limit_exceeded"}}'
        assert answer.all("x-dup") == [b"1", b"2"]
        assert answer.get("retry-after") == b"7"
        assert (await app.ask(get())).status == 200  # on the same connections
        assert len(it.provider.peers) == 1
        assert len(provider.received) == 2


async def test_a_refusal_is_not_the_limits_business() -> None:
    async with rig(Provider(LIMITED), limit_mode="adaptive") as it:
        app = await it.connect()
        for _ in range(20):
            assert (await app.ask(handshake())).status == 429
        metrics = await it.metrics()

        assert metrics["ai_api_requests_total{openai,m,rate_limited}"] == 20
        assert not list(it.sidecar.pool)
        assert not [name for name in metrics if name.startswith("ai_api_limit_changes")]


async def test_a_refusal_in_chunks_and_a_request_behind_it() -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n3\r\npe!\r\n0\r\n\r\n"
    provider = Provider(refusal, ok())
    async with rig(provider) as it:
        app = await it.connect()
        app.post(handshake() + post())
        answer = await app.answer()

        assert (answer.status, answer.chunks) == (403, (b"no", b"pe!"))
        assert (await app.answer()).status == 200
        assert provider.received[1].body == b'{"model":"m"}'


async def test_frames_behind_a_refused_handshake_are_no_request() -> None:
    async with rig(Provider(LIMITED)) as it:
        app = await it.connect()
        app.post(handshake() + b"\x81\x85\x01\x02\x03\x04frame")
        assert (await app.answer()).status == 429

        assert (await app.answer()).status == 400
        assert await app.ended() == b""


async def test_an_answer_that_grants_nothing_passes() -> None:
    async with rig(Provider(ok(b"page"))) as it:
        answer = await it.ask(handshake())

        assert (answer.status, answer.body) == (200, b"page")


async def test_a_refusal_that_breaks_off_is_cut_off() -> None:
    whole = ok(b"0123456789", status=b"503 Busy")
    async with rig(Provider(whole[:-5], close=True)) as it:
        app = await it.connect()
        app.post(handshake())

        assert (await app.head()).status == 503
        assert await app.ended() == b"01234"


# Failures


async def _fails(it: Rig, status: int, reason: bytes, data: bytes | None = None) -> None:
    answer = await it.ask(data or handshake())
    assert (answer.status, answer.get("x-sidecar-reason")) == (status, reason)
    assert json.loads(answer.body)["error"]["code"] == reason.decode()
    assert open_sockets(it) == 0


async def test_a_provider_that_cannot_be_reached() -> None:
    async with rig(upstream_urls="openai=http://127.0.0.1:9") as it:
        await _fails(it, 502, b"upstream_connect")


async def test_a_provider_that_never_answers() -> None:
    async with rig(silent, upstream_read_timeout=0.1) as it:
        await _fails(it, 504, b"upstream_timeout")
        await gone(await it.provider.peer())


async def test_an_app_that_waits_no_longer() -> None:
    async with rig(silent) as it:
        await _fails(
            it, 504, b"deadline", handshake(fields=UPGRADE + b"x-sidecar-timeout: 0.1\r\n")
        )
        await gone(await it.provider.peer())


@pytest.mark.parametrize(
    "answer",
    [
        SWITCH.replace(b"WebSocket", b"h2c"),
        SWITCH.replace(b"upgrade: WebSocket\r\n", b""),
        SWITCH.replace(b"CONNECTION: upgrade\r\n", b""),
        SWITCH.replace(b"HTTP/1.1", b"HTTP/1.0"),
        SWITCH[:40],
        b"no HTTP\r\n\r\n",
    ],
    ids=["h2c", "no Upgrade", "no Connection", "HTTP/1.0", "half a head", "no HTTP"],
)
async def test_a_provider_that_answers_otherwise_than_agreed(answer: bytes) -> None:
    async with rig(Provider(answer, close=True)) as it:
        await _fails(it, 502, b"upstream_protocol")


async def test_a_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    script = Accepting()

    async def closes(peer: Peer) -> None:
        await receive(peer)
        await peer.send(ok())
        await peer.request()
        peer.close()

    async with rig(in_turn(closes, script)) as it, ending(it, script):
        await it.ask(get())
        it_is = await opened(it, script)

        await it_is.passes()


@pytest.mark.parametrize("leave", [Client.close, Client.reset], ids=["fin", "reset"])
async def test_an_app_that_leaves_during_the_handshake(leave: Callable[[Client], None]) -> None:
    async with rig(silent) as it:
        app = await it.connect()
        app.post(handshake() + b"frame")
        peer = await it.provider.peer()
        await eventually(lambda: it.sidecar.activity.open_requests)
        leave(app)

        await gone(peer)
        await it.at_rest()
        assert await it.statuses() == {"openai,m,cancelled": 1}


# The ceiling


async def test_beyond_the_ceiling_handshakes_are_refused() -> None:
    script = Accepting()
    async with rig(script, websockets_max=2) as it, ending(it, script):
        first, second = [await opened(it, script) for _ in range(2)]
        answer = await it.ask(handshake())

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"websockets_full")
        assert answer.get("retry-after") == b"1"
        assert json.loads(answer.body)["error"]["code"] == "websockets_full"
        assert len(it.provider.peers) == 2
        assert it.shed("websockets_full") == 1
        await opened(it, script, handshake("/anthropic/v1/realtime"))  # each upstream has its own
        assert (await it.ask(handshake())).status == 503

        first.app.close()
        first.provider.end()
        await eventually(lambda: open_sockets(it) == 2)
        await (await opened(it, script)).passes()
        await second.passes()


async def test_handshakes_under_way_count() -> None:
    async with rig(silent, websockets_max=1) as it:
        app = await it.connect()
        app.post(handshake())
        await it.provider.peer()
        assert (await it.ask(handshake())).status == 503
        app.close()


async def test_refused_ones_give_their_place_back() -> None:
    async with rig(Provider(LIMITED), websockets_max=1) as it:
        for _ in range(3):
            assert (await it.ask(handshake())).status == 429


async def test_none_at_all() -> None:
    async with rig(websockets_max=0) as it:
        assert (await it.ask(handshake())).status == 503
        assert it.provider.peers == []


# Counted apart


async def test_they_take_no_place_and_no_part_in_the_latency() -> None:
    script = Accepting()

    async def provider(peer: Peer) -> None:
        await (Provider() if peer.number else script)(peer)

    async with rig(provider, limit_initial=1, queue_size=0) as it, ending(it, script):
        await opened(it, script)
        assert it.in_flight == 0
        assert (await it.ask(post())).status == 200  # the only place is free
        metrics = await it.metrics()

        assert metrics["ai_api_active_concurrency{openai,m}"] == 0
        assert it.sidecar.websockets.open == {("openai", "m"): 1}


async def test_open_ones_are_counted_by_upstream_and_model() -> None:
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        paths = (
            "/v1/realtime?model=gpt-rt",
            "/v1/realtime?a=1&model=gpt-rt&model=x",
            "/v1/responses",
            "/anthropic/v1/x?model=",
        )
        sockets = [await opened(it, script, handshake(path)) for path in paths]
        counted = {("openai", "gpt-rt"): 2, ("openai", "other"): 1, ("anthropic", "other"): 1}
        assert it.sidecar.websockets.open == counted
        metrics = await it.metrics()
        assert metrics["ai_api_websockets_open{openai,gpt-rt}"] == 2

        for it_is in sockets:
            it_is.app.reset()
        await eventually(lambda: open_sockets(it) == 0)
        assert it.sidecar.websockets.opened == counted
        await it.at_rest()
        assert await it.statuses() == {
            "openai,gpt-rt,ok": 2, "openai,other,ok": 1, "anthropic,other,ok": 1,
        }  # fmt: skip
        metrics = await it.metrics()
        assert metrics["ai_api_websockets_open{openai,gpt-rt}"] == 0
        assert metrics["ai_api_websockets_opened_total{openai,gpt-rt}"] == 2
        assert not [name for name in metrics if name.startswith("ai_api_latency_seconds")]
