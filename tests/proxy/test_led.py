"""Followers wait for a first byte, and never longer than they can afford."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from sidecar.dialects import Call
from sidecar.errors import DeadlineError, SidecarError
from sidecar.events import PrefixAwaited
from sidecar.outcomes import Endpoint
from sidecar.proxy.led import LeaderFirst
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.sharing.warm_prefixes import WarmPrefixes
from sidecar.upstream.transport import RawHeaders, ResponseHead
from tests.fakes.observer import RecordingObserver
from tests.proxy.serving import EVENTS, JSON, KeepingSink, ask, record
from tests.support import settle, virtual_time

PATIENCE = 10.0
MARKED = (
    b'{"model":"m","system":[{"type":"text","text":"Be","cache_control":{"type":"ephemeral"}}],'
    b'"messages":[{"role":"user","content":"%d"}]}'
)


class Attempt:
    """One request that got through, for the test to answer."""

    def __init__(self, record: RequestRecord, sink: AppSink) -> None:
        self.record = record
        self.sink = sink
        self.done: asyncio.Future[AnsweredResponse] = asyncio.Future()

    def begin(self, *pieces: bytes, status: int = 200, headers: RawHeaders = EVENTS) -> None:
        """A head and body pieces."""
        self.sink.start(ResponseHead(status, b"Said", headers, None), headers)
        for piece in pieces:
            assert self.sink.write([piece])

    def end(self) -> None:
        """The answer's end."""
        self.done.set_result(self.sink.finish(()))


class House:
    """The service, and what got through it, in order. Implements Service, the inner one."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        self.tasks: list[asyncio.Task[None]] = []
        self.sinks: list[KeepingSink] = []
        self.through: list[Attempt] = []
        self.observer = RecordingObserver()
        self.warm = WarmPrefixes(max_wait=PATIENCE, loop=loop)
        self.service = LeaderFirst(
            inner=self,
            warm=self.warm,
            label=lambda model: f"label of {model}",
            salt=b"salt",
            now=loop.time,
            observer=self.observer,
        )
        self._group = group

    async def run(self, ask: Ask, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        """See Service."""
        attempt = Attempt(record, sink)
        self.through.append(attempt)
        return await attempt.done

    async def send(self, body: Any = MARKED % 1, **about: Any) -> None:
        """A request."""
        about = {
            "dialect": "anthropic",
            "path": b"/v1/messages",
            "endpoint": Endpoint.MESSAGES,
        } | about
        call = Call(about.pop("endpoint"), about.pop("model", "m"), 1)
        asked = ask(body, call=call, **about)
        sink = KeepingSink()
        self.sinks.append(sink)

        async def serve() -> None:
            with suppress(SidecarError):
                await self.service.run(asked, record(), sink)

        self.tasks.append(self._group.create_task(serve()))
        await settle()

    async def count(self) -> int:
        """How many got through."""
        await settle()
        return len(self.through)


def case(test: Callable[[House], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run with a house, under virtual time; in the end every request ends."""

    @virtual_time
    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            house = House(group)
            await test(house)
            while any(not attempt.done.done() for attempt in house.through):
                for attempt in house.through:
                    if not attempt.done.done():
                        attempt.end()
                await settle()
        assert house.warm.led == 0

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@case
async def test_followers_go_at_the_leaders_first_byte(at: House) -> None:
    for number in range(3):
        await at.send(MARKED % number)
    leader = at.through[0]
    leader.begin()
    assert await at.count() == 1

    leader.sink.write([b"event: message_start\n"])

    assert await at.count() == 3
    assert at.observer.events == [PrefixAwaited("anthropic", "label of m")] * 2


@case
async def test_what_only_keeps_the_connection_open_is_no_first_byte(at: House) -> None:
    await at.send()
    await at.send()

    at.through[0].begin(b": keep-alive\n\n")

    assert await at.count() == 1
    at.through[0].sink.write([b"data: 1\n\n"])
    assert await at.count() == 2


@case
async def test_of_a_compressed_answer_any_byte_is_the_first(at: House) -> None:
    await at.send()
    await at.send()

    at.through[0].begin(b"\n", headers=(*EVENTS, (b"Content-Encoding", b"gzip")))

    assert await at.count() == 2


@pytest.mark.parametrize("status", [302, 400, 429, 529])
def test_an_error_warms_nothing(status: int) -> None:
    @case
    async def run(at: House) -> None:
        for _ in range(3):
            await at.send()
        at.through[0].begin(b"{}", status=status, headers=JSON)
        assert await at.count() == 1

        at.through[0].end()

        assert await at.count() == 2

    run()


@case
async def test_nor_does_an_answer_of_the_sidecars_own(at: House) -> None:
    await at.send()
    await at.send()
    at.through[0].done.set_result(at.through[0].sink.answer(200, b"OK", JSON, b"{}"))

    assert await at.count() == 2
    assert at.warm.led == 1


@case
async def test_a_leader_that_leaves_or_fails_is_followed_by_one(at: House) -> None:
    await at.send()
    for _ in range(3):
        await at.send()

    at.tasks[0].cancel()
    assert await at.count() == 2
    at.through[1].done.set_exception(DeadlineError("late"))
    assert await at.count() == 3


@case
async def test_a_follower_that_leaves_is_not_waited_for(at: House) -> None:
    await at.send()
    await at.send()
    await at.send()
    at.tasks[1].cancel()

    at.through[0].end()

    assert await at.count() == 2


@case
async def test_nobody_follows_a_slow_leader_for_long(at: House) -> None:
    await at.send()
    await at.send()
    await asyncio.sleep(PATIENCE - 0.1)
    assert await at.count() == 1

    await asyncio.sleep(0.2)

    assert await at.count() == 2


@pytest.mark.parametrize("deadline", ["admit_by", "answer_by"])
def test_half_of_what_time_it_has_is_left_for_its_own_answer(deadline: str) -> None:
    @case
    async def run(at: House) -> None:
        await at.send()
        await at.send(**{deadline: asyncio.get_running_loop().time() + 4})
        await asyncio.sleep(1.9)
        assert await at.count() == 1

        await asyncio.sleep(0.2)

        assert await at.count() == 2

    run()


@case
async def test_one_without_time_goes_at_once(at: House) -> None:
    await at.send()

    await at.send(answer_by=asyncio.get_running_loop().time() - 1)
    await asyncio.sleep(0.001)

    assert await at.count() == 2


@case
async def test_the_wait_is_time_in_the_queue(at: House) -> None:
    await at.send()
    await at.send()
    await asyncio.sleep(3)
    at.through[0].begin(b"x")
    await settle()

    assert at.through[1].record.queue_wait == pytest.approx(3)
    assert at.through[1].record.model == "label of m"


@pytest.mark.parametrize(
    "about",
    [
        {"body": MARKED.replace(b"Be", b"Be not") % 1},
        {"body": MARKED.replace(b'"m"', b'"n"') % 1, "model": "n"},
        {"headers": ((b"x-api-key", b"other"),)},
        {"dialect": "bedrock"},
        {"body": b'{"model":"m","messages":[]}'},
        {"body": None},
        {"endpoint": Endpoint.OTHER},
        {"endpoint": Endpoint.EMBEDDINGS},
    ],
)
def test_whoever_cannot_read_what_the_leader_writes_goes_at_once(about: dict[str, Any]) -> None:
    @case
    async def run(at: House) -> None:
        await at.send()

        await at.send(**about)

        assert await at.count() == 2
        assert at.observer.events == []

    run()


@case
async def test_requests_with_the_same_cache_key_follow_each_other_too(at: House) -> None:
    openai: dict[str, Any] = {"dialect": "openai", "endpoint": Endpoint.CHAT}
    await at.send(b'{"prompt_cache_key":"k","messages":[1]}', **openai)
    await at.send(b'{"prompt_cache_key":"k","messages":[2]}', **openai)
    await at.send(b'{"prompt_cache_key":"l","messages":[2]}', **openai)

    assert await at.count() == 2


@case
async def test_the_answer_passes_untouched(at: House) -> None:
    await at.send()
    sink = at.sinks[0]
    at.through[0].begin(b": x\n", b"data: 1\n\n", b"data: 2\n\n")
    assert at.through[0].sink.started

    await at.through[0].sink.drain()
    at.through[0].end()

    assert sink.writes == [[b": x\n"], [b"data: 1\n\n"], [b"data: 2\n\n"]]
    assert (sink.headers, sink.drained, sink.finished) == (EVENTS, 1, True)
