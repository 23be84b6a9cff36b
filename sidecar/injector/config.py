"""PURE: what is injected. The chart writes it as JSON, the injector reads it once, at its start."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.errors import ConfigError
from sidecar.injector.quantities import quantity

CONTAINER_NAME = "llm-sidecar"

_KEYS = {"container", "appEnv", "status"}


@dataclass(frozen=True, slots=True)
class InjectorConfig:
    """What every injected pod gets."""

    container: Mapping[str, Any]
    """The sidecar as the API's Container, before a pod's annotations."""
    app_env: Mapping[str, str]
    """Variables for the app's containers, each added where its name is absent."""
    status: str
    """Value of the annotation `llm-sidecar.io/status`: version and hash of the two above."""


def parse_config(text: bytes) -> InjectorConfig:
    """The configuration in `{"container": …, "appEnv": [{"name": …, "value": …}], "status": …}`.

    Raises ConfigError with one line for each thing that is wrong.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigError([f"not JSON: {error.msg} in line {error.lineno}"]) from error
    problems = list(_problems(document))
    if problems:
        raise ConfigError(problems)
    return InjectorConfig(
        container=document["container"],
        app_env={entry["name"]: entry["value"] for entry in document["appEnv"]},
        status=document["status"],
    )


def _problems(document: Any) -> Iterator[str]:
    if not isinstance(document, dict) or document.keys() != _KEYS:
        yield f"must be an object with the keys {', '.join(sorted(_KEYS))}, and no others"
        return
    yield from _container_problems(document["container"])
    yield from _env_problems("appEnv", document["appEnv"])
    if isinstance(document["appEnv"], list):
        entries = [entry for entry in document["appEnv"] if isinstance(entry, dict)]
        if not all(isinstance(entry.get("value"), str) for entry in entries):
            yield "appEnv: every variable needs a value"
        if len({str(entry.get("name")) for entry in entries}) < len(entries):
            yield "appEnv: no variable may be given twice"
    if not isinstance(document["status"], str) or not document["status"]:
        yield "status: must be a text"


def _container_problems(container: Any) -> Iterator[str]:
    if not isinstance(container, dict):
        yield "container: must be an object"
        return
    if container.get("name") != CONTAINER_NAME:
        yield f"container.name: must be {CONTAINER_NAME}"
    if not isinstance(container.get("image"), str) or not container["image"]:
        yield "container.image: must be a text"
    yield from _env_problems("container.env", container.get("env", []))
    yield from _resource_problems(container.get("resources", {}))


def _env_problems(place: str, env: Any) -> Iterator[str]:
    if not isinstance(env, list):
        yield f"{place}: must be a list"
        return
    for index, entry in enumerate(env):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            yield f"{place}[{index}]: must be an object with a name"
        elif not isinstance(entry.get("value", ""), str):
            yield f"{place}[{index}].value: must be a text"


def _resource_problems(resources: Any) -> Iterator[str]:
    if not isinstance(resources, dict):
        yield "container.resources: must be an object"
        return
    for kind in ("requests", "limits"):
        amounts = resources.get(kind, {})
        if not isinstance(amounts, dict):
            yield f"container.resources.{kind}: must be an object"
            continue
        for name, amount in amounts.items():
            try:
                quantity(str(amount))
            except ValueError:
                yield f"container.resources.{kind}.{name}: must be a quantity like 250m or 64Mi"
