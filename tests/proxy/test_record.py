"""What is noted about one request becomes the event at its end."""

from dataclasses import replace

import pytest

from sidecar.events import RequestFinished
from sidecar.outcomes import Endpoint, RejectionKind, RequestStatus
from sidecar.proxy.record import UNKNOWN, RequestRecord, request_status
from sidecar.tokens import Usage

FULL = RequestRecord(
    method="POST",
    arrived=100.0,
    upstream="openai",
    model="gpt",
    endpoint=Endpoint.CHAT,
    status=RequestStatus.OK,
    http_status=200,
    client_retry=True,
    attempts=1,
    body_read=100.5,
    queue_wait=2.0,
    first_wait=2.0,
    sent=102.625,
    first_byte=103.0,
)


def test_times_become_durations() -> None:
    assert FULL.finished(105.0) == RequestFinished(
        upstream="openai",
        model="gpt",
        endpoint=Endpoint.CHAT,
        method="POST",
        status=RequestStatus.OK,
        http_status=200,
        reason=None,
        attempts=1,
        duration=5.0,
        queue_wait=2.0,
        first_byte=3.0,
        overhead=0.125,
        client_retry=True,
    )


def test_what_ends_without_an_answer_was_left_by_the_app() -> None:
    event = RequestRecord(method="GET", arrived=1.0).finished(1.5)

    assert (event.upstream, event.model) == (UNKNOWN, UNKNOWN)
    assert event.status is RequestStatus.CANCELLED
    assert (event.http_status, event.first_byte, event.overhead) == (None, None, None)


@pytest.mark.parametrize("record", [replace(FULL, sent=None), replace(FULL, body_read=None)])
def test_overhead_is_unknown_where_nothing_was_sent(record: RequestRecord) -> None:
    assert record.finished(105.0).overhead is None


def test_without_a_queue_all_of_the_time_before_sending_is_overhead() -> None:
    assert replace(FULL, queue_wait=None, first_wait=0.0).finished(105.0).overhead == 2.125


def test_waits_add_up_and_those_before_the_sending_are_no_overhead() -> None:
    record = replace(FULL, queue_wait=None, first_wait=0.0, sent=None)
    record.queued(0.5)
    record.queued(1.5)
    record.sent = FULL.sent
    record.queued(30.0)

    event = record.finished(140.0)

    assert (event.queue_wait, event.overhead) == (32.0, 0.125)


def test_every_answer_says_how_it_went() -> None:
    assert replace(FULL, attempts=2, queue_wait=0.0126).own_fields() == (
        (b"x-sidecar-attempts", b"2"),
        (b"x-sidecar-queue-ms", b"13"),
    )
    assert RequestRecord(method="GET", arrived=1.0).own_fields()[1] == (b"x-sidecar-queue-ms", b"0")


@pytest.mark.parametrize(
    ("http_status", "rejection", "status"),
    [
        (200, None, RequestStatus.OK),
        (304, None, RequestStatus.OK),
        (200, RejectionKind.RATE, RequestStatus.RATE_LIMITED),
        (200, RejectionKind.TRANSIENT, RequestStatus.SERVER_ERROR),
        (400, None, RequestStatus.CLIENT_ERROR),
        (429, RejectionKind.QUOTA, RequestStatus.RATE_LIMITED),
        (429, RejectionKind.OVERLOAD, RequestStatus.OVERLOADED),
        (503, RejectionKind.RAMP, RequestStatus.RATE_LIMITED),
        (409, RejectionKind.TRANSIENT, RequestStatus.CLIENT_ERROR),
        (500, RejectionKind.TRANSIENT, RequestStatus.SERVER_ERROR),
    ],
)
def test_an_answer_counts_by_its_kind_then_by_its_status(
    http_status: int, rejection: RejectionKind | None, status: RequestStatus
) -> None:
    assert request_status(http_status, rejection) is status


def test_tokens_of_all_attempts_add_up() -> None:
    record = RequestRecord(method="POST", arrived=1.0)
    assert record.finished(2.0).usage is None

    record.used(Usage(10, 1))
    record.used(Usage(20, 2, cached_input=5))

    assert record.finished(2.0).usage == Usage(30, 3, cached_input=5)
