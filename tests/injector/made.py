"""Pods, a configuration, and what becomes of the pods."""

import copy
from dataclasses import replace
from typing import Any

from sidecar.injector.config import InjectorConfig
from sidecar.injector.patch import patch

CONFIG = InjectorConfig(
    container={
        "name": "llm-sidecar",
        "image": "llm-sidecar:0.1.0",
        "env": [
            {"name": "SIDECAR_LOG_LEVEL", "value": "info"},
            {"name": "SIDECAR_DRAIN_IDLE", "value": "0"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "ports": [{"name": "llm-metrics", "containerPort": 18090}],
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        },
    },
    app_env={
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:18080/anthropic",
        "OPENAI_BASE_URL": "http://127.0.0.1:18080/v1",
    },
    status="0.1.0-0a1b2c3d",
)

ADDED = [{"name": name, "value": value} for name, value in CONFIG.app_env.items()]
"""What the app's containers get where they have nothing."""


def config(*env: tuple[str, str], **resources: dict[str, Any]) -> InjectorConfig:
    """The configuration with more variables of the sidecar, and with other resources."""
    more = [{"name": name, "value": value} for name, value in env]
    container = {**CONFIG.container, "env": CONFIG.container["env"] + more}
    if resources:
        container["resources"] = resources
    return replace(CONFIG, container=container)


def pod(
    *containers: dict[str, Any],
    init: list[dict[str, Any]] | None = None,
    annotations: dict[str, str] | None = None,
    grace: int | None = None,
) -> dict[str, Any]:
    """A labelled pod; annotations by their key without prefix."""
    spec: dict[str, Any] = {"containers": list(containers) or [{"name": "app", "image": "app:1"}]}
    if init is not None:
        spec["initContainers"] = init
    if grace is not None:
        spec["terminationGracePeriodSeconds"] = grace
    metadata: dict[str, Any] = {"name": "p", "labels": {"llm-sidecar.io/inject": "true"}}
    if annotations is not None:
        metadata["annotations"] = {f"llm-sidecar.io/{k}": v for k, v in annotations.items()}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def app(name: str = "app", **env: str) -> dict[str, Any]:
    """A container with these variables."""
    return {"name": name, "env": [{"name": n, "value": v} for n, v in env.items()]}


def injected(
    before: dict[str, Any], settings: InjectorConfig = CONFIG
) -> tuple[dict[str, Any], list[str]]:
    """The pod after its injection, and the warnings."""
    operations, warnings = patch(before, settings)
    return applied(before, operations), warnings


def sidecar_of(after: dict[str, Any]) -> dict[str, Any]:
    """The injected container."""
    container: dict[str, Any] = after["spec"]["initContainers"][0]
    return container


def applied(document: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """RFC 6902, as much of it as is used: `add` to objects and lists, strict about paths."""
    document = copy.deepcopy(document)
    for operation in operations:
        assert operation.keys() == {"op", "path", "value"}
        assert operation["op"] == "add"
        *way, last = (
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        )
        at: Any = document
        for part in way:
            at = at[int(part)] if isinstance(at, list) else at[part]
        value = copy.deepcopy(operation["value"])
        if isinstance(at, dict):
            at[last] = value
        else:
            index = len(at) if last == "-" else int(last)
            assert 0 <= index <= len(at)
            at.insert(index, value)
    return document
