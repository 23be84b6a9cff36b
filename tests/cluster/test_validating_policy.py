"""The policies that say what went wrong with an injection."""

import pytest

from tests.cluster.api import Api, ApiError, Object
from tests.cluster.helm import Helm
from tests.cluster.pods import OPT_IN, container, pod, prefixed
from tests.cluster.polling import eventually
from tests.cluster.release import Release


def _workload(
    kind: str, *, labels: dict[str, str], annotations: dict[str, str], template: dict[str, str]
) -> Object:
    spec: Object = {"template": {"metadata": {"labels": {"app": "web", **template}}}}
    spec["template"]["spec"] = {"containers": [container()]}
    if kind == "Job":
        spec["template"]["spec"]["restartPolicy"] = "Never"
    else:
        spec["selector"] = {"matchLabels": {"app": "web"}}
    return {
        "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
        "kind": kind,
        "metadata": {"name": "web", "labels": labels, "annotations": annotations},
        "spec": spec,
    }


_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job")


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize(
    ("labels", "annotations"),
    [(OPT_IN, {}), ({}, prefixed({"max-concurrency": "5"}))],
    ids=["label", "annotation"],
)
def test_what_stands_beside_the_template_is_warned_about(
    release: Release, kind: str, labels: dict[str, str], annotations: dict[str, str]
) -> None:
    misplaced = _workload(kind, labels=labels, annotations=annotations, template={})
    placed = _workload(kind, labels=labels, annotations=annotations, template=OPT_IN)
    unmarked = _workload(kind, labels={"a": "b"}, annotations={"a": "b"}, template={})

    (warning,) = release.admit(misplaced).warnings
    assert "set them in spec.template.metadata" in warning
    assert release.admit(placed).warnings == []
    assert release.admit(unmarked).warnings == []


def test_an_update_is_warned_about_too(release: Release) -> None:
    release.api.create(
        _workload("Deployment", labels={}, annotations={}, template={}), release.served
    )

    change = {"metadata": {"labels": OPT_IN}}
    _, warnings = release.api.patch("Deployment", "web", release.served, change)

    assert len(warnings) == 1
    release.api.delete("Deployment", "web", release.served)


def test_every_expression_has_sound_types(policy: Release, webhook: Release) -> None:
    """The API server's own type checker, which kube-controller-manager runs, finds nothing."""

    def checked() -> list[Object]:
        policies = policy.api.list("ValidatingAdmissionPolicy")
        return policies if all("typeChecking" in it.get("status", {}) for it in policies) else []

    found = eventually(checked, "type checks")
    assert len(found) >= 5
    assert [it["status"]["typeChecking"] for it in found] == [{}] * len(found)


def test_it_can_deny(api: Api, helm4: Helm) -> None:
    """There is no server behind this webhook, so no pod gets the sidecar."""
    values = {"injection": {"mode": "webhook", "requireSidecar": "deny"}}
    release = Release(api, helm4, "denying", values)
    release.install()
    try:
        eventually(lambda: _refusal(release), "a refusal")
        assert "but did not get the sidecar" in _refusal(release)
        assert "see the pods of denying-llm-sidecar-injector" in _refusal(release)
        assert release.admit(pod(labels={})).warnings == []
        assert release.admit(pod(initContainers=[container("llm-sidecar")])).warnings == []
    finally:
        release.uninstall()


def _refusal(release: Release) -> str:
    try:
        release.admit(pod())
    except ApiError as error:
        return str(error)
    return ""
