"""The table of metrics."""

import re

import pytest

from sidecar.telemetry.catalogue import METRICS, SERIES, Metric

LABELLED = {
    "ai_api_requests_total": ("status",),
    "ai_api_latency_seconds": ("endpoint",),
    "ai_api_limit_changes_total": ("direction", "reason"),
    "ai_api_rejections_total": ("kind",),
    "ai_api_retries_total": ("reason",),
    "ai_api_waits_total": ("reason",),
    "ai_api_provider_remaining": ("unit",),
    "ai_api_shed_total": ("reason",),
    "ai_api_tokens_used_total": ("type",),
    "ai_api_usage_missing_total": ("reason",),
}
UNLABELLED = {"ai_api_overhead_seconds": (), "ai_api_build_info": ("version",)}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_rules(metric: Metric) -> None:
    assert re.fullmatch(r"ai_api_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_seconds") >= (metric.kind == "histogram")
    assert metric.help.endswith(".")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_labels_are_the_promised_ones(metric: Metric) -> None:
    """Upstream and model, unless said otherwise, with a few more."""
    expected = UNLABELLED.get(metric.name, (*SERIES, *LABELLED.get(metric.name, ())))

    assert metric.labels == expected


def test_no_name_is_used_twice() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_the_family_of_a_counter_is_its_name_without_total() -> None:
    assert Metric("a_total", "counter", "").family == "a"
    assert Metric("a_total_x", "gauge", "").family == "a_total_x"
