"""Of calls with the same cold prompt prefix one goes ahead and pays for writing it to the cache."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sidecar.simulator.scenario import Scenario
from sidecar.simulator.server import SimulatedProvider
from tests.fakes.raw_server import Peer
from tests.integration.rig import SOON, Rig, eventually, receive, rig
from tests.integration.sdks import HELLO, MODEL, Sdk, anthropic_sdk, base, openai_sdk
from tests.integration.wire import STREAM, Client, Message, chunk, ok, post
from tests.simulator.providing import QUICK

CROWD = 50
SLOWLY = {"x-simulate": "ttft=0.5; total=0.6"}
"""Slow enough for all the others to arrive before its first byte."""

SYSTEM = [{"type": "text", "text": "Judge this. " * 300, "cache_control": {"type": "ephemeral"}}]


@asynccontextmanager
async def before_a_provider(*, leader_first: bool) -> AsyncIterator[tuple[Rig, SimulatedProvider]]:
    """A sidecar with room for everybody before a simulated provider."""
    provider = SimulatedProvider(Scenario(title="quick", service=QUICK))
    url = f"http://127.0.0.1:{await provider.start()}"
    try:
        async with rig(
            upstream_urls=f"anthropic={url}/anthropic,openai={url}/openai",
            prompt_cache_leader_first=leader_first,
            limit_initial=CROWD,
        ) as it:
            yield it, provider
    finally:
        await provider.stop()


async def _message(sdk: Sdk, number: int, **more: Any) -> Any:
    """One message; its prompt differs from the others only behind the prefix."""
    asked = {
        "model": MODEL,
        "max_tokens": 8,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": f"Case {number}"}],
        "extra_headers": SLOWLY,
        **more,
    }
    return (await sdk(lambda client: client.messages.create(**asked))).usage


async def _streamed(sdk: Sdk, number: int) -> Any:
    asked = {
        "model": MODEL,
        "max_tokens": 8,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": f"Case {number}"}],
        "extra_headers": SLOWLY,
        "stream": True,
    }
    events = await sdk.collect(lambda client: client.messages.create(**asked))
    return events[0].message.usage


@pytest.mark.parametrize("call", [_message, _streamed])
async def test_a_crowd_with_one_prefix_writes_it_once(call: Any) -> None:
    async with (
        before_a_provider(leader_first=True) as (it, provider),
        anthropic_sdk(f"{base(it)}/anthropic", "async") as sdk,
    ):
        used = await asyncio.gather(*(call(sdk, number) for number in range(CROWD)))

        written = [usage.cache_creation_input_tokens for usage in used]
        read = [usage.cache_read_input_tokens for usage in used]
        (prefix,) = [tokens for tokens in written if tokens]
        assert sorted(read) == [0, *[prefix] * (CROWD - 1)]
        billed = provider.state()["models"][MODEL]["billed"]
        assert billed["cache_write"] == prefix
        assert billed["cached_input"] == prefix * (CROWD - 1)
        metrics = await it.metrics()
        assert metrics["ai_api_prefix_waits_total{anthropic,sim}"] == CROWD - 1
        assert await it.statuses() == {"anthropic,sim,ok": CROWD}


async def test_without_it_they_all_write_it() -> None:
    async with (
        before_a_provider(leader_first=False) as (it, _),
        anthropic_sdk(f"{base(it)}/anthropic", "async") as sdk,
    ):
        used = await asyncio.gather(*(_message(sdk, number) for number in range(CROWD)))

        writes = sum(1 for usage in used if usage.cache_creation_input_tokens)
        assert writes > CROWD / 2
        assert (await it.metrics())["ai_api_prefix_waits_total{anthropic,sim}"] == 0


async def test_requests_with_openais_cache_key_follow_one_another() -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": HELLO, "prompt_cache_key": "judge"}
    async with (
        before_a_provider(leader_first=True) as (it, _),
        openai_sdk(base(it), "async") as sdk,
    ):
        answers = await asyncio.gather(
            *(
                sdk(lambda client: client.chat.completions.create(**asked, extra_headers=SLOWLY))
                for _ in range(10)
            )
        )

        cached = [answer.usage.prompt_tokens_details.cached_tokens for answer in answers]
        assert sorted(cached) == [0, *[answers[0].usage.prompt_tokens] * 9]


async def test_another_key_of_the_apps_waits_for_nobody() -> None:
    async with (
        before_a_provider(leader_first=True) as (it, _),
        anthropic_sdk(f"{base(it)}/anthropic", "async", api_key="one") as one,
        anthropic_sdk(f"{base(it)}/anthropic", "async", api_key="other") as other,
    ):
        await asyncio.gather(_message(one, 1), _message(other, 1))

        assert (await it.metrics())["ai_api_prefix_waits_total{anthropic,sim}"] == 0


class Turns:
    """A script: remembers each request, and answers it when the test says how."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.answers: list[asyncio.Future[bytes]] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            self.received.append(await receive(peer))
            answer: asyncio.Future[bytes] = asyncio.Future()
            self.answers.append(answer)
            await peer.send(await answer)

    async def came(self, count: int) -> None:
        """So many requests are here, and no more come."""
        await eventually(lambda: len(self.answers) == count)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(self.answers) == count


MARKED = b'{"model":"m","stream":true,"prompt_cache_key":"%b","messages":[{"role":"user","content":"%d"}]}'
LIMITED = b'{"error":{"message":"slow down","code":"rate_limit_exceeded"}}'


async def _open(it: Rig, count: int) -> None:
    """So many requests are in the sidecar."""
    await eventually(lambda: it.sidecar.activity.open_requests == count)


@asynccontextmanager
async def lined_up(**settings: Any) -> AsyncIterator[tuple[Rig, Turns, list[Client]]]:
    """A leader at the provider, and two followers in its line."""
    turns = Turns()
    async with rig(turns, prompt_cache_leader_first=True, **settings) as it:
        clients = [await it.connect() for _ in range(3)]
        for number, client in enumerate(clients, 1):
            client.post(post(MARKED % (b"k", number)))
            await _open(it, number)
            await turns.came(1)
        yield it, turns, clients


async def test_followers_leave_at_the_leaders_first_byte_and_not_at_its_head() -> None:
    async with lined_up() as (it, turns, clients):
        assert it.in_flight == 1
        leader = await it.provider.peer(0)
        turns.answers[0].set_result(STREAM)
        await clients[0].head()
        await turns.came(1)

        await leader.send(chunk(b"data: 1\n\n"))

        await turns.came(3)
        assert await clients[0].chunk() == b"data: 1\n\n"
        for answer in turns.answers[1:]:
            answer.set_result(ok())
        await leader.send(b"0\r\n\r\n")
        assert [(await client.answer()).status for client in clients[1:]] == [200, 200]


@pytest.mark.parametrize("status", [b"429 No", b"529 No", b"500 No", b"400 No"])
async def test_a_leader_that_is_refused_is_followed_by_one_alone(status: bytes) -> None:
    async with lined_up() as (_, turns, clients):
        turns.answers[0].set_result(ok(LIMITED, status=status))

        await turns.came(2)
        assert (await clients[0].answer()).status == int(status[:3])
        turns.answers[1].set_result(ok())
        await turns.came(3)
        turns.answers[2].set_result(ok())
        assert [(await client.answer()).status for client in clients[1:]] == [200, 200]


async def test_a_leader_whose_app_leaves_is_followed_by_one_alone() -> None:
    async with lined_up() as (_, turns, clients):
        clients[0].reset()

        await turns.came(2)
        clients[1].reset()
        await turns.came(3)
        turns.answers[2].set_result(ok())
        assert (await clients[2].answer()).status == 200


async def test_a_follower_that_leaves_is_passed_over() -> None:
    async with lined_up() as (it, turns, clients):
        clients[1].reset()
        await _open(it, 2)
        turns.answers[0].set_result(ok(LIMITED, status=b"429 No"))

        await turns.came(2)
        turns.answers[1].set_result(ok())
        assert (await clients[2].answer()).status == 200
        assert (await it.statuses())["openai,m,cancelled"] == 1


async def test_a_leader_that_hangs_holds_nobody_up_for_long() -> None:
    async with lined_up(prompt_cache_max_wait=0.3) as (_, turns, clients):
        await eventually(lambda: len(turns.answers) == 3)

        for answer in turns.answers[1:]:
            answer.set_result(ok())
        assert [(await client.answer()).status for client in clients[1:]] == [200, 200]
        clients[0].reset()


async def test_a_request_with_little_time_waits_little() -> None:
    async with lined_up() as (it, turns, clients):
        hurried = await it.connect()
        hurried.post(post(MARKED % (b"k", 9), extra=b"x-sidecar-timeout: 1\r\n"))
        await eventually(lambda: len(turns.answers) == 2, within=SOON)

        turns.answers[1].set_result(ok())  # and it warms the prefix for the rest
        answer = await hurried.answer()
        assert answer.status == 200
        assert 400 <= int(answer.get("x-sidecar-queue-ms") or b"") < 1000
        await turns.came(4)
        for number in (0, 2, 3):
            turns.answers[number].set_result(ok())
        assert [(await client.answer()).status for client in clients] == [200] * 3


async def test_other_prefixes_and_bodies_without_any_pass() -> None:
    async with lined_up() as (it, turns, clients):
        for number, body in enumerate((MARKED % (b"other", 1), b'{"model":"m"}')):
            client = await it.connect()
            client.post(post(body))
            await turns.came(2 + number)
            turns.answers[-1].set_result(ok())
            assert (await client.answer()).status == 200
        for client in clients:
            client.reset()


async def test_a_wait_is_time_in_the_queue_and_not_the_sidecars_own() -> None:
    async with lined_up() as (it, turns, clients):
        await asyncio.sleep(0.2)
        turns.answers[0].set_result(ok())
        await turns.came(3)
        for answer in turns.answers[1:]:
            answer.set_result(ok())

        waits = [
            int((await client.answer()).get("x-sidecar-queue-ms") or b"") for client in clients
        ]

        assert waits[0] < 100
        assert min(waits[1:]) >= 200
        await it.at_rest()
        assert (await it.metrics())["ai_api_overhead_seconds_sum{}"] < 0.15
