"""The API server's questions and our answers."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ReviewError
from sidecar.injector.patch import patch
from sidecar.injector.review import answer, bounded, parse_review
from sidecar.outcomes import ReviewOutcome
from tests.injector.made import CONFIG, pod

SECRET = "sk-secret"


def review(of: Any, **differing: Any) -> dict[str, Any]:
    """As API server 1.36 asks, without what nobody reads."""
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "team-a",
            "operation": "CREATE",
            "object": of,
            "oldObject": None,
            "dryRun": False,
            **differing,
        },
    }


def answered(document: Any) -> tuple[dict[str, Any], ReviewOutcome, int]:
    found = answer(parse_review(json.dumps(document).encode()), CONFIG)
    return json.loads(found.body), found.outcome, found.warnings


def test_a_pod_is_let_pass_with_its_patch() -> None:
    before = pod(annotations={"queue-size": "many"})

    body, outcome, warnings = answered(review(before))

    operations, lines = patch(before, CONFIG)
    response = body["response"]
    assert json.loads(base64.b64decode(response.pop("patch"), validate=True)) == operations
    assert body == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "allowed": True,
            "patchType": "JSONPatch",
            "warnings": lines,
        },
    }
    assert (outcome, warnings) == (ReviewOutcome.INJECTED, 1)


@pytest.mark.parametrize(
    "unchanged",
    [
        review(pod({"name": "llm-sidecar"})),
        review(pod(), operation="UPDATE"),
        review({**pod(), "metadata": {}}),
    ],
)
def test_where_nothing_is_to_be_done_there_is_no_patch(unchanged: dict[str, Any]) -> None:
    body, outcome, warnings = answered(unchanged)

    assert body["response"] == {"uid": unchanged["request"]["uid"], "allowed": True}
    assert (outcome, warnings) == (ReviewOutcome.UNCHANGED, 0)


REVIEW = "the body must be an AdmissionReview of admission.k8s.io/v1"
POD = "request.kind: must be a Pod of v1"
WRONG: list[tuple[Any, str]] = [
    (None, REVIEW),
    ([], REVIEW),
    (SECRET, REVIEW),
    ({}, REVIEW),
    ({**review(pod()), "kind": "Pod"}, REVIEW),
    ({**review(pod()), "apiVersion": "admission.k8s.io/v1beta1"}, REVIEW),
    ({**review(pod()), "request": None}, "request: must be an object"),
    ({**review(pod()), "request": [SECRET]}, "request: must be an object"),
    (review(pod(), uid=None), "request.uid: must be a text"),
    (review(pod(), uid=""), "request.uid: must be a text"),
    (review(pod(), uid=7), "request.uid: must be a text"),
    (review(pod(), namespace=7), "request.namespace: must be at most 63 characters"),
    (review(pod(), namespace=SECRET * 9), "request.namespace: must be at most 63 characters"),
    (review(pod(), kind=None), POD),
    (review(pod(), kind={"group": "apps", "version": "v1", "kind": "Deployment"}), POD),
    (review(None), "object: must be an object"),
    (review({"metadata": {}}), "spec: must be an object"),
]


@pytest.mark.parametrize(("wrong", "problem"), WRONG)
def test_what_is_no_review_of_a_pod_is_told(wrong: Any, problem: str) -> None:
    with pytest.raises(ReviewError) as caught:
        parse_review(json.dumps(wrong).encode())

    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"{", b"[" * 100_000, b'{"a": NaN}', b'"\\ud800"', SECRET.encode()]
)
def test_what_is_no_json_is_told(body: bytes) -> None:
    with pytest.raises(ReviewError, match=r"^the body must be JSON$"):
        parse_review(body)


@given(st.lists(st.text(max_size=600), max_size=40))
def test_warnings_are_what_the_api_server_passes_on(warnings: list[str]) -> None:
    kept = bounded(warnings)

    assert all(len(line) <= 256 for line in kept)
    assert sum(map(len, kept)) <= 4096
    assert len(kept) <= len(warnings)
    if len(kept) < len(warnings) or kept != [line[:256] for line in warnings]:
        left = len(warnings) - len(kept) + 1
        assert kept[-1] == f"llm-sidecar.io: {left} more warnings"
        assert kept[:-1] == [line[:256] for line in warnings[: len(kept) - 1]]


def test_as_many_warnings_are_kept_as_fit() -> None:
    line = "w" * 256

    assert bounded([line] * 15) == [line] * 15
    assert bounded([line] * 40) == [line] * 15 + ["llm-sidecar.io: 25 more warnings"]


def test_every_warning_of_ours_fits() -> None:
    unknown = {f"{n:03}" + "k" * 60: "v" for n in range(100)}
    body, _, warnings = answered(review(pod(annotations=unknown)))

    lines = body["response"]["warnings"]
    assert warnings == 100
    assert all(len(line) < 256 for line in lines)
    assert lines[-1] == f"llm-sidecar.io: {100 - len(lines) + 1} more warnings"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn) -> Any:
    """A review in which something, at any depth, is something else."""
    document: Any = review(
        pod(
            {"name": "app", "env": [{"name": "A", "value": "b"}, {"name": "NO_PROXY"}]},
            init=[{"name": "i", "env": []}],
            annotations={"containers": "app"},
            grace=5,
        )
    )
    at = document
    while True:
        key = draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if not at[key] or not isinstance(at[key], dict | list) or draw(st.integers(0, 3)) == 0:
            at[key] = draw(JSON)
            return document
        at = at[key]


@given(mangled() | JSON)
def test_garbage_is_refused_or_answered_and_nothing_else(document: Any) -> None:
    try:
        found = parse_review(json.dumps(document).encode())
    except ReviewError:
        return
    assert json.loads(answer(found, CONFIG).body)["response"]["allowed"] is True
