"""PURE: what is changed in a pod, as JSON Patch (RFC 6902). The chart's policy does the same in CEL."""

from collections.abc import Iterator, Mapping
from typing import Any

from sidecar.injector.annotations import PREFIX, STATUS
from sidecar.injector.app_env import app_env
from sidecar.injector.config import CONTAINER_NAME, InjectorConfig
from sidecar.injector.container import sidecar_container
from sidecar.injector.overrides import Overrides, read_overrides
from sidecar.injector.pods import Pod, given, grace_period

Operation = dict[str, Any]
"""`add` only: where something stands already, it replaces it."""

_KINDS = ("containers", "initContainers")


def patch(pod: Pod, config: InjectorConfig) -> tuple[list[Operation], list[str]]:
    """The operations in order, and the warnings for whoever creates the pod.

    None of both for a pod that does not ask for a sidecar, or has one (the API server may ask twice),
    and for Windows, whose pods would be refused for the sidecar's security context.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    names = {each["name"] for kind in _KINDS for each in given(spec, kind, [])}
    wanted = given(metadata, "labels", {}).get(PREFIX + "inject") == "true"
    windows = given(spec, "os", {}).get("name") == "windows"
    if not wanted or windows or CONTAINER_NAME in names:
        return [], []
    overrides, warnings = read_overrides(
        given(metadata, "annotations", {}),
        config.container,
        names=frozenset(names),
        grace_period=grace_period(spec),
        pod_resources=spec.get("resources") is not None,
    )
    operations = [
        *_app_env(spec, overrides, config.app_env),
        *_sidecar(spec, sidecar_container(config.container, overrides)),
        *_grace_period(spec, overrides.grace_period),
        *_text(metadata, "labels", PREFIX + "injected", "true"),
        *_text(metadata, "annotations", PREFIX + STATUS, config.status),
    ]
    return operations, warnings


def _app_env(spec: Pod, overrides: Overrides, wanted: Mapping[str, str]) -> Iterator[Operation]:
    """Before the sidecar is put first: until then the pod's own indices hold."""
    for kind in _KINDS:
        for index, container in enumerate(given(spec, kind, [])):
            if overrides.containers is None or container["name"] in overrides.containers:
                yield from _env(f"/spec/{kind}/{index}/env", container.get("env"), wanted)


def _env(
    path: str, env: list[dict[str, Any]] | None, wanted: Mapping[str, str]
) -> Iterator[Operation]:
    before = env or []
    after = app_env(before, wanted)
    if env is None:
        if after:
            yield _add(path, after)
        return
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        if old != new:
            yield _add(f"{path}/{index}/value", new["value"])
    for entry in after[len(before) :]:
        yield _add(f"{path}/-", entry)


def _sidecar(spec: Pod, container: dict[str, Any]) -> Iterator[Operation]:
    """First of all: the app's own init containers may call providers too."""
    if spec.get("initContainers") is None:
        yield _add("/spec/initContainers", [container])
    else:
        yield _add("/spec/initContainers/0", container)


def _grace_period(spec: Pod, seconds: int) -> Iterator[Operation]:
    if seconds != grace_period(spec):
        yield _add("/spec/terminationGracePeriodSeconds", seconds)


def _text(metadata: Pod, kind: str, key: str, text: str) -> Iterator[Operation]:
    if metadata.get(kind) is None:
        yield _add(f"/metadata/{kind}", {key: text})
    else:
        yield _add(f"/metadata/{kind}/{key.replace('~', '~0').replace('/', '~1')}", text)


def _add(path: str, value: Any) -> Operation:
    return {"op": "add", "path": path, "value": value}
