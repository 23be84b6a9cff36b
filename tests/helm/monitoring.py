"""What the chart renders for monitoring and autoscaling, for whoever asks for some of its values."""

import functools
import json
from pathlib import Path
from typing import Any

import yaml

from tests.helm.rendering import CHART, Manifest, read, run

TARGET = {"name": "web", "namespace": "shop", "maxReplicas": 10, "admissibleDemand": 8}
"""Something to scale."""


def rendered(helm: Path, kind: str, **values: Any) -> list[Manifest]:
    """The manifests of this kind."""
    return [each for each in _rendered(helm, json.dumps(values)) if each["kind"] == kind]


@functools.cache
def _rendered(helm: Path, values: str) -> list[Manifest]:
    result = run(
        *(helm, "template", "release", CHART, "--namespace", "llm"),
        *("--kube-version", "1.36.0", "--values", "-"),
        stdin=values,
    )
    assert result.returncode == 0, result.stderr
    return read(result.stdout)


def rule_groups(helm: Path, **thresholds: Any) -> list[dict[str, Any]]:
    """All alerts, as groups of a Prometheus rule file: the injector's need a webhook and a monitor."""
    values = {
        "prometheusRule": {"enabled": True, "thresholds": thresholds},
        "injection": {"mode": "webhook"},
        "podMonitor": {"enabled": True},
    }
    groups: list[dict[str, Any]] = rendered(helm, "PrometheusRule", **values)[0]["spec"]["groups"]
    return groups


def dashboard(helm: Path) -> dict[str, Any]:
    """The dashboard, as it stands in its ConfigMap."""
    values = {"grafanaDashboard": {"enabled": True}}
    (config_map,) = (
        each for each in rendered(helm, "ConfigMap", **values) if "llm-sidecar.json" in each["data"]
    )
    found: dict[str, Any] = json.loads(config_map["data"]["llm-sidecar.json"])
    return found


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Its panels without the rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel_queries(board: dict[str, Any]) -> list[str]:
    """What its panels ask, Grafana's own variables put in: they are no PromQL."""
    return [
        target["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h")
        for panel in panels(board)
        for target in panel["targets"]
    ]


def adapter_rules(helm: Path) -> list[dict[str, Any]]:
    """The rules for prometheus-adapter."""
    values = {"prometheusAdapter": {"rulesConfigMap": {"enabled": True}}}
    (config_map,) = (
        each for each in rendered(helm, "ConfigMap", **values) if "config.yaml" in each["data"]
    )
    rules: list[dict[str, Any]] = yaml.safe_load(config_map["data"]["config.yaml"])["rules"]
    return rules


def asked(rule: dict[str, Any], matchers: str) -> str:
    """A rule's query as the adapter asks it for pods."""
    query: str = rule["metricsQuery"]
    series = rule["seriesQuery"].partition("{")[0]
    for variable, value in (
        ("<<.Series>>", series),
        ("<<.LabelMatchers>>", matchers),
        ("<<.GroupBy>>", "pod"),
    ):
        query = query.replace(variable, value)
    return query


def keda_queries(helm: Path, **target: Any) -> list[str]:
    """What KEDA asks Prometheus for this target."""
    autoscaling = {
        "provider": "keda",
        "keda": {"serverAddress": "http://prometheus:9090"},
        "targets": [TARGET | target],
    }
    (scaled,) = rendered(helm, "ScaledObject", autoscaling=autoscaling)
    return [
        trigger["metadata"]["query"]
        for trigger in scaled["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]
