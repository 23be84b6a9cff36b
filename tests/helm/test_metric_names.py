"""Whatever the chart asks for, a running sidecar has: metrics, their labels, and answers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.telemetry.catalogue import METRICS
from sidecar.telemetry.injections import CERTIFICATE_EXPIRY, REVIEWS
from tests.helm.monitoring import (
    TARGET,
    adapter_rules,
    asked,
    dashboard,
    keda_queries,
    panel_queries,
    rendered,
    rule_groups,
)
from tests.helm.prometheus import scraping
from tests.helm.tools import tool
from tests.helm.traffic import everything, sidecar
from tests.integration.rig import Rig

TARGET_LABELS = {"namespace", "pod", "job", "instance"}
"""What Prometheus itself puts to every series of a target."""

OUTSIDE = {
    # Prometheus
    "up": set[str](),
    # kube-state-metrics
    "kube_deployment_status_replicas": {"deployment"},
    "kube_statefulset_status_replicas": {"statefulset"},
    "kube_pod_init_container_status_ready": {"container"},
    "kube_pod_init_container_status_restarts_total": {"container"},
    "kube_pod_init_container_status_running": {"container"},
    "kube_pod_status_phase": {"phase"},
    # the kubelet
    "container_memory_working_set_bytes": {"container"},
}
"""Metrics of others that may be asked for, with their own labels."""

SELDOM = {"ai_api_learned_rate"}
"""Only long push-back brings these about."""

INJECTOR = {metric.name: set(metric.labels) for metric in (REVIEWS, CERTIFICATE_EXPIRY)}
"""Metrics of `llm-sidecar injector`, which is no sidecar."""

_METRIC = re.compile(
    r"\b(ai_api_\w+|llm_sidecar_\w+|kube_\w+|container_\w+_\w+|up)\b(?:\{([^}]*)\})?"
)
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


def _queries(helm: Path) -> Iterator[str]:
    yield from panel_queries(dashboard(helm))
    yield from (rule["expr"] for group in rule_groups(helm) for rule in group["rules"])
    yield from (asked(rule, 'namespace="shop"') for rule in adapter_rules(helm))
    yield from (rule["seriesQuery"] for rule in adapter_rules(helm))
    yield from keda_queries(helm, queueDepth=2)


async def _exported(it: Rig) -> dict[str, set[str]]:
    """Names of its series as they are scraped, with their labels."""
    await everything(it)
    text = (await it.admin("/metrics")).body.decode()
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_every_metric_and_label_that_is_asked_for_exists(helm3: Path) -> None:
    async with sidecar() as it:
        known = OUTSIDE | INJECTOR | await _exported(it)
    known |= {metric.name: set(metric.labels) for metric in METRICS if metric.name in SELDOM}

    for query in _queries(helm3):
        asked_for = _METRIC.findall(query)
        assert asked_for, query
        made = set(re.findall(r'label_replace\(.+?, "(\w+)"', query))
        available = set(TARGET_LABELS) | made
        for name, matchers in asked_for:
            assert name in known, f"{name} in {query}"
            available |= known[name]
            for label in _MATCHER.findall(matchers):
                assert label in known[name] | TARGET_LABELS, f"{label} of {name} in {query}"
        for labels in _GROUPING.findall(query):
            assert {label.strip() for label in labels.split(",")} <= available, query


def test_every_metric_of_the_product_is_on_the_dashboard(helm3: Path) -> None:
    shown = " ".join(panel_queries(dashboard(helm3)))

    assert [metric.name for metric in METRICS if metric.name not in shown] == []


def test_the_autoscaler_asks_for_what_the_adapter_offers(helm3: Path) -> None:
    (scaler,) = rendered(
        helm3,
        "HorizontalPodAutoscaler",
        autoscaling={"provider": "hpa", "targets": [TARGET | {"queueDepth": 2}]},
    )
    asks = [metric["pods"]["metric"]["name"] for metric in scaler["spec"]["metrics"]]

    assert asks == [rule["name"]["as"] for rule in adapter_rules(helm3)]


EMPTY_HERE = re.compile(rf"{'|'.join(SELDOM)}|kube_|container_memory|up\{{|queue_depth\{{.*/ sum")
"""Queries without an answer here: from others, and of calls that wait where none does."""


@pytest.mark.slow
async def test_prometheus_has_an_answer_for_every_panel(helm3: Path, tmp_path: Path) -> None:
    labels = {"namespace": "shop", "pod": "web-6c5b9d7f4-x2x4z"}
    async with sidecar() as it:
        await everything(it)
        target = [(it.sidecar.admin_port, labels)]
        async with scraping(tool("prometheus"), tmp_path, target) as prometheus:
            await prometheus.scraped(2, 1)
            for query in panel_queries(dashboard(helm3)):
                answer = await prometheus.query(re.sub(r"\$[a-z]+", ".+", query))
                assert answer or EMPTY_HERE.search(query), query
