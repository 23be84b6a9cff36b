"""What exceeds the limit waits in order, within bounds; who must go is told so politely."""

import asyncio
import json
from typing import Any

import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Held, Provider, Rig, receive, rig, silent
from tests.integration.wire import Client, Message, get, post

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/anthropic/v1/messages"}


def _error(answer: Message) -> Any:
    assert answer.get("content-type") == b"application/json"
    return json.loads(answer.body)


def _has_the_shape_of(dialect: str, answer: Message) -> None:
    """An SDK of that provider can read it, and it says why."""
    document, reason = _error(answer), (answer.get("x-sidecar-reason") or b"").decode()
    error = document["error"]
    assert error["message"]
    if dialect == "anthropic":
        assert document["type"] == "error"
        assert error["type"] in ("api_error", "timeout_error")
        assert error["details"]["error_code"] == reason
    else:
        assert error["type"] == "server_error"
        assert error["code"] == reason


async def _occupy(it: Rig, number: int, path: str = PATHS["openai"]) -> list[Client]:
    """So many requests, in order."""
    clients = []
    for n in range(number):
        client = await it.connect()
        client.post(post(b'{"model":"m","n":%d}' % n, path=path))
        clients.append(client)
        await _arrived(it, n + 1)
    return clients


async def _arrived(it: Rig, number: int) -> None:
    limit = it.sidecar.settings.limit_initial
    await it.in_place(in_flight=min(limit, number), waiting=max(0, number - limit))


async def _leave(it: Rig) -> None:
    for client in it.clients:
        client.close()
    await it.at_rest()


async def test_requests_wait_for_a_place_and_pass_in_order() -> None:
    held = Held()
    async with rig(held, limit_initial=2) as it:
        clients = await _occupy(it, 12)
        assert it.waiting == 10
        held.release.set()
        statuses = [(await client.answer()).status for client in clients]

    assert statuses == [200] * 12
    order = [json.loads(request.body)["n"] for request in held.received]
    assert sorted(order[:2]) == [0, 1]
    assert order[2:] == list(range(2, 12))


async def test_no_more_than_the_limit_are_in_flight_at_once() -> None:
    now = most = 0

    async def script(peer: Peer) -> None:
        nonlocal now, most
        while True:
            await receive(peer)
            now += 1
            most = max(most, now)
            for _ in range(20):
                await asyncio.sleep(0)
            now -= 1
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with rig(script, limit_initial=3) as it:
        clients = [await it.connect() for _ in range(50)]
        for client in clients:
            client.post(post())
        assert [(await client.answer()).status for client in clients] == [200] * 50

    assert most == 3


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_full_queue_refuses_at_once(dialect: str) -> None:
    async with rig(silent, limit_initial=1, queue_size=2) as it:
        await _occupy(it, 3, PATHS[dialect])
        refused = await it.connect()
        async with asyncio.timeout(2):
            answer = await refused.ask(post(path=PATHS[dialect]))

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"queue_full")
        assert 1 <= int(answer.get("retry-after") or 0) <= 60
        assert answer.get("x-should-retry") is None
        assert answer.all("x-sidecar-attempts") == [b"0"]
        assert int(answer.get("x-sidecar-queue-ms") or -1) in range(50)
        _has_the_shape_of(dialect, answer)
        await _leave(it)
        assert (await it.statuses())[f"{dialect},m,shed"] == 1


@pytest.mark.parametrize("dialect", PATHS)
async def test_who_waits_too_long_is_sent_away(dialect: str) -> None:
    async with rig(silent, limit_initial=1, queue_timeout=0.05) as it:
        await _occupy(it, 1, PATHS[dialect])
        answer = await it.ask(post(path=PATHS[dialect]))

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"queue_timeout")
        assert int(answer.get("retry-after") or 0) >= 1
        assert int(answer.get("x-sidecar-queue-ms") or 0) >= 49
        _has_the_shape_of(dialect, answer)
        await _leave(it)


@pytest.mark.parametrize("field", ["x-sidecar-timeout: 0.05", "x-stainless-read-timeout: 0.05"])
@pytest.mark.parametrize("dialect", PATHS)
async def test_a_deadline_passes_in_the_queue(field: str, dialect: str) -> None:
    async with rig(silent, limit_initial=1) as it:
        await _occupy(it, 1, PATHS[dialect])
        answer = await it.ask(post(extra=field.encode() + b"\r\n", path=PATHS[dialect]))

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"deadline")
        assert answer.get("retry-after") is not None
        assert answer.get("x-sidecar-attempts") == b"0"
        _has_the_shape_of(dialect, answer)
        await _leave(it)


async def test_a_deadline_passes_before_the_body_is_there() -> None:
    """Nothing is sent: the provider would be paid for an answer that nobody waits for."""
    provider = Provider()
    async with rig(provider) as it:
        client = await it.connect()
        await client.ask(post())  # there is a connection on which it could be sent at once
        line, _, rest = post(b"hi", extra=b"x-sidecar-timeout: 0.02\r\n").partition(b"\r\n\r\n")
        client.post(line + b"\r\n\r\n")
        await asyncio.sleep(0.05)  # the time that is allowed passes
        answer = await client.ask(rest)

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"deadline")
        assert answer.get("x-sidecar-attempts") == b"0"

    assert len(provider.received) == 1


@pytest.mark.parametrize("field", ["x-sidecar-timeout: 0.05", "x-stainless-read-timeout: 0.05"])
@pytest.mark.parametrize("dialect", PATHS)
async def test_a_deadline_passes_while_the_provider_is_silent(field: str, dialect: str) -> None:
    async with rig(silent) as it:
        answer = await it.ask(post(extra=field.encode() + b"\r\n", path=PATHS[dialect]))
        peer = await it.provider.peer()
        await peer.gone.wait()

        assert (answer.status, answer.get("x-sidecar-reason")) == (504, b"deadline")
        assert answer.get("x-should-retry") == b"false"
        assert answer.get("x-sidecar-attempts") == b"1"
        _has_the_shape_of(dialect, answer)


async def test_a_deadline_ends_with_the_answers_head() -> None:
    """However long the stream then takes."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await go_on.wait()
        await peer.send(b"cd")
        await peer.left()

    async with rig(script) as it:
        client = await it.connect()
        client.post(post(extra=b"x-sidecar-timeout: 0.05\r\n"))
        await client.head()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
        assert await client.reader.readexactly(4) == b"abcd"


async def test_a_shed_is_no_push_back_of_the_provider() -> None:
    async with rig(silent, limit_initial=1, queue_size=0, limit_mode="adaptive") as it:
        await _occupy(it, 1)
        for _ in range(5):
            assert (await it.ask(post())).status == 503
        metrics = await it.metrics()
        await _leave(it)

    assert metrics["ai_api_shed_total{openai,m,queue_full}"] == 5
    assert metrics["ai_api_requests_total{openai,m,shed}"] == 5
    assert metrics["ai_api_concurrency_limit{openai,m}"] == 1
    assert metrics["ai_api_attempts_total{openai,m}"] == 0  # the first one is still under way
    assert metrics["ai_api_rate_limit_hits_total{openai,m}"] == 0
    blamed = ("ai_api_rejections", "ai_api_limit_changes")
    assert not [name for name in metrics if name.startswith(blamed) and metrics[name]]


async def test_models_have_queues_of_their_own() -> None:
    async with rig(silent, limit_initial=1, queue_size=0) as it:
        await _occupy(it, 1)
        assert (await it.ask(post())).status == 503
        other = await it.connect()
        other.post(post(b'{"model":"another"}'))
        await it.in_place(in_flight=2)
        await _leave(it)


async def test_the_sidecars_own_request_fields_are_not_passed_on() -> None:
    own = b"X-Sidecar-Timeout: 9\r\nx-sidecar-priority: high\r\nX-SIDECAR-anything: 1\r\n"
    provider = Provider()
    async with rig(provider) as it:
        await it.ask(get(extra=own + b"X-Other: 1\r\nx-stainless-read-timeout: 600\r\n"))

    names = [name.lower() for name, _ in provider.received[0].fields]
    assert names == [b"host", b"x-other", b"x-stainless-read-timeout"]


async def test_the_time_in_the_queue_is_told() -> None:
    held = Held()
    async with rig(held, limit_initial=1) as it:
        first, second = await _occupy(it, 2)
        asyncio.get_running_loop().call_later(0.1, held.release.set)
        answers = [await first.answer(), await second.answer()]

    waited = [int(answer.get("x-sidecar-queue-ms") or 0) for answer in answers]
    assert waited[0] < 50
    assert waited[1] >= 90


async def test_a_refused_app_may_try_again_on_the_same_connection() -> None:
    held = Held()
    async with rig(held, limit_initial=1, queue_size=0) as it:
        (first,) = await _occupy(it, 1)
        second = await it.connect()
        refused = await second.ask(post())
        held.release.set()
        await first.answer()
        served = await second.ask(post())

    assert (refused.status, served.status) == (503, 200)
