"""PURE: the sidecar's container in one pod."""

from collections.abc import Mapping
from typing import Any

from sidecar.injector.overrides import KILL_MARGIN, Overrides

_DRAIN_TIMEOUT = "SIDECAR_DRAIN_TIMEOUT"
_LONGEST_DRAIN = 86_400
"""The setting takes no more, and a sidecar that cannot start would hold the whole pod up."""


def sidecar_container(container: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    """The configured container with a pod's overrides, as a native sidecar."""
    return {
        **container,
        "image": overrides.image or container["image"],
        "restartPolicy": "Always",
        "env": _env(container.get("env", []), overrides),
        "resources": _resources(container.get("resources", {}), overrides.resources),
    }


def _resources(
    base: Mapping[str, Mapping[str, Any]], amounts: Mapping[str, str] | None
) -> dict[str, dict[str, Any]]:
    if amounts is None:
        return {}
    resources = {kind: dict(given) for kind, given in base.items()}
    for place, amount in amounts.items():
        kind, _, resource = place.partition(".")
        resources.setdefault(kind, {})[resource] = amount
    return resources


def _env(base: list[dict[str, Any]], overrides: Overrides) -> list[dict[str, Any]]:
    env = [entry for entry in base if entry["name"] not in overrides.env]
    env += [{"name": name, "value": value} for name, value in overrides.env.items()]
    if all(entry["name"] != _DRAIN_TIMEOUT for entry in env):
        longest = min(_LONGEST_DRAIN, max(1, overrides.grace_period - KILL_MARGIN))
        env.append({"name": _DRAIN_TIMEOUT, "value": str(longest)})
    return env
