"""What a scrape sees."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from sidecar.outcomes import RequestStatus
from sidecar.telemetry.catalogue import METRICS
from sidecar.telemetry.prometheus import MetricsCollector
from sidecar.telemetry.series import SeriesObserver
from sidecar.telemetry.views import LimiterView
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

KEY = {"upstream": "openai", "model": "gpt"}
SHED = replace(REQUEST, status=RequestStatus.SHED, reason="queue_full", client_retry=True)

EVENTS = (
    REQUEST, SHED, ATTEMPT, UNTOLD, BROKEN, REJECTED, CHANGE, RETRY, QUEUED, QUOTA, SHARED, BATCH,
    AWAITED,
)  # fmt: skip


def registry(*events: object, views: Iterable[LimiterView] = ()) -> CollectorRegistry:
    counts = SeriesObserver(lambda: datetime(2026, 11, 24, tzinfo=UTC))
    for event in events:
        counts.notify(event)  # type: ignore[arg-type]  # only events are passed
    registry = CollectorRegistry()
    registry.register(
        MetricsCollector(
            counts,
            lambda: views,
            lambda: SOCKETS if views else (),
            lambda: COSTS if views else (),
        )
    )
    return registry


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("ai_api_requests_total", {**KEY, "status": "ok"}, 1),
        ("ai_api_requests_total", {**KEY, "status": "shed"}, 1),
        ("ai_api_latency_seconds_sum", {**KEY, "endpoint": "chat"}, 3),
        ("ai_api_latency_seconds_bucket", {**KEY, "endpoint": "chat", "le": "2.5"}, 2),
        ("ai_api_time_to_first_byte_seconds_count", KEY, 1),
        ("ai_api_queue_wait_seconds_sum", KEY, 0.5),
        ("ai_api_overhead_seconds_count", {}, 2),
        ("ai_api_active_concurrency", KEY, 3),
        ("ai_api_concurrency_limit", KEY, 9),
        ("ai_api_queue_depth", KEY, 2),
        ("ai_api_admissible_demand", KEY, 5),
        ("ai_api_upstream_limited", KEY, 1),
        ("ai_api_p95_latency_seconds", KEY, 0.75),
        ("ai_api_baseline_latency_seconds", KEY, 0.5),
        ("ai_api_learned_rate", KEY, 4.75),
        ("ai_api_provider_remaining", {**KEY, "unit": "requests"}, 12),
        ("ai_api_retries_total", {**KEY, "reason": "overload"}, 1),
        ("ai_api_waits_total", {**KEY, "reason": "limit"}, 1),
        ("ai_api_limit_changes_total", {**KEY, "direction": "down", "reason": "overload"}, 1),
        ("ai_api_rate_limit_hits_total", KEY, 1),
        ("ai_api_rejections_total", {**KEY, "kind": "rate"}, 1),
        ("ai_api_attempts_total", KEY, 4),
        ("ai_api_client_retries_total", KEY, 1),
        ("ai_api_shed_total", {**KEY, "reason": "queue_full"}, 1),
        ("ai_api_tokens_used_total", {**KEY, "type": "input"}, 110),
        ("ai_api_tokens_used_total", {**KEY, "type": "output"}, 23),
        ("ai_api_tokens_used_total", {**KEY, "type": "cached_input"}, 40),
        ("ai_api_tokens_used_total", {**KEY, "type": "reasoning"}, 5),
        ("ai_api_usage_missing_total", {**KEY, "reason": "absent"}, 1),
        ("ai_api_usage_estimated_total", KEY, 1),
        ("ai_api_cost_usd_total", KEY, 1.25),
        ("ai_api_unpriced_requests_total", KEY, 3),
        ("ai_api_dedup_hits_total", KEY, 1),
        ("ai_api_batched_requests_total", KEY, 7),
        ("ai_api_prefix_waits_total", KEY, 1),
        ("ai_api_websockets_open", KEY, 2),
        ("ai_api_websockets_opened_total", KEY, 5),
        ("ai_api_build_info", {"version": __version__}, 1),
    ],
)
def test_events_and_states_become_samples(name: str, labels: dict[str, str], value: float) -> None:
    scraped = registry(*EVENTS, views=[VIEW])

    assert scraped.get_sample_value(name, labels) == value


def test_what_is_exported_is_what_the_catalogue_says() -> None:
    scraped = registry(*EVENTS, views=[VIEW])
    families = {family.name: family for family in scraped.collect()}

    assert set(families) == {metric.family for metric in METRICS}
    for metric in METRICS:
        family = families[metric.family]
        labels = {name for sample in family.samples for name in sample.labels}
        assert family.type == metric.kind
        assert family.documentation == metric.help
        assert labels - {"le"} == set(metric.labels)
        if metric.kind == "counter":
            assert {sample.name for sample in family.samples} == {metric.name}


def test_without_traffic_there_is_nothing_but_the_version_and_an_empty_histogram() -> None:
    scraped = registry()
    names = {sample.name for family in scraped.collect() for sample in family.samples}

    assert {name for name in names if not name.startswith("ai_api_overhead")} == {
        "ai_api_build_info"
    }


def test_what_is_not_known_yet_is_not_exported_as_a_number() -> None:
    scraped = registry(views=[replace(VIEW, p95=None, baseline=None, learned_rate=None)])

    assert scraped.get_sample_value("ai_api_p95_latency_seconds", KEY) is None
    assert scraped.get_sample_value("ai_api_baseline_latency_seconds", KEY) is None
    assert scraped.get_sample_value("ai_api_learned_rate", KEY) is None
    assert scraped.get_sample_value("ai_api_concurrency_limit", KEY) == 9


def test_a_name_with_quotes_is_escaped() -> None:
    text = generate_latest(registry(replace(REQUEST, model='a"b\\c'))).decode()

    assert 'model="a\\"b\\\\c"' in text
