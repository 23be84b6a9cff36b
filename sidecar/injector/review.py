"""PURE: the API server's question and our answer, an AdmissionReview each (admission.k8s.io/v1)."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sidecar.errors import ReviewError
from sidecar.injector.config import InjectorConfig
from sidecar.injector.patch import Operation, patch
from sidecar.injector.pods import Pod, check_pod
from sidecar.outcomes import ReviewOutcome

_VERSION = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
_POD = {"group": "", "version": "v1", "kind": "Pod"}

_NAMESPACE_LENGTH = 63
_WARNING_LENGTH = 256
"""Characters: the API server cuts longer ones."""
_WARNINGS_LENGTH = 4096
"""Of all of them: the API server drops what goes beyond."""


@dataclass(frozen=True, slots=True)
class Review:
    """A question that can be answered."""

    uid: str
    namespace: str
    """The pod's; empty where the API server does not say."""
    pod: Pod
    created: bool
    """Whether the pod is about to be created: only then can containers be added."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server gets, and what is told to operators about it."""

    body: bytes
    outcome: ReviewOutcome
    warnings: int


def parse_review(body: bytes) -> Review:
    """Raises ReviewError, whose sentence names a place and quotes nothing."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ReviewError("the body must be JSON") from error
    if not isinstance(document, dict) or {k: document.get(k) for k in _VERSION} != _VERSION:
        raise ReviewError("the body must be an AdmissionReview of admission.k8s.io/v1")
    request = document.get("request")
    if not isinstance(request, dict):
        raise ReviewError("request: must be an object")
    uid, namespace = request.get("uid"), request.get("namespace", "")
    if not isinstance(uid, str) or not uid:
        raise ReviewError("request.uid: must be a text")
    if not isinstance(namespace, str) or len(namespace) > _NAMESPACE_LENGTH:
        raise ReviewError(f"request.namespace: must be at most {_NAMESPACE_LENGTH} characters")
    if request.get("kind") != _POD:
        raise ReviewError("request.kind: must be a Pod of v1")
    pod = check_pod(request.get("object"))
    return Review(uid, namespace, pod, created=request.get("operation") == "CREATE")


def answer(review: Review, config: InjectorConfig) -> Answer:
    """Always lets the pod pass, with the sidecar where it is wanted."""
    operations, warnings = patch(review.pod, config) if review.created else ([], [])
    return Answer(
        body=orjson.dumps({**_VERSION, "response": _response(review.uid, operations, warnings)}),
        outcome=ReviewOutcome.INJECTED if operations else ReviewOutcome.UNCHANGED,
        warnings=len(warnings),
    )


def _response(uid: str, operations: list[Operation], warnings: list[str]) -> dict[str, Any]:
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if operations:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(orjson.dumps(operations)).decode()
    if warnings:
        response["warnings"] = bounded(warnings)
    return response


def bounded(warnings: Sequence[str]) -> list[str]:
    """As many warnings as the API server passes on, and how many more there are."""
    kept: list[str] = []
    room = _WARNINGS_LENGTH - _WARNING_LENGTH  # for the last line
    for warning in warnings:
        line = warning[:_WARNING_LENGTH]
        room -= len(line)
        if room < 0:
            return [*kept, f"llm-sidecar.io: {len(warnings) - len(kept)} more warnings"]
        kept.append(line)
    return kept
