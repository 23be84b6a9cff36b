"""When embeddings requests are merged; whole, over real ports: tests/integration/test_batches.py."""

import asyncio
from typing import Any

import orjson
import pytest

from sidecar.admission import LimitKey
from sidecar.dialects import Call
from sidecar.errors import DeadlineError, SdkDeadlineError
from sidecar.events import RequestsBatched
from sidecar.outcomes import Endpoint, RequestStatus
from sidecar.proxy.batched import BatchConfig, Batched
from sidecar.proxy.body import BodyMemory
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.shared import Shared
from sidecar.proxy.sink import AnsweredResponse, AppSink
from sidecar.sharing.config import SharingConfig
from sidecar.tokens import Usage
from tests.fakes.observer import RecordingObserver
from tests.proxy.embedding import Embedder, embedding_ask, embedding_pool
from tests.proxy.serving import KeepingSink, record
from tests.support import settle, virtual_time


class Refusing(Embedder):
    """Refuses merged calls. Implements Service."""

    refusal = 400

    def _answered(self, body: bytes, record: RequestRecord, sink: AppSink) -> AnsweredResponse:
        if len(orjson.loads(body)["input"]) == 1:
            return super()._answered(body, record, sink)
        record.status, record.http_status = RequestStatus.CLIENT_ERROR, self.refusal
        return sink.answer(self.refusal, b"No", (), b"{}")


class House:
    """A Batched before one place, and what came of each request."""

    def __init__(
        self, *, places: int = 1, embedder: type[Embedder] = Embedder, **config: Any
    ) -> None:
        self.embedder = embedder(embedding_pool(places))
        self.observer = RecordingObserver()
        self.memory = BodyMemory(1_000_000)
        self.batched = Batched(
            self.embedder,
            self.embedder.pool,
            BatchConfig(**config),
            memory=self.memory,
            observer=self.observer,
        )
        self.now = asyncio.get_running_loop().time

    async def ask(self, *texts: str, **more: Any) -> tuple[KeepingSink, RequestRecord]:
        """One request to its end."""
        return await self.run(embedding_ask(*texts, **more))

    async def run(self, asked: Ask) -> tuple[KeepingSink, RequestRecord]:
        """The same, ready made."""
        sink, noted = KeepingSink(), record()
        noted.arrived, noted.upstream = self.now(), "openai"
        await self.batched.run(asked, noted, sink)
        return sink, noted

    def begin(self, *texts: str, **more: Any) -> "asyncio.Task[tuple[KeepingSink, RequestRecord]]":
        """One request that goes on by itself."""
        return asyncio.get_running_loop().create_task(self.ask(*texts, **more))


@virtual_time
async def test_a_batch_gathers_for_its_time_and_takes_whoever_comes_before_its_place() -> None:
    house = House(max_wait=0.02)
    start = house.now()
    calls = [house.begin("holder")]
    await settle()
    limiter = house.embedder.pool.limiter("openai", "m")
    calls.append(house.begin("a"))
    await asyncio.sleep(0.01)
    assert (limiter.waiting, len(house.batched)) == (0, 1)
    calls.append(house.begin("bb"))
    await asyncio.sleep(0.011)
    assert limiter.waiting == 1
    calls.append(house.begin("ccc"))
    await asyncio.gather(*calls)

    assert house.embedder.inputs == [["holder"], ["a", "bb", "ccc"]]
    assert house.embedder.started == pytest.approx([start, start + 1])
    assert house.observer.of(RequestsBatched) == [RequestsBatched("openai", "m", 3)]
    assert (len(house.batched), house.batched._open) == (0, {})


@virtual_time
async def test_places_are_scarce_for_a_moment_after_somebody_waited() -> None:
    """Or each place that became free would go to a single request while others come."""
    house = House(places=2, max_wait=0.02)
    calls = [house.begin("holder"), house.begin("holder")]
    await settle()
    calls.append(house.begin("waits"))
    await asyncio.sleep(1.001)  # one place is taken by it, the other is free
    calls += [house.begin("a"), house.begin("b")]
    await asyncio.gather(*calls)
    calls = [house.begin("c")]
    await settle()

    assert house.embedder.inputs == [["holder"], ["holder"], ["waits"], ["a", "b"], ["c"]]
    await asyncio.gather(*calls)


@virtual_time
async def test_what_is_reserved_is_what_all_members_would() -> None:
    house = House()
    calls = [house.begin("holder", tokens=1)]
    await settle()
    calls += [house.begin(text, tokens=tokens) for text, tokens in (("a", 5), ("b", 7))]
    await asyncio.sleep(0.5)
    calls.append(house.begin("late", tokens=9))
    await asyncio.gather(*calls)

    assert house.embedder.reserved == [1, 21]


@virtual_time
async def test_each_record_tells_of_the_call() -> None:
    house = House()
    calls = [house.begin("holder")]
    await settle()
    calls += [house.begin("aaa"), house.begin("bbb", "ccc")]
    _, (_, one), (_, other) = await asyncio.gather(*calls)

    assert (one.attempts, one.model, one.http_status) == (1, "m", 200)
    assert one.status is RequestStatus.OK
    assert one.queue_wait == pytest.approx(1)
    assert one.usage == Usage(input=10, output=0)
    assert other.usage == Usage(input=20, output=0)
    assert one.sent == house.embedder.started[1]


@virtual_time
async def test_what_was_used_is_told_by_those_who_are_left() -> None:
    house = House()
    calls = [house.begin("holder")]
    await settle()
    calls += [house.begin("aaa"), house.begin("bbb")]
    await asyncio.sleep(1.5)
    calls[1].cancel()
    _, gone, (_, left) = await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[misc]

    assert isinstance(gone, asyncio.CancelledError)
    assert left.usage == Usage(input=20, output=0)


@virtual_time
async def test_a_bug_in_a_merged_call_is_every_members() -> None:
    house = House()
    holder = house.begin("holder")
    await settle()
    house.embedder.bug = ZeroDivisionError()
    calls = [house.begin("a"), house.begin("b")]
    results = await asyncio.gather(holder, *calls, return_exceptions=True)

    assert [type(result) for result in results] == [ZeroDivisionError] * 3
    assert len(house.batched) == 0


@virtual_time
async def test_whose_time_is_up_on_arrival_is_not_sent() -> None:
    house = House()
    holder = house.begin("holder")
    await settle()
    late = house.begin("late", exchange_by=house.now() - 1)
    results = await asyncio.gather(holder, late, return_exceptions=True)

    assert "deadline" in str(results[1])
    assert house.embedder.inputs == [["holder"]]


@pytest.mark.parametrize(
    "more",
    [
        {"call": Call(Endpoint.CHAT, "m", 1)},
        {"path": b"/v1/embeddings/other"},
        {"dialect": "bedrock"},
        {"body": orjson.dumps({"model": "m", "input": ["a"], "novel": True})},
        {"body": b'{"input":["a"'},
        {"headers": ((b"Content-Encoding", b"gzip"),)},
    ],
)
async def test_everything_else_goes_on_as_it_came(more: dict[str, Any]) -> None:
    asks = []

    class Inner:
        async def run(self, ask: Ask, record: RequestRecord, sink: Any) -> Any:
            asks.append(ask)

    pool = embedding_pool(limit=0)
    observer = RecordingObserver()
    memory = BodyMemory(0)
    batched = Batched(Inner(), pool, BatchConfig(), memory=memory, observer=observer)
    asked = embedding_ask("a", **more)
    await batched.run(asked, record(), KeepingSink())

    assert asks == [asked]
    assert asks[0] is asked


@virtual_time
async def test_limits_are_forgotten_once_places_are_not_scarce() -> None:
    house = House(max_wait=0.02)
    await asyncio.gather(*(house.begin(text) for text in ("a", "b")))
    assert list(house.batched._scarce_until) == [LimitKey("openai", "m")]
    await asyncio.sleep(1)
    await house.ask("c")

    assert house.batched._scarce_until == {}


@pytest.mark.parametrize("status", [400, 403, 413, 422, 500])
@virtual_time
async def test_what_may_be_one_inputs_fault_is_asked_for_alone(status: int) -> None:
    house = House(embedder=Refusing)
    assert isinstance(house.embedder, Refusing)
    house.embedder.refusal = status
    calls = [house.begin("holder")]
    await settle()
    calls += [house.begin("a"), house.begin("b")]
    _, (one, noted), (other, _) = await asyncio.gather(*calls)

    assert house.embedder.inputs == [["holder"], ["a", "b"], ["a"], ["b"]]
    assert one.head is not None
    assert other.head is not None
    assert (one.head.status, other.head.status) == (200, 200)
    assert (noted.status, noted.http_status, noted.attempts) == (RequestStatus.OK, 200, 2)


@virtual_time
async def test_who_leaves_a_call_of_its_own_was_told_nothing() -> None:
    """Not what the merged call was refused with."""
    house = House(embedder=Refusing)
    holder, noted = house.begin("holder"), record()
    await settle()
    calls = [
        asyncio.get_running_loop().create_task(
            house.batched.run(embedding_ask("a"), noted, KeepingSink())
        ),
        house.begin("b"),
    ]
    await asyncio.sleep(2.5)
    assert house.embedder.inputs[2:] == [["a"]]
    calls[0].cancel()
    await asyncio.gather(holder, *calls, return_exceptions=True)

    assert (noted.status, noted.http_status) == (RequestStatus.CANCELLED, None)


@virtual_time
async def test_a_member_is_sent_when_its_batch_is() -> None:
    house = House()
    holder, noted = house.begin("holder"), record()
    noted.arrived = start = house.now()
    await settle()
    calls = [
        asyncio.get_running_loop().create_task(
            house.batched.run(embedding_ask("a"), noted, KeepingSink())
        ),
        house.begin("b"),
    ]
    await asyncio.sleep(0.5)
    assert (noted.sent, noted.queue_wait) == (None, None)
    await asyncio.sleep(1)

    assert (noted.sent, noted.queue_wait) == pytest.approx((start + 1, 1))
    await asyncio.gather(holder, *calls)
    assert (noted.sent, noted.queue_wait, noted.first_wait) == pytest.approx((start + 1, 1, 1))


def _shared(house: House) -> Shared:
    return Shared(
        house.batched,
        SharingConfig(mode="safe"),
        label=lambda model: model or "",
        salt=b"",
        loop=asyncio.get_running_loop(),
        observer=house.observer,
    )


@virtual_time
async def test_a_deadline_ends_neither_the_flight_of_others_nor_their_batch() -> None:
    house = House()
    shared, end = _shared(house), house.now() + 1.5
    holder = house.begin("holder")
    await settle()
    hasty = embedding_ask("a", answer_by=end, exchange_by=end, own_deadline=True)
    sink = KeepingSink()
    results = await asyncio.gather(
        shared.run(hasty, record(), KeepingSink()),
        shared.run(embedding_ask("a"), record(), sink),
        house.begin("b"),
        holder,
        return_exceptions=True,
    )

    assert type(results[0]) is DeadlineError
    assert house.embedder.inputs == [["holder"], ["b", "a"]]
    assert orjson.loads(sink.body)["data"] == [{"index": 0, "embedding": [1]}]


@virtual_time
async def test_an_sdks_retry_joins_its_own_batch() -> None:
    house = House()
    shared, end = _shared(house), house.now() + 1.5
    calls = [house.begin("holder")]
    await settle()
    calls.append(house.begin("b"))
    first = embedding_ask("a", answer_by=end, exchange_by=end)
    with pytest.raises(SdkDeadlineError):
        await shared.run(first, record(), KeepingSink())
    sink = KeepingSink()
    await shared.run(embedding_ask("a", sdk_retries=1), record(), sink)
    await asyncio.gather(*calls)

    assert house.embedder.inputs == [["holder"], ["b", "a"]]
    assert sink.finished
