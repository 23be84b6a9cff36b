"""The races of a flight, tick by tick; tests/integration/test_sharing*.py see it whole."""

import asyncio
import gc
import weakref
from contextlib import suppress

import pytest

from sidecar.dialects import Call
from sidecar.errors import (
    ClientGoneError,
    DeadlineError,
    SdkDeadlineError,
    ShedError,
    SidecarError,
    StreamBrokenError,
    UpstreamProtocolError,
)
from sidecar.events import BugFound, CallShared
from sidecar.outcomes import Endpoint, RequestStatus
from sidecar.telemetry.logs import bug_fields
from tests.proxy.flying import House, told
from tests.support import settle, virtual_time


@told
async def test_who_comes_in_the_tick_of_the_end_is_served_whole(house: House) -> None:
    call, (first,) = await house.flying(1)
    call.begin(b"a")
    call.end()
    late = house.request()
    await settle()

    assert (first.sink.body, first.sink.finished) == (b"a", True)
    if len(house.provider.calls) == 2:  # it came a tick too late
        house.provider.calls[1].begin(b"a")
        house.provider.calls[1].end()
        await settle()
    assert (late.sink.body, late.sink.finished) == (b"a", True)


@told
async def test_who_comes_in_the_tick_of_a_failure_is_not_told_of_it(house: House) -> None:
    call, (first,) = await house.flying(1)
    call.fail(StreamBrokenError("why"))
    await asyncio.sleep(0)  # the flight's task has it now
    late = house.request()
    await settle()

    assert isinstance(first.error, StreamBrokenError)
    assert late.error is None
    house.provider.calls[1].begin(b"a")
    house.provider.calls[1].end()


@told
async def test_leaving_in_the_very_tick_of_coming(house: House) -> None:
    request = house.request()
    await asyncio.sleep(0)
    assert len(house.shared) == 1
    request.task.cancel()
    await settle()

    assert all(call.cancelled for call in house.provider.calls)


@pytest.mark.parametrize("ticks", range(6))
def test_the_only_one_leaves_around_the_end(ticks: int) -> None:
    @told
    async def run(house: House) -> None:
        call, (only,) = await house.flying(1)
        call.begin(b"a")
        call.end()
        for _ in range(ticks):
            await asyncio.sleep(0)
        only.task.cancel()
        await settle()

    run()


@pytest.mark.parametrize("ticks", range(6))
def test_the_first_leaves_around_the_head(ticks: int) -> None:
    @told
    async def run(house: House) -> None:
        call, (first, second) = await house.flying(2)
        call.begin(b"a")
        for _ in range(ticks):
            await asyncio.sleep(0)
        first.task.cancel()
        await settle()
        call.end()
        await settle()
        assert (second.sink.body, second.sink.finished) == (b"a", True)

    run()


@told
async def test_the_last_one_takes_the_call_with_it(house: House) -> None:
    call, (first, second) = await house.flying(2)
    ends = []
    for request in (first, second):
        request.task.cancel()
        await settle()
        ends.append(call.cancelled)

    assert ends == [False, True]
    assert (first.record.status, second.record.status) == (RequestStatus.CANCELLED,) * 2


@told
async def test_nobody_joins_what_is_being_cancelled(house: House) -> None:
    call, (first,) = await house.flying(1)
    first.task.cancel()
    late = house.request()
    await settle()

    assert call.cancelled is True
    assert len(house.provider.calls) == 2
    house.provider.calls[1].begin(b"a")
    house.provider.calls[1].end()
    await settle()
    assert late.sink.body == b"a"


@told
async def test_closing_ends_flights_in_every_state(house: House) -> None:
    call, (first,) = await house.flying(1)
    other = house.request(b'{"other":1}')
    await settle()
    begun = house.provider.calls[1]
    begun.begin(b"a")
    await settle()
    unborn = house.request(b'{"unborn":1}')
    await asyncio.sleep(0)

    await house.shared.close()

    assert (call.cancelled, begun.cancelled) == (True, True)  # it waits for them
    await settle()
    assert isinstance(first.error, ShedError)
    assert isinstance(other.error, ShedError)
    assert isinstance(unborn.error, ShedError)
    assert (other.sink.body, other.sink.finished) == (b"a", False)


@told
async def test_a_bug_before_the_end_is_everybodys(house: House) -> None:
    call, requests = await house.flying(2)
    call.fail(ZeroDivisionError())
    await settle()

    assert [type(request.error) for request in requests] == [SidecarError] * 2
    (bug,) = house.observer.of(BugFound)
    assert bug_fields(bug.error)["error"] == "ZeroDivisionError"
    assert bug_fields(bug.error)["at"].startswith("tests.proxy.flying:")  # where it is


@told
async def test_a_bug_behind_the_end_is_told_and_fails_nobody(house: House) -> None:
    call, (first,) = await house.flying(1)
    call.begin(b"a")
    call.sink.finish(())
    call.fail(ZeroDivisionError())
    await settle()

    assert first.error is None
    assert first.sink.finished
    assert len(house.observer.of(BugFound)) == 1


@told
async def test_a_call_that_ends_without_an_answer_leaves_nobody_waiting(house: House) -> None:
    call, (first,) = await house.flying(1)
    call.ended.set()
    await settle()

    assert isinstance(first.error, ShedError)


@told
async def test_the_call_has_no_deadline_but_each_request_its_own(house: House) -> None:
    now = asyncio.get_running_loop().time()
    at = now + 5
    hasty = house.request(own_deadline=True, admit_by=at, answer_by=at, exchange_by=at)
    patient = house.request()
    await settle()
    (call,) = house.provider.calls
    call.send()
    assert (call.ask.admit_by, call.ask.exchange_by) == (None, None)
    assert call.ask.patience.answer_by is None  # the patient one counts
    await asyncio.sleep(6)
    assert type(hasty.error) is DeadlineError
    assert hasty.record.attempts == 1
    call.begin(b"a")
    call.end()
    await settle()

    assert patient.sink.body == b"a"


@told
async def test_an_answer_that_nobody_can_have_any_more_is_not_waited_for(house: House) -> None:
    request = house.request(answer_by=asyncio.get_running_loop().time() + 5)
    await settle()
    call = house.provider.calls[0]
    call.send()
    await asyncio.sleep(5.1)
    assert type(request.error) is SdkDeadlineError
    call.begin(bytes(2_000_000))  # too much for the SDK's next try

    with pytest.raises(ClientGoneError):
        await asyncio.wait_for(call.sink.drain(), 0.1)
    call.fail(ClientGoneError("gone"))


@told
async def test_an_sdk_is_not_told_to_give_up(house: House) -> None:
    request = house.request(answer_by=asyncio.get_running_loop().time() + 5)
    await settle()
    house.provider.calls[0].send()
    await asyncio.sleep(5.5)
    assert type(request.error) is SdkDeadlineError
    assert not house.provider.calls[0].cancelled
    await asyncio.sleep(1.6)

    assert house.provider.calls[0].cancelled


@told
async def test_in_the_queue_a_deadline_is_a_shed(house: House) -> None:
    now = asyncio.get_running_loop().time()
    request = house.request(answer_by=now + 5)
    request.record.body_read = now
    await asyncio.sleep(5.5)

    assert isinstance(request.error, ShedError)
    assert house.provider.calls[0].cancelled
    assert request.record.queue_wait == pytest.approx(5.0)


@told
async def test_what_is_not_to_be_tried_again_is_so_for_all(house: House) -> None:
    call, requests = await house.flying(2)
    call.record.final = True
    call.fail(UpstreamProtocolError("why"))
    await settle()

    assert [request.record.final for request in requests] == [True, True]


@told
async def test_each_follower_is_told_of_once_its_answer_begins(house: House) -> None:
    call, _ = await house.flying(3)
    assert house.observer.events == []
    call.begin(b"a")
    await settle()

    assert house.observer.events == [CallShared("openai", "m")] * 2
    call.end()


@told
async def test_what_is_kept_for_who_may_come_is_counted_over_all_flights(house: House) -> None:
    call, _ = await house.flying(2)
    house.request(b'{"other":1}')
    await settle()
    other = house.provider.calls[1]
    call.begin(b"ab")
    other.begin(b"c")

    assert house.shared.replays.held == 3
    call.end()
    other.end()


@told
async def test_what_may_not_be_shared_goes_straight_through(house: House) -> None:
    requests = [house.request(path=b"/v1/chat/completions") for _ in range(2)]
    await settle()

    assert [call.sink for call in house.provider.calls] == [one.sink for one in requests]
    assert len(house.shared) == 0
    for call in house.provider.calls:
        call.end()


@told
async def test_it_shows_its_state(house: House) -> None:
    call, _ = await house.flying(2)
    assert repr(house.shared).startswith("<Shared safe, 1 flights, 2 readers, <AnswerCache 0")
    (flight,) = house.shared._flights
    assert repr(flight) == "<Flight openai m <Broadcast running, 0 bytes, 2 readers>>"
    call.begin()
    call.end()


@pytest.mark.parametrize("ending", ["served", "failed"])
def test_a_call_that_is_over_is_freed_at_once(ending: str) -> None:
    """With the body of its request and of its answer: the garbage collector runs rarely."""
    freed: list[str] = []

    @told
    async def run(house: House) -> None:
        call, requests = await house.flying(3)
        (flight,) = house.shared._flights
        weakref.finalize(flight.broadcast, freed.append, "broadcast")
        del flight
        call.begin(b"a")
        await settle()
        if ending == "served":
            call.end()
        else:
            call.fail(StreamBrokenError("why"))
        await settle()
        house.provider.calls.clear()
        requests.clear()
        del call
        assert freed == ["broadcast"]

    gc.disable()
    try:
        run()
    finally:
        gc.enable()


def test_names_of_models_are_bounded() -> None:
    """The record's model is a metric label, also of who leaves before the call has one."""

    @virtual_time
    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            house = House(group)
            request = house.request(call=Call(Endpoint.EMBEDDINGS, None, 1))
            await asyncio.sleep(0)
            request.task.cancel()
            with suppress(asyncio.CancelledError):
                await request.task
            assert request.record.model == "other"

    run()
