"""What runs in a cluster because of the chart is fit for Pod Security "restricted", and behaves."""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helm.rendering import OLDEST_AND_NEWEST, Manifest, manifests, name

Check = Callable[[dict[str, Any]], object]
"""Whether one part of a manifest is as it should be."""

CONTAINER: dict[str, Check] = {
    "has a cpu request": lambda it: it["resources"]["requests"]["cpu"],
    "has a memory request": lambda it: it["resources"]["requests"]["memory"],
    "has a memory limit": lambda it: it["resources"]["limits"]["memory"],
    "has an image of one version": lambda it: _tag(it["image"]) not in {"", "latest"},
    "drops every capability": lambda it: it["securityContext"]["capabilities"] == {"drop": ["ALL"]},
    "gains no privileges": lambda it: it["securityContext"]["allowPrivilegeEscalation"] is False,
    "has the runtime's seccomp profile": lambda it: (
        it["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    ),
    "is not root": lambda it: (
        it["securityContext"]["runAsNonRoot"] and it["securityContext"]["runAsUser"] > 0
    ),
    "writes to no root file system": lambda it: it["securityContext"]["readOnlyRootFilesystem"],
}

POD: dict[str, Check] = {
    "has no token of a service account": lambda it: it["automountServiceAccountToken"] is False,
    "shares nothing with its node": lambda it: (
        not {"hostIPC", "hostNetwork", "hostPID"} & it.keys()
        and all("hostPath" not in volume for volume in it.get("volumes", ()))
    ),
}

OBJECT: dict[str, tuple[str, Check]] = {
    "are apart where they are several": (
        "Deployment",
        lambda it: it["spec"]["replicas"] == 1 or it["spec"]["template"]["spec"]["affinity"],
    ),
    "holds up no drain by a pod that is not ready": (
        "PodDisruptionBudget",
        lambda it: it["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow",
    ),
    "leaves few finished jobs": (
        "CronJob",
        lambda it: (
            it["spec"]["successfulJobsHistoryLimit"] + it["spec"]["failedJobsHistoryLimit"] < 4
        ),
    ),
    "delays a pod by seconds at most": (
        "MutatingWebhookConfiguration",
        lambda it: all(webhook["timeoutSeconds"] <= 10 for webhook in it["webhooks"]),
    ),
    "watches only labelled pods": (
        "MutatingWebhookConfiguration",
        lambda it: all(webhook["objectSelector"]["matchLabels"] for webhook in it["webhooks"]),
    ),
}

POD_TEMPLATES = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "Pod": (),
    "StatefulSet": ("spec", "template"),
}
"""Where kinds have a pod."""

SELECTORS = {
    "NetworkPolicy": ("spec", "podSelector", "matchLabels"),
    "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
    "PodMonitor": ("spec", "selector", "matchLabels"),
    "Service": ("spec", "selector"),
    "ServiceMonitor": ("spec", "selector", "matchLabels"),
}
"""Where kinds select pods, or a ServiceMonitor services."""

USERS_PODS = {"llm-sidecar.io/injected": "true"}
"""Selects what the chart does not make."""


@pytest.fixture(scope="module")
def renderings(helm4: Path) -> list[list[Manifest]]:
    return [manifests(helm4, values, kubernetes) for values, kubernetes in OLDEST_AND_NEWEST]


@pytest.mark.parametrize("check", CONTAINER)
def test_every_container(renderings: list[list[Manifest]], check: str) -> None:
    containers = [
        (f"{name(each)}: {container['name']}", container)
        for objects in renderings
        for each in objects
        for container in _containers(each)
    ]

    assert {"injector", "llm-sidecar", "app"} <= {container["name"] for _, container in containers}
    assert _failing(containers, CONTAINER[check]) == set()


@pytest.mark.parametrize("check", POD)
def test_every_pod(renderings: list[list[Manifest]], check: str) -> None:
    pods = [
        (name(each), pod["spec"])
        for objects in renderings
        for each in objects
        for pod in _pods(each)
    ]

    assert pods
    assert _failing(pods, POD[check]) == set()


@pytest.mark.parametrize("check", OBJECT)
def test_every_object(renderings: list[list[Manifest]], check: str) -> None:
    kind, holds = OBJECT[check]
    objects = [
        (name(each), each) for objects in renderings for each in objects if each["kind"] == kind
    ]

    assert objects
    assert _failing(objects, holds) == set()


def test_every_selector_finds_something(renderings: list[list[Manifest]]) -> None:
    for objects in renderings:
        pods = [pod["metadata"]["labels"] for each in objects for pod in _pods(each)]
        services = [each["metadata"]["labels"] for each in objects if each["kind"] == "Service"]
        for each in objects:
            if each["kind"] in SELECTORS:
                wanted = _at(each, SELECTORS[each["kind"]])
                there = services if each["kind"] == "ServiceMonitor" else pods
                found = any(wanted.items() <= labels.items() for labels in there)
                assert found or wanted == USERS_PODS, name(each)


def _failing(parts: list[tuple[str, dict[str, Any]]], check: Check) -> set[str]:
    def holds(part: dict[str, Any]) -> bool:
        try:
            return bool(check(part))
        except KeyError:
            return False

    return {name for name, part in parts if not holds(part)}


def _pods(manifest: Manifest) -> Iterator[dict[str, Any]]:
    if manifest["kind"] in POD_TEMPLATES:
        yield _at(manifest, POD_TEMPLATES[manifest["kind"]])


def _containers(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Those of its pod; and the one that the webhook server adds to others'."""
    for pod in _pods(manifest):
        yield from pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
    if injected := manifest.get("data", {}).get("injector.json"):
        yield json.loads(injected)["container"]


def _at(manifest: Manifest, path: tuple[str, ...]) -> dict[str, Any]:
    return functools.reduce(lambda part, key: part[key], path, manifest)


def _tag(image: str) -> str:
    """Version or digest of an image; empty for none."""
    return image.rpartition("/")[2].partition("@" if "@" in image else ":")[2]
