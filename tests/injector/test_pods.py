"""A pod's shape, checked as deep as it is read."""

from typing import Any

import pytest

from sidecar.errors import ReviewError
from sidecar.injector.pods import check_pod, given, grace_period
from tests.injector.made import pod


def spec(**differing: Any) -> dict[str, Any]:
    return {**pod(), "spec": {**pod()["spec"], **differing}}


def metadata(**differing: Any) -> dict[str, Any]:
    return {**pod(), "metadata": differing}


SECRET = "sk-secret"
C0 = "spec.containers[0]"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (None, "object: must be an object"),
        ([SECRET], "object: must be an object"),
        ({}, "metadata: must be an object"),
        ({"metadata": {}}, "spec: must be an object"),
        ({"metadata": {}, "spec": []}, "spec: must be an object"),
        (metadata(labels=[]), "metadata.labels: must be an object"),
        (metadata(labels={SECRET: 1}), "metadata.labels: every value must be a text"),
        (metadata(annotations=""), "metadata.annotations: must be an object"),
        (metadata(annotations={SECRET: None}), "metadata.annotations: every value must be a text"),
        (spec(terminationGracePeriodSeconds="30"), "spec.terminationGracePeriodSeconds: must be a whole number"),
        (spec(terminationGracePeriodSeconds=True), "spec.terminationGracePeriodSeconds: must be a whole number"),
        (spec(terminationGracePeriodSeconds=1.5), "spec.terminationGracePeriodSeconds: must be a whole number"),
        (spec(os="windows"), "spec.os: must be an object"),
        (spec(containers=[{"name": "a"}] * 257), "spec.containers: must be at most 256"),
        (spec(containers=None), "spec.containers: must be a list that is not empty"),
        (spec(containers=[]), "spec.containers: must be a list that is not empty"),
        (spec(containers={"name": "a"}), "spec.containers: must be a list"),
        (spec(containers=[SECRET]), f"{C0}: must be an object"),
        (spec(containers=[{}]), f"{C0}.name: must be a text"),
        (spec(containers=[{"name": 1}]), f"{C0}.name: must be a text"),
        (spec(containers=[{"name": "a", "env": {}}]), f"{C0}.env: must be a list"),
        (spec(containers=[{"name": "a", "env": ""}]), f"{C0}.env: must be a list"),
        (spec(containers=[{"name": "a", "env": [SECRET]}]), f"{C0}.env[0]: must be an object"),
        (spec(containers=[{"name": "a", "env": [{"value": SECRET}]}]), f"{C0}.env[0].name: must be a text"),
        (spec(containers=[{"name": "a", "env": [{"name": "A", "value": 1}]}]), f"{C0}.env[0].value: must be a text"),
        (spec(initContainers={}), "spec.initContainers: must be a list"),
        (spec(initContainers=[{"name": "a"}, None]), "spec.initContainers[1]: must be an object"),
    ],
)  # fmt: skip
def test_the_place_is_told_and_nothing_of_the_pod(wrong: Any, problem: str) -> None:
    with pytest.raises(ReviewError) as caught:
        check_pod(wrong)

    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "right",
    [
        pod(),
        metadata(labels=None, annotations=None),
        spec(terminationGracePeriodSeconds=None, initContainers=None),
        spec(containers=[{"name": "a", "env": None}, {"name": "b", "env": [{"name": "A", "value": None}]}]),
        spec(initContainers=[], volumes="whatever"),
    ],
)  # fmt: skip
def test_null_is_as_good_as_nothing(right: Any) -> None:
    assert check_pod(right) is right


def test_what_is_given_counts() -> None:
    assert given({"a": 0}, "a", 1) == 0
    assert given({"a": None}, "a", 1) == 1
    assert grace_period({}) == 30
    assert grace_period({"terminationGracePeriodSeconds": 0}) == 0
