"""Types of the Kubernetes API as schemas of draft 7, closed, for `values.schema.json`.

They are those of the newest Kubernetes that the chart is for, and narrower where the API server
refuses what its published types allow.
"""

from collections.abc import Iterator
from typing import Any

from tests.helm.rendering import KUBERNETES
from tests.helm.schemas import definitions

Schema = dict[str, Any]

_SECONDS = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
_ID = {"type": "integer", "minimum": 0}
_NUMBER_OF_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
_PORT = {**_NUMBER_OF_PORT, "type": ["integer", "string"], "minLength": 1}
_PROFILE = {"enum": ["RuntimeDefault", "Unconfined", "Localhost"]}

_FIELDS: dict[str, Schema] = {
    "AppArmorProfile": {"type": _PROFILE},
    "GRPCAction": {"port": _NUMBER_OF_PORT},
    "HTTPGetAction": {"port": _PORT, "scheme": {"enum": ["HTTP", "HTTPS"]}},
    "LabelSelectorRequirement": {"operator": {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]}},
    "Probe": {
        "initialDelaySeconds": {**_SECONDS, "minimum": 0},
        "periodSeconds": _SECONDS,
        "timeoutSeconds": _SECONDS,
        "terminationGracePeriodSeconds": _SECONDS,
        "successThreshold": _SECONDS,
        "failureThreshold": _SECONDS,
    },
    "SeccompProfile": {"type": _PROFILE},
    "SecurityContext": {"runAsUser": _ID, "runAsGroup": _ID},
    "TCPSocketAction": {"port": _PORT},
}


def _one_of(*keys: str) -> Schema:
    return {"oneOf": [{"required": [key]} for key in keys]}


_WHOLE: dict[str, Schema] = {
    "ConfigMapEnvSource": {"required": ["name"]},
    "ConfigMapKeySelector": {"required": ["name", "key"]},
    "EnvFromSource": _one_of("configMapRef", "secretRef"),
    "EnvVarSource": {"minProperties": 1, "maxProperties": 1},
    "Probe": _one_of("exec", "grpc", "httpGet", "tcpSocket"),
    "SecretEnvSource": {"required": ["name"]},
    "SecretKeySelector": {"required": ["name", "key"]},
}

_KEYWORDS = {"type", "properties", "additionalProperties", "items", "required", "oneOf"}


def types(*names: str) -> dict[str, Schema]:
    """Schemas of these types and of all that they are made of, by name."""
    published = {
        name.rpartition(".")[2]: schema
        for name, schema in definitions(KUBERNETES[-1])["$defs"].items()
        if name.startswith(("io.k8s.api.core.v1.", "io.k8s.apimachinery."))
    }
    found: dict[str, Schema] = {}
    missing = list(names)
    while missing:
        name = missing.pop()
        found[name] = _narrowed(name, published[name])
        missing += set(_references(found[name])) - set(found)
    return dict(sorted(found.items()))


def _narrowed(name: str, published: Schema) -> Schema:
    schema = _draft7(published) | _WHOLE.get(name, {})
    if name in _FIELDS:
        schema["properties"] |= _FIELDS[name]
    return schema


def _draft7(schema: Schema) -> Schema:
    """Without prose and without null: Helm has dropped the keys that are null."""
    if "$ref" in schema:
        return {"$ref": "#/definitions/" + schema["$ref"].rpartition(".")[2]}
    kept = {key: value for key, value in schema.items() if key in _KEYWORDS}
    if isinstance(kept.get("type"), list):
        (kept["type"],) = set(kept["type"]) - {"null"}
    if "properties" in kept:
        kept["properties"] = {key: _draft7(field) for key, field in kept["properties"].items()}
    if "oneOf" in kept:
        kept["oneOf"] = [_draft7(each) for each in kept["oneOf"]]
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _draft7(kept[key])
    return kept


def _references(schema: Schema) -> Iterator[str]:
    for field in schema.get("properties", {}).values():
        reference = field.get("$ref") or field.get("items", {}).get("$ref")
        if reference:
            yield reference.rpartition("/")[2]
