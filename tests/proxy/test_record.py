"""What is noted about one request becomes the event at its end."""

from dataclasses import replace

import pytest

from sidecar.events import RequestFinished
from sidecar.outcomes import Endpoint, RequestStatus
from sidecar.proxy.record import UNKNOWN, RequestRecord

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
    assert replace(FULL, queue_wait=None).finished(105.0).overhead == 2.125
