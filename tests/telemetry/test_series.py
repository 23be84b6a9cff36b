"""Counting events."""

from dataclasses import replace
from datetime import UTC, datetime

from sidecar.events import BugFound
from sidecar.outcomes import (
    Endpoint,
    LimitReason,
    RejectionKind,
    RequestStatus,
    TokenType,
    UsageSource,
    WaitReason,
)
from sidecar.telemetry.series import RECENT_CHANGES, SeriesObserver
from tests.telemetry.made import (
    ATTEMPT,
    AWAITED,
    BATCH,
    BROKEN,
    CHANGE,
    QUEUED,
    QUOTA,
    REJECTED,
    REQUEST,
    RETRY,
    SHARED,
    UNTOLD,
)

WALL = datetime(2026, 11, 24, tzinfo=UTC)
KEY = ("openai", "gpt")


def counted(*events: object) -> SeriesObserver:
    observer = SeriesObserver(lambda: WALL)
    for event in events:
        observer.notify(event)  # type: ignore[arg-type]  # only events are passed
    return observer


def test_requests_are_counted_by_status_and_timed_by_endpoint() -> None:
    other = replace(REQUEST, status=RequestStatus.CANCELLED, endpoint=Endpoint.EMBEDDINGS)

    series = counted(REQUEST, REQUEST, other).series[KEY]

    assert series.requests == {RequestStatus.OK: 2, RequestStatus.CANCELLED: 1}
    assert series.latency[Endpoint.CHAT].sum == 3.0
    assert sum(series.latency[Endpoint.EMBEDDINGS].counts) == 1
    assert series.queue_wait.sum == 0.75


def test_the_length_of_a_websocket_is_no_latency() -> None:
    series = counted(replace(REQUEST, http_status=101)).series[KEY]

    assert series.requests == {RequestStatus.OK: 1}
    assert not series.latency


def test_retries_and_waits_are_counted_by_their_reasons() -> None:
    series = counted(RETRY, RETRY, QUEUED, QUOTA).series[KEY]

    assert series.retries == {RejectionKind.OVERLOAD: 2}
    assert series.waits == {WaitReason.LIMIT: 1}


def test_every_pair_has_counts_of_its_own() -> None:
    counts = counted(REQUEST, replace(REQUEST, model="b"), replace(REQUEST, upstream="azure"))

    assert set(counts.series) == {KEY, ("openai", "b"), ("azure", "gpt")}


def test_what_never_happened_is_not_timed() -> None:
    counts = counted(replace(REQUEST, queue_wait=None, overhead=None))

    assert sum(counts.series[KEY].queue_wait.counts) == 0
    assert sum(counts.overhead.counts) == 0


def test_overhead_is_one_for_all() -> None:
    assert counted(REQUEST, replace(REQUEST, model="b")).overhead.sum == 0.002


def test_only_what_was_refused_at_our_own_door_is_a_shed() -> None:
    shed = replace(REQUEST, status=RequestStatus.SHED, reason="queue_full")
    deadline = replace(REQUEST, status=RequestStatus.SERVER_ERROR, reason="deadline")

    series = counted(shed, shed, deadline).series[KEY]

    assert series.shed == {"queue_full": 2}


def test_an_sdk_s_own_retries_are_counted() -> None:
    assert counted(REQUEST, replace(REQUEST, client_retry=True)).series[KEY].client_retries == 1


def test_attempts_are_counted_with_push_back_by_kind() -> None:
    overloaded = replace(REJECTED, http_status=529, rejection=RejectionKind.OVERLOAD)

    series = counted(ATTEMPT, REJECTED, overloaded, replace(ATTEMPT, first_byte=None)).series[KEY]

    assert series.attempts == 4
    assert series.rejections == {RejectionKind.RATE: 1, RejectionKind.OVERLOAD: 1}
    assert series.rate_limit_hits == 1
    assert sum(series.first_byte.counts) == 1


def test_a_429_about_money_is_a_hit_of_its_own_kind() -> None:
    series = counted(replace(REJECTED, rejection=RejectionKind.QUOTA)).series[KEY]

    assert series.rejections == {RejectionKind.QUOTA: 1}
    assert series.rate_limit_hits == 1


def test_moves_of_the_limit_are_counted_by_direction_and_kept_with_their_time() -> None:
    up = replace(CHANGE, before=9, after=10, reason=LimitReason.PROBE)

    counts = counted(CHANGE, up)

    assert counts.series[KEY].limit_changes == {
        ("down", LimitReason.OVERLOAD): 1,
        ("up", LimitReason.PROBE): 1,
    }
    assert [(recent.at, recent.change) for recent in counts.recent_changes] == [
        (WALL, CHANGE),
        (WALL, up),
    ]


def test_only_the_latest_moves_are_kept() -> None:
    counts = counted(*(replace(CHANGE, before=n, after=n - 1) for n in range(RECENT_CHANGES + 5)))

    assert len(counts.recent_changes) == RECENT_CHANGES
    assert counts.recent_changes[0].change.before == 5


def test_a_bug_is_counted_with_its_request_only() -> None:
    assert not counted(BugFound(ValueError())).series


def test_tokens_are_summed_up_by_type_and_answers_by_how_they_are_known() -> None:
    series = counted(ATTEMPT, ATTEMPT, BROKEN, UNTOLD, REJECTED).series[KEY]

    assert series.tokens == {
        TokenType.INPUT: 210,
        TokenType.OUTPUT: 43,
        TokenType.CACHED_INPUT: 80,
        TokenType.REASONING: 10,
    }
    assert series.usages == {UsageSource.TOLD: 2, UsageSource.ESTIMATED: 1, UsageSource.ABSENT: 1}


def test_calls_that_were_spared_are_counted() -> None:
    series = counted(SHARED, SHARED, BATCH, AWAITED).series[KEY]

    assert (series.dedup_hits, series.batched, series.prefix_waits) == (2, 7, 1)
