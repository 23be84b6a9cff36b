"""PURE: a pod as it comes from the API server, checked as deep as it is read."""

from typing import Any

from sidecar.errors import ReviewError

Pod = dict[str, Any]
"""What `check_pod` has let pass, or a part of it."""

_DEFAULT_GRACE_PERIOD = 30
_MOST_CONTAINERS = 256
"""Of each kind: every one is answered with more bytes than it has, and no real pod comes near."""


def given(owner: Pod, key: str, default: Any) -> Any:
    """What stands there. Absent and null are the same, as they are for the API server."""
    value = owner.get(key)
    return default if value is None else value


def grace_period(spec: Pod) -> int:
    """Seconds between SIGTERM and SIGKILL."""
    seconds: int = given(spec, "terminationGracePeriodSeconds", _DEFAULT_GRACE_PERIOD)
    return seconds


def check_pod(pod: Any) -> Pod:
    """The pod itself.

    Raises ReviewError that names the place, and nothing that stands in the pod.
    """
    checked = _object("object", pod)
    metadata = _object("metadata", checked.get("metadata"))
    for key in ("labels", "annotations"):
        texts = _object(f"metadata.{key}", given(metadata, key, {}))
        if not all(isinstance(text, str) for text in texts.values()):
            raise ReviewError(f"metadata.{key}: every value must be a text")
    spec = _object("spec", checked.get("spec"))
    if type(given(spec, "terminationGracePeriodSeconds", 0)) is not int:  # a bool is none
        raise ReviewError("spec.terminationGracePeriodSeconds: must be a whole number")
    _object("spec.os", given(spec, "os", {}))
    if not spec.get("containers"):
        raise ReviewError("spec.containers: must be a list that is not empty")
    for key in ("containers", "initContainers"):
        containers = _list(f"spec.{key}", given(spec, key, []))
        if len(containers) > _MOST_CONTAINERS:
            raise ReviewError(f"spec.{key}: must be at most {_MOST_CONTAINERS}")
        for index, container in enumerate(containers):
            _check_container(f"spec.{key}[{index}]", container)
    return checked


def _check_container(place: str, container: Any) -> None:
    _check_name(place, container)
    for index, entry in enumerate(_list(f"{place}.env", given(container, "env", []))):
        _check_name(f"{place}.env[{index}]", entry)
        if not isinstance(given(entry, "value", ""), str):
            raise ReviewError(f"{place}.env[{index}].value: must be a text")


def _check_name(place: str, named: Any) -> None:
    if not isinstance(_object(place, named).get("name"), str):
        raise ReviewError(f"{place}.name: must be a text")


def _object(place: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ReviewError(f"{place}: must be an object")
    return value


def _list(place: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ReviewError(f"{place}: must be a list")
    return value
