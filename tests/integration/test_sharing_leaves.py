"""Whoever leaves a shared call leaves it to the rest; the last one to leave ends it."""

import asyncio
from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.fakes.raw_server import Peer
from tests.integration.rig import Held, eventually, gone, receive, rig, silent, was_cancelled
from tests.integration.sdks import base, openai_sdk
from tests.integration.sharing import askers, embed, joined
from tests.integration.wire import LAST_CHUNK, STREAM, Client, chunk, get, ok, post
from tests.support import settle, virtual_time

ANSWER = b'{"data":[{"embedding":[0.1,0.2]}]}'
WAYS: list[Callable[[Client], None]] = [Client.close, Client.reset]
leaving = pytest.mark.parametrize("leave", WAYS, ids=["fin", "reset"])


@leaving
async def test_the_first_one_leaves_while_queued(leave: Callable[[Client], None]) -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe", limit_initial=1) as it:
        (await it.connect()).post(post())
        await it.in_place(in_flight=1)
        first, *others = await askers(it, 3)
        await it.in_place(in_flight=1, waiting=1)

        leave(first)

        await joined(it, 2)
        assert it.waiting == 1
        held.release.set()
        assert [(await client.answer()).body for client in others] == [ANSWER] * 2
        assert (await it.clients[0].answer()).status == 200
        await was_cancelled(it)
        assert len(held.received) == 2


@leaving
async def test_the_first_one_leaves_before_the_head(leave: Callable[[Client], None]) -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        first, *others = await askers(it, 3)
        await it.in_place(in_flight=1)

        leave(first)

        await joined(it, 2)
        held.release.set()
        answers = [await client.answer() for client in others]
        assert [answer.body for answer in answers] == [ANSWER] * 2
        assert len(held.received) == 1
        await was_cancelled(it)


@leaving
async def test_the_first_one_leaves_in_mid_body(leave: Callable[[Client], None]) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(STREAM + chunk(b"one"))
        await go_on.wait()
        await peer.send(chunk(b"two") + LAST_CHUNK)
        await peer.left()

    async with rig(script, dedup_mode="safe") as it:
        first, *others = await askers(it, 3)
        for client in it.clients:
            assert (await client.head()).status == 200
            assert await client.chunk() == b"one"

        leave(first)

        await joined(it, 2)
        go_on.set()
        for client in others:
            assert [await client.chunk(), await client.chunk()] == [b"two", b""]
        await was_cancelled(it)


@leaving
@pytest.mark.parametrize("readers", [1, 3])
async def test_when_all_leave_while_queued_nothing_is_sent(
    leave: Callable[[Client], None], readers: int
) -> None:
    held = Held()
    async with rig(held, dedup_mode="safe", limit_initial=1) as it:
        (await it.connect()).post(post())
        await it.in_place(in_flight=1)
        clients = await askers(it, readers)
        await it.in_place(in_flight=1, waiting=1)
        for client in clients:
            leave(client)
        await it.in_place(in_flight=1)
        held.release.set()
        await it.clients[0].answer()
        await was_cancelled(it, among=readers)

    assert len(held.received) == 1


@leaving
@pytest.mark.parametrize("readers", [1, 3])
@pytest.mark.parametrize("beginning", [b"", STREAM, STREAM + chunk(b"one")])
async def test_when_all_leave_the_call_ends_at_once(
    leave: Callable[[Client], None], readers: int, beginning: bytes
) -> None:
    async def script(peer: Peer) -> None:
        await receive(peer)
        await peer.send(beginning)
        await peer.left()

    async with rig(script, dedup_mode="safe") as it:
        clients = await askers(it, readers)
        peer = await it.provider.peer()
        await it.in_place(in_flight=1)
        for client in clients:
            if beginning:
                await client.head()
            leave(client)

        await gone(peer)
        await was_cancelled(it, among=readers)


async def test_who_comes_in_the_tick_in_which_the_last_one_leaves_gets_a_call_of_its_own() -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        (client,) = await askers(it, 1)
        await it.in_place(in_flight=1)
        newcomer = await it.connect()
        await settle()
        newcomer.post(embed())
        client.reset()
        await eventually(lambda: it.sidecar.activity.open_requests == 1)
        held.release.set()

        assert (await newcomer.answer()).body == ANSWER


async def test_the_only_one_leaves_in_the_tick_of_the_head() -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        for _ in range(20):
            (client,) = await askers(it, 1)
            await it.in_place(in_flight=1)
            held.release.set()
            client.reset()
            await it.at_rest()
            held.release.clear()


@pytest.mark.parametrize("ticks", range(8))
async def test_leaving_and_joining_around_the_answer(ticks: int) -> None:
    """Whatever comes first: who stays gets a whole answer, and nothing is left."""
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        clients = await askers(it, 3)
        late = await it.connect()
        await it.in_place(in_flight=1)
        held.release.set()
        for _ in range(ticks):
            await asyncio.sleep(0)
        clients[0].reset()
        clients[1].close()
        late.post(embed())

        assert (await clients[2].answer()).body == ANSWER
        assert (await late.answer()).body == ANSWER


# -- deadlines ------------------------------------------------------------------------------------


async def test_every_request_keeps_its_own_deadline() -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        hasty = embed(extra=b"x-sidecar-timeout: 0.05\r\n")
        first, second, patient = [
            (await askers(it, 1, request))[0] for request in (hasty, hasty, embed())
        ]
        for client, attempts in ((first, b"1"), (second, b"0")):
            answer = await client.answer()
            assert (answer.status, answer.get("x-sidecar-reason")) == (504, b"deadline")
            assert answer.get("x-should-retry") == b"false"
            assert answer.get("x-sidecar-attempts") == attempts
        held.release.set()
        assert (await patient.answer()).body == ANSWER


async def test_the_last_deadline_ends_the_call() -> None:
    async with rig(silent, dedup_mode="safe") as it:
        (client,) = await askers(it, 1, embed(extra=b"x-sidecar-timeout: 0.05\r\n"))
        answer = await client.answer()

        assert (answer.status, answer.get("x-sidecar-reason")) == (504, b"deadline")
        await gone(await it.provider.peer())


async def test_a_deadline_passes_in_the_queue() -> None:
    async with rig(silent, dedup_mode="safe", limit_initial=1) as it:
        (await it.connect()).post(post())
        await it.in_place(in_flight=1)
        for field in (b"x-sidecar-timeout", b"x-stainless-read-timeout"):
            (client,) = await askers(it, 1, embed(extra=field + b": 0.05\r\n"))
            answer = await client.answer()

            assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"deadline")
            assert answer.get("x-should-retry") is None
            assert answer.get("x-sidecar-attempts") == b"0"
            await it.in_place(in_flight=1)  # nobody waits for a retry in the queue
        it.clients[0].close()


async def test_too_late_from_the_start_nothing_is_sent() -> None:
    provider = Held()
    provider.release.set()
    async with rig(provider, dedup_mode="safe") as it:
        client = await it.connect()
        await client.ask(
            get("/v1/other")
        )  # there is a connection on which it could be sent at once
        line, _, rest = embed(extra=b"x-sidecar-timeout: 0.02\r\n").partition(b"\r\n\r\n")
        client.post(line + b"\r\n\r\n")
        await asyncio.sleep(0.05)  # the time that is allowed passes
        answer = await client.ask(rest)

        assert (answer.status, answer.get("x-sidecar-reason")) == (503, b"deadline")
        assert len(it.sidecar.services.shared) == 0

    assert len(provider.received) == 1


# -- an SDK comes back ----------------------------------------------------------------------------

SDK = b"x-stainless-read-timeout: 60\r\nx-stainless-retry-count: %d\r\n"


@virtual_time
async def test_an_sdk_that_was_told_of_its_timeout_joins_its_own_call() -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        client = await it.connect()
        answer = await client.ask(embed(extra=SDK % 0))
        assert (answer.status, answer.get("x-sidecar-reason")) == (504, b"deadline")
        assert answer.get("x-should-retry") is None
        await asyncio.sleep(0.5)
        client.post(embed(extra=SDK % 1))
        await joined(it, 1)
        held.release.set()
        answer = await client.answer()

        assert (answer.body, answer.get("x-sidecar-shared")) == (ANSWER, b"call")
        assert len(held.received) == 1
        assert it.provider.peers[0].gone.is_set() is False


@virtual_time
async def test_an_sdk_that_left_by_itself_joins_its_own_call() -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        (client,) = await askers(it, 1, embed(extra=SDK % 3))
        await asyncio.sleep(55)
        client.close()
        await joined(it, 0)
        await asyncio.sleep(4.5)
        assert it.in_flight == 1
        (again,) = await askers(it, 1, embed(extra=SDK % 4))
        held.release.set()

        assert (await again.answer()).body == ANSWER
        assert len(held.received) == 1


@virtual_time
async def test_an_answer_that_comes_between_two_tries_waits_for_the_second() -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        client = await it.connect()
        assert (await client.ask(embed(extra=SDK % 0))).status == 504
        held.release.set()
        await it.in_place(in_flight=0)
        await asyncio.sleep(0.5)
        answer = await client.ask(embed(extra=SDK % 1))
        assert (answer.body, answer.get("x-sidecar-shared")) == (ANSWER, b"call")
        await it.at_rest()
        assert (await client.ask(embed(extra=SDK % 1))).get("x-sidecar-shared") is None

        assert len(held.received) == 2


@virtual_time
async def test_a_failure_between_two_tries_is_not_what_the_second_gets() -> None:
    held = Held(ok(b"{}", status=b"500 Broken"))
    async with rig(held, dedup_mode="safe") as it:
        client = await it.connect()
        assert (await client.ask(embed(extra=SDK % 0))).status == 504
        held.release.set()
        await it.at_rest()
        await client.ask(embed(extra=SDK % 1))

        assert len(held.received) == 2


@virtual_time
@pytest.mark.parametrize(("tries", "seconds"), [(0, 1.5), (2, 3.0), (9, 9.0)])
async def test_the_call_ends_when_nobody_comes_back(tries: int, seconds: float) -> None:
    async with rig(silent, dedup_mode="safe") as it:
        client = await it.connect()
        assert (await client.ask(embed(extra=SDK % tries))).status == 504
        await asyncio.sleep(seconds - 0.1)
        assert it.in_flight == 1
        await asyncio.sleep(0.2)
        assert it.in_flight == 0
        assert len(it.sidecar.services.shared) == 0


@virtual_time
async def test_who_comes_back_and_leaves_early_ends_the_call() -> None:
    async with rig(silent, dedup_mode="safe") as it:
        client = await it.connect()
        assert (await client.ask(embed(extra=SDK % 0))).status == 504
        (again,) = await askers(it, 1, embed(extra=SDK % 1))
        await asyncio.sleep(10)
        again.close()
        await it.in_place(in_flight=0)


@virtual_time
async def test_an_app_that_leaves_long_before_its_timeout_is_not_waited_for() -> None:
    async with rig(silent, dedup_mode="safe") as it:
        (client,) = await askers(it, 1, embed(extra=SDK % 0))
        await asyncio.sleep(50)
        client.close()
        await it.in_place(in_flight=0)


@virtual_time
async def test_a_retry_is_not_waited_for_in_the_queue() -> None:
    """Nothing is paid for yet, and nobody may hold others up for it."""
    async with rig(silent, dedup_mode="safe", limit_initial=1, queue_timeout=300) as it:
        (await it.connect()).post(post())
        await it.in_place(in_flight=1)
        (client,) = await askers(it, 1, embed(extra=SDK % 0))
        await it.in_place(in_flight=1, waiting=1)
        await asyncio.sleep(55)
        client.close()
        await it.in_place(in_flight=1, waiting=0)
        assert len(it.sidecar.services.shared) == 0
        it.clients[0].close()


@virtual_time
async def test_an_app_that_leaves_in_mid_body_is_not_waited_for() -> None:
    async def script(peer: Peer) -> None:
        await receive(peer)
        await asyncio.sleep(50)
        await peer.send(STREAM + chunk(b"one"))
        await peer.left()

    async with rig(script, dedup_mode="safe") as it:
        (client,) = await askers(it, 1, embed(extra=SDK % 0))
        assert (await client.head()).status == 200
        await asyncio.sleep(9)
        client.close()
        await it.in_place(in_flight=0)


@virtual_time
async def test_flights_that_wait_for_a_retry_end_with_the_sidecar() -> None:
    held = Held(ok(ANSWER))
    async with rig(held, dedup_mode="safe") as it:
        waiting, done = await it.connect(), await it.connect()
        assert (await done.ask(embed(b'{"n":1}', extra=SDK % 9))).status == 504
        held.release.set()
        await it.in_place(in_flight=0)
        held.release.clear()
        assert len(it.sidecar.services.shared) == 1
        waiting.post(embed(extra=SDK % 9))
        await joined(it, 1)

        await it.sidecar.services.shared.close()

        assert (await waiting.answer()).status == 503
        assert len(it.sidecar.services.shared) == 0


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_openais_sdk_gets_the_answer_of_its_first_try_on_its_second(face: str) -> None:
    held = Held(ok(b'{"object":"list","model":"m","data":[{"index":0,"embedding":"AACAPw=="}]}'))
    async with rig(held, dedup_mode="safe") as it:
        options: dict[str, Any] = {"timeout": 0.3, "max_retries": 2}
        async with openai_sdk(base(it), face, **options) as sdk:
            asked = asyncio.get_running_loop().create_task(
                sdk(lambda client: client.embeddings.create(model="m", input="hello"))
            )
            await joined(it, 1)
            await eventually(lambda: it.sidecar.services.shared.readers == 0)
            await joined(it, 1)
            held.release.set()
            answer = await asked

        assert answer.data[0].embedding == [1.0]
        assert len(held.received) == 1
        assert (await it.metrics())["ai_api_client_retries_total{openai,m}"] == 1


async def test_openais_sdk_that_gives_up_ends_the_call() -> None:
    async with rig(silent, dedup_mode="safe") as it:
        async with openai_sdk(base(it), "async", timeout=0.2) as sdk:
            with pytest.raises(openai.InternalServerError):
                await sdk(lambda client: client.embeddings.create(model="m", input="hello"))
        await gone(await it.provider.peer())
        await it.at_rest()
