"""A flight's own ask, record and sink."""

import asyncio

from sidecar.proxy.flight import Flight
from sidecar.proxy.sink import KEEP_ALIVE
from sidecar.sharing.replays import Replays
from tests.proxy.serving import ask, record
from tests.support import virtual_time


def flight() -> Flight:
    made = record()
    made.upstream, made.model = "openai", "m"
    asked = ask(b"{}", admit_by=1.0, answer_by=2.0, exchange_by=3.0, sdk_retries=2)
    return Flight(b"key", asked, made, asyncio.get_running_loop(), Replays())


async def test_a_deadline_of_the_first_request_does_not_end_it() -> None:
    asked = flight().ask

    assert (asked.admit_by, asked.exchange_by) == (None, None)
    assert (asked.patience.answer_by, asked.patience.sdk_retries) == (2.0, 2)


async def test_for_retries_the_most_patient_request_counts() -> None:
    one = flight()
    one.board(ask(b"{}", answer_by=5.0)).leave()

    assert (one.ask.patience.answer_by, one.ask.patience.sdk_retries) == (5.0, 0)


async def test_it_has_a_record_of_its_own() -> None:
    made = record()
    one = Flight(b"key", ask(b"{}"), made, asyncio.get_running_loop(), Replays())
    one.record.attempts += 1

    assert made.attempts == 0
    assert (one.record.method, one.record.arrived) == (made.method, made.arrived)


async def test_it_is_sent_when_its_first_attempt_is() -> None:
    one = flight()
    assert one.sent is False
    one.record.sent = 5.0

    assert one.sent is True


async def test_an_answer_of_the_sidecars_own_is_like_any_other() -> None:
    one = flight()
    answered = one.sink.answer(503, b"Busy", [(b"x-sidecar-reason", b"queue_full")], b"{}")

    broadcast = one.broadcast
    assert answered is KEEP_ALIVE
    assert one.sink.started
    assert broadcast.head is not None
    assert (broadcast.head.head.status, broadcast.head.head.reason) == (503, b"Busy")
    assert broadcast.head.head.content_length == 2
    assert broadcast.head.headers == [
        (b"x-sidecar-reason", b"queue_full"),
        (b"Content-Length", b"2"),
    ]
    assert (broadcast.ended, broadcast.body()) == (True, b"{}")


@virtual_time
async def test_who_boards_stops_its_timer() -> None:
    one, gone = flight(), asyncio.Event()
    timer = one.timer = asyncio.get_running_loop().call_later(1.0, gone.set)

    reader = one.board(ask(b"{}"))
    await asyncio.sleep(2)

    assert not gone.is_set()
    assert timer.cancelled()
    assert len(one.broadcast) == 1
    reader.leave()


async def test_it_shows_what_it_is_without_what_it_says() -> None:
    assert repr(flight()) == "<Flight openai m <Broadcast running, 0 bytes, 0 readers>>"
