"""Pods as apps have them, and what is looked at in them."""

import re
from copy import deepcopy
from typing import Any

from tests.cluster.api import Object

OPT_IN = {"llm-sidecar.io/inject": "true"}
"""The label of a pod that wants the sidecar."""


def container(name: str = "app", **fields: Any) -> Object:
    """A container of the app."""
    return {"name": name, "image": "app:1", **fields}


def pod(
    *containers: Object,
    name: str = "app",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Object:
    """A pod that wants the sidecar; `annotations` without their prefix `llm-sidecar.io/`."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": OPT_IN if labels is None else labels,
            **({"annotations": prefixed(annotations)} if annotations is not None else {}),
        },
        "spec": {"containers": list(containers or [container()]), **spec},
    }


def prefixed(annotations: dict[str, str]) -> dict[str, str]:
    """The same with the prefix."""
    return {f"llm-sidecar.io/{key}": value for key, value in annotations.items()}


def sidecar(pod: Object) -> Object:
    """The sidecar of an injected pod, which stands before everything else."""
    first: Object = pod["spec"]["initContainers"][0]
    assert first["name"] == "llm-sidecar"
    return first


def injected(pod: Object) -> bool:
    """Whether it has the sidecar."""
    return any(it["name"] == "llm-sidecar" for it in pod["spec"].get("initContainers", ()))


def values(container: Object) -> dict[str, str | None]:
    """A container's variables by name; None where the value is not literal."""
    env = container.get("env", [])
    return {it["name"]: None if "valueFrom" in it else it.get("value", "") for it in env}


def comparable(pod: Object) -> Object:
    """A pod without what two equal ones differ in: identity, time, who wrote it."""
    pod = deepcopy(pod)
    for key in ("uid", "creationTimestamp", "resourceVersion", "managedFields", "namespace"):
        pod["metadata"].pop(key, None)
    _rename_token_volume(pod["spec"])
    return pod


def _rename_token_volume(spec: Object) -> None:
    mounts = [
        mount
        for key in ("containers", "initContainers")
        for container in spec.get(key, ())
        for mount in container.get("volumeMounts", ())
    ]
    for it in (*mounts, *spec.get("volumes", ())):
        it["name"] = re.sub(r"^kube-api-access-\w{5}$", "kube-api-access", it["name"])


def annotations_named(warnings: list[str]) -> set[str]:
    """The annotations that warnings are about, not those that they advise to see."""
    return {
        name for text in warnings for name in re.findall(r"(?<!see )llm-sidecar\.io/[\w-]+", text)
    }
