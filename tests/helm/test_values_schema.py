"""The schema of the chart's values: complete, closed, and of one mind with the sidecar."""

import copy
import functools
import json
import operator
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.helm.rendering import CHART

SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))

FREE = {
    *("global", "behavior", "fallback", "affinity", "tolerations[]", "topologySpreadConstraints[]"),
    "extraManifests[]",
}
"""Pieces of Kubernetes' own API, which the API server checks."""

CONFIG = {
    "initialLimit": "SIDECAR_LIMIT_INITIAL",
    "minLimit": "SIDECAR_LIMIT_MIN",
    "maxLimit": "SIDECAR_LIMIT_MAX",
    "queueSize": "SIDECAR_QUEUE_SIZE",
    "queueTimeout": "SIDECAR_QUEUE_TIMEOUT",
    "decreaseFactor": "SIDECAR_LIMIT_DECREASE",
    "maxBufferedBytes": "SIDECAR_PROXY_MAX_BUFFERED_BYTES",
    "drainTimeoutSeconds": "SIDECAR_DRAIN_TIMEOUT",
}


def below(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key and item under a schema."""
    children = dict(schema.get("properties", {}))
    for key, child in list(children.items()):
        if "items" in child:
            children[f"{key}[]"] = child["items"]
    for key, child in children.items():
        yield key, child
        yield from below(child)


def test_every_key_is_described() -> None:
    assert [
        key for key, child in below(SCHEMA) if "[]" not in key and not child.get("description")
    ] == []


def test_every_object_is_closed() -> None:
    open_ones = {
        key
        for key, child in below(SCHEMA)
        if "object" in child.get("type", ())
        and not {"additionalProperties", "allOf", "then"} & child.keys()
    }

    assert SCHEMA["additionalProperties"] is False
    assert open_ones == FREE


@pytest.mark.parametrize(("key", "setting"), CONFIG.items())
def test_a_value_may_be_what_the_setting_may_be(key: str, setting: str) -> None:
    sidecar = SCHEMA["properties"]["sidecar"]["properties"]
    value = sidecar["config"]["properties"][key]
    allowed = sidecar["env"]["properties"][setting]

    for bound in ("minimum", "maximum", "exclusiveMinimum"):
        assert value.get(bound) == allowed.get(bound)


def defaults(
    schema: dict[str, Any], values: dict[str, Any], *path: str
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Path and schema of every default of the chart's own, at all depths."""
    for key, value in values.items():
        if child := schema.get("properties", {}).get(key):
            yield (*path, key), child
            if isinstance(value, dict):
                yield from defaults(child, value, *path, key)


DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


def problems(values: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(values)]


def with_value(path: str, value: object) -> dict[str, Any]:
    values: dict[str, Any] = copy.deepcopy(DEFAULTS)
    *parents, key = path.split(".")
    functools.reduce(operator.getitem, parents, values)[key] = value
    return values


def test_a_default_cannot_be_taken_away_unless_it_may_be_null() -> None:
    for path, child in defaults(SCHEMA, DEFAULTS):
        values = copy.deepcopy(DEFAULTS)
        del functools.reduce(operator.getitem, path[:-1], values)[path[-1]]

        assert bool(problems(values)) == ("null" not in child.get("type", ())), path


def test_the_defaults_of_a_dependency_are_allowed() -> None:
    assert problems({**DEFAULTS, "global": {"any": 1}, "enabled": True}) == []


HTTP = {"httpGet": {"path": "/readyz", "port": "llm-metrics"}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sidecar.securityContext", {"runAsNonRot": True}),
        ("sidecar.securityContext", {"runAsUser": "0"}),
        ("sidecar.securityContext", {"seccompProfile": {"type": "Default"}}),
        ("sidecar.livenessProbe", {**HTTP, "periodSeconds": "10s"}),
        ("sidecar.livenessProbe", {**HTTP, "periodSeconds": -1}),
        ("sidecar.livenessProbe", {**HTTP, "tcpSocket": {"port": 1}}),
        ("sidecar.startupProbe", {"httpGet": {"prt": 1}}),
        ("sidecar.startupProbe", {"httpGet": {"port": 0}}),
        ("sidecar.readinessProbe", {}),
        ("sidecar.extraEnv", [{"name": "A", "valueFrom": {"secretKeyRf": {}}}]),
        ("sidecar.extraEnv", [{"name": "A", "valueFrom": {}}]),
        ("sidecar.extraEnv", [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "k"}}}]),
        ("sidecar.envFrom", [{"configMap": {"name": "a"}}]),
        ("sidecar.envFrom", [{"secretRef": {}}]),
        ("injection.namespaceSelector", {"matchLables": {"a": "b"}}),
        ("injection.namespaceSelector", {"matchLabels": {"a": True}}),
        ("injection.namespaceSelector", {"matchExpressions": [{"key": "a", "operator": "Is"}]}),
        ("podMonitor.namespaceSelector", {"matchLabels": {"a": "b"}}),
        ("sidecar.config.upstreams", "vllm"),
        ("sidecar.config.upstreams", "vllm=ftp://host"),
        ("commonLabels", {"app.kubernetes.io/name": "x"}),
        ("injector.podLabels", {"helm.sh/chart": "x"}),
    ],
)
def test_a_value_that_would_break_pods_is_refused(path: str, value: object) -> None:
    assert problems(with_value(path, value)) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sidecar.securityContext", {}),
        ("sidecar.livenessProbe", None),
        ("sidecar.livenessProbe", {"grpc": {"port": 1}, "initialDelaySeconds": 0}),
        ("sidecar.readinessProbe", {"exec": {"command": ["true"]}}),
        ("sidecar.extraEnv", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec"}}}]),
        ("sidecar.envFrom", [{"prefix": "A_", "secretRef": {"name": "a", "optional": True}}]),
        ("injection.namespaceSelector", {"matchLabels": {"a": "b"}}),
        ("podMonitor.namespaceSelector", {"matchNames": ["chat"]}),
        ("sidecar.config.upstreams", "a=http://c,b:vllm=http://d:8000/v1"),
        ("sidecar.config.upstreams", '{\n  "b:vllm": "http://d"\n}\n'),
        ("injector.podLabels", {"sidecar.istio.io/inject": "false"}),
    ],
)
def test_a_value_that_pods_may_have_is_allowed(path: str, value: object) -> None:
    assert problems(with_value(path, value)) == []
