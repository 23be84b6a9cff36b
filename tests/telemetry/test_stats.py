"""The JSON of /stats."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from sidecar.outcomes import RejectionKind, RequestStatus
from sidecar.telemetry.series import SeriesObserver
from sidecar.telemetry.stats import Stats
from sidecar.telemetry.views import LimiterView
from sidecar.version import __version__
from tests.telemetry.made import (
    ATTEMPT,
    CHANGE,
    QUEUED,
    QUOTA,
    REJECTED,
    REQUEST,
    RETRY,
    SOCKETS,
    VIEW,
)

WALL = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)


def snapshot(*events: object, views: Iterable[LimiterView] = ()) -> dict[str, Any]:
    """As it arrives over the wire."""
    counts = SeriesObserver(lambda: WALL)
    times = iter((100.0, 107.5))
    stats = Stats(counts, lambda: views, lambda: SOCKETS, lambda: next(times))
    for event in events:
        counts.notify(event)  # type: ignore[arg-type]  # only events are passed
    document: dict[str, Any] = orjson.loads(orjson.dumps(stats.snapshot()))
    return document


def test_without_traffic_everything_is_zero_or_unknown() -> None:
    assert snapshot() == {
        "version": __version__,
        "uptime_seconds": 7.5,
        "totals": {
            "total_requests": 0,
            "successful_requests": 0,
            "rejected_requests": 0,
            "success_rate": None,
            "current_concurrency": 0,
            "queue_depth": 0,
        },
        "limits": [],
        "websockets": [{"upstream": "openai", "model": "gpt", "open": 2, "opened": 5}],
        "recent_limit_changes": [],
    }


def test_a_limit_shows_its_state_and_its_counts() -> None:
    shed = replace(REQUEST, status=RequestStatus.SHED, reason="queue_full")
    limited = replace(REQUEST, status=RequestStatus.RATE_LIMITED)

    events = (REQUEST, REQUEST, shed, limited, ATTEMPT, REJECTED, RETRY, QUEUED, QUOTA)
    (limit,) = snapshot(*events, views=[VIEW])["limits"]

    assert limit == {
        "upstream": "openai",
        "model": "gpt",
        "total_requests": 4,
        "successful_requests": 2,
        "rejected_requests": 1,
        "success_rate": 0.5,
        "current_concurrency": 3,
        "limit": 9,
        "queue_depth": 2,
        "admissible_demand": 5,
        "p95_latency_seconds": 0.75,
        "baseline_latency_seconds": 0.5,
        "upstream_limited": True,
        "wait_reason": "learned_rate",
        "learned_rate_per_second": 4.75,
        "provider_remaining": {"requests": 12.0},
        "attempts": 2,
        "retries_by_reason": {"overload": 1},
        "waits_by_reason": {"limit": 1},
        "requests_by_status": {"ok": 2, "shed": 1, "rate_limited": 1},
        "rejections_by_kind": {RejectionKind.RATE.value: 1},
        "shed_by_reason": {"queue_full": 1},
    }


def test_counts_outlive_their_limiter_and_a_limiter_needs_no_counts() -> None:
    limits = snapshot(REQUEST, views=[replace(VIEW, model="new")])["limits"]

    assert [(limit["model"], limit["limit"], limit["total_requests"]) for limit in limits] == [
        ("gpt", None, 1),
        ("new", 9, 0),
    ]


def test_totals_are_sums() -> None:
    failed = replace(REQUEST, model="b", status=RequestStatus.SERVER_ERROR)

    totals = snapshot(REQUEST, failed, REJECTED, views=[VIEW, replace(VIEW, model="b")])["totals"]

    assert totals == {
        "total_requests": 2,
        "successful_requests": 1,
        "rejected_requests": 1,
        "success_rate": 0.5,
        "current_concurrency": 6,
        "queue_depth": 4,
    }


def test_moves_of_the_limit_have_time_and_reason() -> None:
    assert snapshot(CHANGE)["recent_limit_changes"] == [
        {
            "at": "2026-11-24T12:30:15.123+00:00",
            "upstream": "openai",
            "model": "gpt",
            "before": 10,
            "after": 9,
            "reason": "overload",
        }
    ]
