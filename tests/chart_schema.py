"""What `values.schema.json` has from elsewhere.

Descriptions are the comments of `values.yaml`; names, ranges and effects of `sidecar.env` are those
of the sidecar's settings; `definitions` are types of the Kubernetes API. Types and ranges of the
chart's own values stand in the schema itself.
"""

import re
from collections.abc import Iterator
from typing import Any, get_args

import yaml
from pydantic.fields import FieldInfo

from sidecar.injector.annotations import ANNOTATIONS
from sidecar.settings import PREFIX, Settings
from tests.kubernetes_types import types

Schema = dict[str, Any]

_LINE = re.compile(r"(?P<indent> *)(?P<key>\w+):")
_COMMENT = re.compile(r" *# -- (?P<text>.+)")
_NAME = "^[A-Za-z_][A-Za-z0-9_]*$"
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}


def filled(schema: Schema, values: str) -> Schema:
    """The schema with all of that made anew; `values` is the text of `values.yaml`."""
    env = _at(schema, ("sidecar", "env"))
    env |= _settings()
    _at(schema, ("sidecar", "config", "upstreams"))["pattern"] = _upstreams()
    for path, text in descriptions(values):
        at = _at(schema, path)
        rest = {key: value for key, value in at.items() if key != "description"}
        at.clear()
        at |= {"description": text, **rest}
    _require(schema, yaml.safe_load(values))
    schema["definitions"] = types(
        "EnvFromSource", "EnvVarSource", "LabelSelector", "Probe", "SecurityContext"
    )
    return schema


def descriptions(values: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and comment of every key that has one (`# -- …` in the line above it)."""
    path: list[str] = []
    comment = ""
    for line in values.splitlines():
        if found := _LINE.match(line):
            path[len(found["indent"]) // 2 :] = [found["key"]]
            if comment:
                yield tuple(path), comment
        found = _COMMENT.fullmatch(line)
        comment = found["text"] if found else ""


def _at(schema: Schema, path: tuple[str, ...]) -> Schema:
    for key in path:
        schema = schema["properties"][key]
    return schema


def _require(schema: Schema, defaults: dict[str, Any]) -> None:
    """Require what has a default and may not be null: Helm drops the keys that are null."""
    properties = schema.get("properties", {})
    known = {key: default for key, default in defaults.items() if key in properties}
    required = [key for key in known if "null" not in properties[key].get("type", ())]
    if required:
        schema["required"] = required
    for key, default in known.items():
        if isinstance(default, dict):
            _require(properties[key], default)


def _upstreams() -> str:
    """Nothing, a list as in the annotation, or a JSON object."""
    (listed,) = [each.pattern for each in ANNOTATIONS if each.key == "upstreams"]
    return rf"^$|{listed}|^\s*[{{](.|\n)*[}}]\s*$"


def _settings() -> Schema:
    fields = {
        PREFIX + name.upper(): field
        for name, field in Settings.model_fields.items()
        if not name.startswith("injector_")
    }
    return {
        "propertyNames": {
            "anyOf": [
                {"enum": list(fields)},
                {"pattern": _NAME, "not": {"pattern": f"^{PREFIX}"}},
            ]
        },
        "additionalProperties": {"type": ["string", "number", "boolean"]},
        "properties": {name: _setting(field) for name, field in fields.items()},
    }


def _setting(field: FieldInfo) -> Schema:
    return {"description": field.description, **_allowed(field)}


def _allowed(field: FieldInfo) -> Schema:
    """A number may be text too, as in an `env` list; its range is left to the sidecar then."""
    kinds = get_args(field.annotation) or (field.annotation,)
    if kinds[0] is str:
        return {"type": "string"}
    if kinds[0] is bool:
        return {"enum": [True, False, "true", "false"]}
    if isinstance(kinds[0], str):  # a Literal's values
        return {"enum": list(kinds)}
    number, digits = ("integer", "[0-9]") if kinds[0] is int else ("number", "[0-9.]")
    bounds = {
        keyword: getattr(limit, sign)
        for limit in field.metadata
        for sign, keyword in _BOUNDS.items()
        if hasattr(limit, sign)
    }
    return {"type": [number, "string"], "pattern": f"^{digits}+$", **bounds}
