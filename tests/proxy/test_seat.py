"""What a request's record and answer say of the call that it shares."""

from sidecar.events import CallShared
from sidecar.outcomes import RequestStatus
from sidecar.proxy.flight import Beginning
from sidecar.proxy.record import RequestRecord
from sidecar.proxy.seat import First, Follower
from sidecar.tokens import Usage
from sidecar.upstream.transport import ResponseHead
from tests.fakes.observer import RecordingObserver
from tests.proxy.serving import JSON, KeepingSink, record

BEGINNING = Beginning(ResponseHead(201, b"Made", JSON, None), JSON)


def flown() -> RequestRecord:
    """Of a call that was answered at its second attempt."""
    made = record()
    made.status, made.reason, made.http_status = RequestStatus.OK, "why", 201
    made.attempts, made.queue_wait, made.first_wait = 2, 3.0, 1.0
    made.sent, made.first_byte, made.usage, made.final = 4.0, 9.0, Usage(7, 0), True
    return made


def test_the_first_ones_record_is_that_of_the_call() -> None:
    mine, sink, call = record(), KeepingSink(), flown()
    seat = First(mine, sink)
    seat.begin(BEGINNING, call, 5.0)
    seat.end(call)
    seat.note(call, 10.0)

    assert mine == call
    assert (sink.head, sink.headers) == (BEGINNING.head, JSON)


def test_its_answer_can_say_how_many_attempts_there_were() -> None:
    """They are told with the head."""
    mine, call = record(), flown()
    call.status, call.first_byte, call.usage = RequestStatus.CANCELLED, None, None
    First(mine, KeepingSink()).begin(BEGINNING, call, 5.0)

    assert (mine.attempts, mine.queue_wait, mine.http_status) == (2, 3.0, 201)
    assert mine.status is RequestStatus.CANCELLED


def test_who_leaves_before_the_call_has_a_place_has_waited_all_the_same() -> None:
    mine = record()
    mine.body_read = 2.0
    First(mine, KeepingSink()).note(record(), 5.5)

    assert mine.queue_wait == 3.5
    assert mine.status is RequestStatus.CANCELLED


def test_an_answer_that_needed_no_place_has_not_waited_for_one() -> None:
    mine, call = record(), record()
    mine.body_read = 2.0
    seat = First(mine, KeepingSink())
    seat.begin(BEGINNING, call, 5.0)
    seat.note(call, 6.0)

    assert mine.queue_wait is None


def test_a_follower_has_the_answer_but_neither_attempts_nor_tokens() -> None:
    mine, sink, call, observer = record(), KeepingSink(), flown(), RecordingObserver()
    mine.upstream, mine.model = "openai", "m"
    seat = Follower(mine, sink, observer)
    seat.begin(BEGINNING, call, 5.0)
    seat.end(call)
    seat.note(call, 10.0)

    assert (mine.status, mine.reason, mine.http_status) == (RequestStatus.OK, "why", 201)
    assert (mine.attempts, mine.queue_wait, mine.sent, mine.usage) == (0, None, None, None)
    assert mine.final
    assert sink.headers == [*JSON, (b"x-sidecar-shared", b"call")]
    assert observer.events == [CallShared("openai", "m")]


def test_a_follower_has_its_first_byte_when_both_are_there() -> None:
    for began, expected in ((5.0, 9.0), (20.0, 20.0)):
        mine, call = record(), flown()
        seat = Follower(mine, KeepingSink(), RecordingObserver())
        seat.begin(BEGINNING, call, began)
        seat.end(call)

        assert mine.first_byte == expected
