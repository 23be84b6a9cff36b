"""The JSON of /stats."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from sidecar.outcomes import RejectionKind, RequestStatus
from sidecar.telemetry.series import SeriesObserver
from sidecar.telemetry.stats import Stats
from sidecar.telemetry.views import CostView, LimiterView
from sidecar.version import __version__
from tests.telemetry.made import (
    ATTEMPT,
    AWAITED,
    BATCH,
    BROKEN,
    CHANGE,
    COSTS,
    QUEUED,
    QUOTA,
    REJECTED,
    REQUEST,
    RETRY,
    SHARED,
    SOCKETS,
    UNTOLD,
    VIEW,
)

WALL = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)


def snapshot(
    *events: object, views: Iterable[LimiterView] = (), costs: Iterable[CostView] = COSTS
) -> dict[str, Any]:
    """As it arrives over the wire."""
    counts = SeriesObserver(lambda: WALL)
    times = iter((100.0, 107.5))
    stats = Stats(
        counts, lambda: views, lambda: SOCKETS, lambda: costs if views else (), lambda: next(times)
    )
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
            "tokens": {"input": 0, "output": 0, "cached_input": 0, "reasoning": 0},
            "cost_usd": None,
            "unpriced_requests": 0,
            "dedup_hits": 0,
            "batched_requests": 0,
        },
        "limits": [],
        "websockets": [{"upstream": "openai", "model": "gpt", "open": 2, "opened": 5}],
        "recent_limit_changes": [],
    }


def test_a_limit_shows_its_state_and_its_counts() -> None:
    shed = replace(REQUEST, status=RequestStatus.SHED, reason="queue_full")
    limited = replace(REQUEST, status=RequestStatus.RATE_LIMITED)

    events = (
        REQUEST, REQUEST, shed, limited, ATTEMPT, UNTOLD, BROKEN, REJECTED, RETRY, QUEUED, QUOTA,
        SHARED, BATCH, AWAITED,
    )  # fmt: skip
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
        "attempts": 4,
        "retries_by_reason": {"overload": 1},
        "waits_by_reason": {"limit": 1},
        "requests_by_status": {"ok": 2, "shed": 1, "rate_limited": 1},
        "rejections_by_kind": {RejectionKind.RATE.value: 1},
        "shed_by_reason": {"queue_full": 1},
        "tokens": {"input": 110, "output": 23, "cached_input": 40, "reasoning": 5},
        "answers_by_usage": {"told": 1, "absent": 1, "estimated": 1},
        "cost_usd": 1.25,
        "unpriced_requests": 3,
        "dedup_hits": 1,
        "batched_requests": 7,
        "prefix_waits": 1,
    }


def test_counts_outlive_their_limiter_and_a_limiter_needs_no_counts() -> None:
    limits = snapshot(REQUEST, views=[replace(VIEW, model="new")])["limits"]

    assert [(limit["model"], limit["limit"], limit["total_requests"]) for limit in limits] == [
        ("gpt", None, 1),
        ("new", 9, 0),
    ]


@pytest.mark.parametrize(
    ("usd", "unpriced", "told"), [(0.0, 3, None), (0.5, 3, 0.5), (0.0, 0, 0.0)]
)
def test_what_has_no_price_is_not_told_as_free(
    usd: float, unpriced: int, told: float | None
) -> None:
    shown = snapshot(views=[VIEW], costs=[CostView("openai", "gpt", usd, unpriced)])

    assert shown["limits"][0]["cost_usd"] == told
    assert shown["totals"]["cost_usd"] == told
    assert shown["totals"]["unpriced_requests"] == unpriced


def test_totals_are_sums() -> None:
    failed = replace(REQUEST, model="b", status=RequestStatus.SERVER_ERROR)

    other = replace(ATTEMPT, model="b")
    events = (REQUEST, failed, REJECTED, ATTEMPT, other, SHARED, BATCH)
    totals = snapshot(*events, views=[VIEW, replace(VIEW, model="b")])["totals"]

    assert totals == {
        "total_requests": 2,
        "successful_requests": 1,
        "rejected_requests": 1,
        "success_rate": 0.5,
        "current_concurrency": 6,
        "queue_depth": 4,
        "tokens": {"input": 200, "output": 40, "cached_input": 80, "reasoning": 10},
        "cost_usd": 1.25,
        "unpriced_requests": 3,
        "dedup_hits": 1,
        "batched_requests": 7,
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
