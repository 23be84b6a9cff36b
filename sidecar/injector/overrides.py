"""PURE: what a pod gets of what it asks for by annotation. The chart's policy has the same rules in CEL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.errors import ConfigError
from sidecar.injector.annotations import ANNOTATIONS, PREFIX, STATUS, Annotation
from sidecar.injector.quantities import quantity
from sidecar.upstream.routes import parse_upstreams

KILL_MARGIN = 2
"""Seconds between the sidecar's own end and the kubelet's."""

_MIN, _MAX, _INITIAL = "SIDECAR_LIMIT_MIN", "SIDECAR_LIMIT_MAX", "SIDECAR_LIMIT_INITIAL"
_DEFAULT_MIN, _DEFAULT_MAX = 1, 256

_BY_KEY = {annotation.key: annotation for annotation in ANNOTATIONS}
_ENV_ORDER = (_MIN, *(annotation.env for annotation in ANNOTATIONS if annotation.env))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What differs in one pod from what every pod gets."""

    env: Mapping[str, str]
    """Variables of the sidecar, in the order in which they are appended."""
    resources: Mapping[str, str] | None
    """Quantities of the sidecar, by `requests.cpu` and the like; None = the whole pod's hold for it."""
    image: str | None
    containers: frozenset[str] | None
    """Containers whose calls go through the sidecar; None = all."""
    grace_period: int
    """The pod's, in seconds."""


def read_overrides(
    annotations: Mapping[str, str],
    container: Mapping[str, Any],
    *,
    names: frozenset[str],
    grace_period: int,
    pod_resources: bool = False,
) -> tuple[Overrides, list[str]]:
    """What takes effect, and a warning for each annotation that does not.

    `container` is the sidecar before any override, `names` are those of the pod's containers,
    `grace_period` is the pod's own, `pod_resources` says that it has resources as a whole. Warnings never quote a value that is not allowed.
    """
    reading = _Reading(annotations, container)
    reading.check_upstreams()
    reading.check_initial_limit()
    if pod_resources:
        reading.leave_resources_to_the_pod()
    reading.check_resources()
    reading.check_containers(names)
    grace_period = reading.raised(grace_period)
    reading.check_drain_timeout(grace_period)
    return reading.overrides(grace_period, pod_resources=pod_resources), reading.warnings


class _Reading:
    """The annotations of one pod, those without effect being taken out one after the other."""

    def __init__(self, annotations: Mapping[str, str], container: Mapping[str, Any]) -> None:
        self.warnings: list[str] = []
        self._valid: dict[str, str] = {}
        self._env = {e["name"]: e.get("value", "") for e in container.get("env", [])}
        self._resources = container.get("resources", {})
        for name, value in sorted(annotations.items()):
            if name.startswith(PREFIX) and name != PREFIX + STATUS:
                self._read(name.removeprefix(PREFIX), value)

    def _read(self, key: str, value: str) -> None:
        annotation = _BY_KEY.get(key)
        if annotation is None:
            self.warnings.append(f"{PREFIX}{key} is not known and has no effect")
        elif not annotation.matches(value):
            self._warn(annotation, f"it must be {annotation.allowed}")
        else:
            self._valid[key] = value

    def _warn(self, annotation: Annotation, why: str) -> None:
        self.warnings.append(f"{annotation.name} has no effect: {why}")

    def _drop(self, key: str, why: str) -> None:
        if self._valid.pop(key, None) is not None:
            self._warn(_BY_KEY[key], why)

    def check_upstreams(self) -> None:
        """A sidecar that cannot start would hold the whole pod up."""
        if "upstreams" not in self._valid:
            return
        try:
            known = parse_upstreams(self._valid["upstreams"])
        except ConfigError:  # what the pattern cannot say: a name that is given twice
            known = {}
        if (self._env.get("SIDECAR_UPSTREAM_DEFAULT") or "openai") not in known:
            self._drop("upstreams", f"it must be {_BY_KEY['upstreams'].allowed}")

    def _number(self, name: str) -> int | None:
        text = self._env.get(name) or ""
        return int(text) if text.isascii() and text.isdigit() else None

    def check_initial_limit(self) -> None:
        """It must lie between floor and ceiling."""
        maximum = int(self._valid.get("max-concurrency") or self._number(_MAX) or _DEFAULT_MAX)
        minimum = min(self._number(_MIN) or _DEFAULT_MIN, maximum)
        if not minimum <= int(self._valid.get("initial-limit", minimum)) <= maximum:
            self._drop("initial-limit", f"it must lie between {minimum} and {maximum} here")

    def check_resources(self) -> None:
        """No request above its limit: the API server would refuse the pod."""
        for resource in ("cpu", "memory"):
            request, limit = (
                self._valid.get(f"{resource}-{kind}")
                or self._resources.get(f"{kind}s", {}).get(resource)
                for kind in ("request", "limit")
            )
            if None not in (request, limit) and quantity(str(request)) > quantity(str(limit)):
                for kind in ("request", "limit"):
                    self._drop(f"{resource}-{kind}", "the request would be higher than the limit")

    def leave_resources_to_the_pod(self) -> None:
        """What its containers request, the sidecar included, must not exceed what the pod does."""
        for annotation in ANNOTATIONS:
            if annotation.resource:
                self._drop(
                    annotation.key, "the resources of the whole pod hold for the sidecar too"
                )

    def check_containers(self, names: frozenset[str]) -> None:
        """A name that nobody has is most likely a typing error."""
        if not self._containers() <= names:
            self.warnings.append(
                f"{_BY_KEY['containers'].name} names a container that the pod does not have"
            )

    def _containers(self) -> frozenset[str]:
        return frozenset(self._valid.get("containers", "").split(",")) - {""}

    def raised(self, grace_period: int) -> int:
        """The pod's grace period, which is never made shorter."""
        asked = int(self._valid.get("termination-grace-period", grace_period))
        if asked < grace_period:
            self._drop("termination-grace-period", f"the pod has {grace_period} seconds already")
        return max(asked, grace_period)

    def check_drain_timeout(self, grace_period: int) -> None:
        """The kubelet does not wait for a longer one."""
        longest = grace_period - KILL_MARGIN
        if float(self._valid.get("drain-timeout", longest)) > longest:
            self.warnings.append(
                f"{_BY_KEY['drain-timeout'].name} is longer than the pod's grace period allows:"
                f" the pod is ended after {grace_period} seconds; see {PREFIX}termination-grace-period"
            )

    def overrides(self, grace_period: int, *, pod_resources: bool) -> Overrides:
        """What is left."""
        asked = {a: self._valid[a.key] for a in ANNOTATIONS if a.key in self._valid}
        env = self._lowered() | {a.env: value for a, value in asked.items() if a.env}
        return Overrides(
            env={name: env[name] for name in _ENV_ORDER if name in env},
            resources=None
            if pod_resources
            else {a.resource: value for a, value in asked.items() if a.resource},
            image=self._valid.get("image"),
            containers=self._containers() or None,
            grace_period=grace_period,
        )

    def _lowered(self) -> dict[str, str]:
        """Floor and start of the limit, as far as they are above the ceiling that is asked for."""
        if "max-concurrency" not in self._valid:
            return {}
        maximum = int(self._valid["max-concurrency"])
        lowered = {name: self._number(name) or 0 for name in (_MIN, _INITIAL)}
        return {name: str(maximum) for name, number in lowered.items() if number > maximum}
