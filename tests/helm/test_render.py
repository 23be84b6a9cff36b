"""Every example of values gives valid objects, the same from Helm 3 and 4, on every Kubernetes."""

from pathlib import Path

from tests.helm.rendering import (
    VALUES,
    Manifest,
    changes,
    every_rendering,
    manifests,
    name,
    oldest_and_newest,
    read,
    render,
)
from tests.helm.schemas import problems

EXPIRES = "Secret/metadata/annotations/llm-sidecar.io/certificate-expires"
CERTIFICATE = {
    "MutatingWebhookConfiguration/webhooks/0/clientConfig/caBundle",
    "Secret/data/ca.crt",
    "Secret/data/ca.key",
    "Secret/data/tls.crt",
    "Secret/data/tls.key",
}
"""What Helm makes anew each time it sees no cluster; tests/cluster shows that an upgrade keeps it.
The day it expires is the same when both renderings are of the same second."""


def test_there_are_examples_of_values() -> None:
    assert len(VALUES) >= 8


@every_rendering
def test_every_object_is_valid(helm4: Path, values: str, kubernetes: str) -> None:
    objects = manifests(helm4, values, kubernetes)

    assert [problem for each in objects for problem in problems(each, kubernetes)] == []


@every_rendering
def test_no_object_occurs_twice(helm4: Path, values: str, kubernetes: str) -> None:
    names = [name(each) for each in manifests(helm4, values, kubernetes)]

    assert len(names) == len(set(names))


@every_rendering
def test_both_helms_render_the_same(helm3: Path, helm4: Path, values: str, kubernetes: str) -> None:
    one, other = (manifests(helm, values, kubernetes) for helm in (helm3, helm4))

    assert changes(one, other) - {EXPIRES} == made_anew(one)


@oldest_and_newest
def test_only_certificates_that_helm_makes_change_from_one_rendering_to_the_next(
    helm4: Path, values: str, kubernetes: str
) -> None:
    once = manifests(helm4, values, kubernetes)
    again = read(render(helm4, values, kubernetes))

    assert changes(once, again) - {EXPIRES} == made_anew(once)


def made_anew(objects: list[Manifest]) -> set[str]:
    return CERTIFICATE if any(each["kind"] == "Secret" for each in objects) else set()
