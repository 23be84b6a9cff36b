"""Schemas of Kubernetes' own objects, by version, and of the custom resources the chart makes."""

import functools
import importlib.resources
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.helm.rendering import Manifest, name
from tests.helm.tools import custom_resource_definitions

Schema = dict[str, Any]


def problems(manifest: Manifest, kubernetes: str) -> Iterator[str]:
    """What this Kubernetes does not know or allow in an object, unknown fields included."""
    api_version, kind = manifest["apiVersion"], manifest["kind"]
    validator = _validator(api_version, kind, kubernetes)
    if validator is None:
        yield f"{name(manifest)}: no {api_version} {kind} in {kubernetes}"
        return
    for error in validator.iter_errors(manifest):
        yield f"{name(manifest)}: {error.json_path}: {error.message}"


@functools.cache
def _validator(api_version: str, kind: str, kubernetes: str) -> Draft202012Validator | None:
    found = schema(api_version, kind, kubernetes)
    if found is None:
        return None
    return Draft202012Validator(found, registry=_registry(kubernetes))


@functools.cache
def _registry(kubernetes: str) -> "Registry[Any]":
    return Resource.from_contents(definitions(kubernetes)) @ Registry()


def schema(api_version: str, kind: str, kubernetes: str) -> Schema | None:
    """Schema of this kind, in the draft of 2020-12; None where this Kubernetes has none."""
    custom = custom_schemas().get((api_version, kind))
    if custom is not None:
        return custom
    file = _folder(kubernetes) / file_name(api_version, kind)
    return _read(file) if file.is_file() else None


@functools.cache
def definitions(kubernetes: str) -> Schema:
    """What the schemas of this version refer to."""
    return _read(_folder(kubernetes) / "_definitions.json")


def file_name(api_version: str, kind: str) -> str:
    """Name of the file with a kind's schema: `deployment-apps-v1.json`."""
    group, _, version = api_version.rpartition("/")
    parts = (kind.lower(), group.partition(".")[0], version)
    return "-".join(part for part in parts if part) + ".json"


def _read(file: Path) -> Schema:
    schema: Schema = json.loads(file.read_bytes())
    return schema


def _folder(kubernetes: str) -> Path:
    package = Path(str(importlib.resources.files("kubernetes_validate")))
    return package / "kubernetes-json-schema" / f"v{kubernetes}-local-strict"


@functools.cache
def custom_schemas() -> dict[tuple[str, str], Schema]:
    """Strict schemas of the custom resources, by API version and kind."""
    return {
        (f"{spec['group']}/{version['name']}", spec["names"]["kind"]): _strict(
            version["schema"]["openAPIV3Schema"]
        )
        for file in custom_resource_definitions()
        for spec in [yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)["spec"]]
        for version in spec["versions"]
    }


def _strict(schema: Schema) -> Schema:
    """As the API server reads it: it drops what a schema does not name; here it is an error."""
    schema = dict(schema)
    if schema.get("x-kubernetes-int-or-string"):
        schema["type"] = ["integer", "string"]
    if "properties" in schema:
        schema["properties"] = {key: _strict(of) for key, of in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _strict(schema[key])
    return schema
