"""What the API server does with pods before and after the injection, and that it fits together."""

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import dedent

import pytest

from tests.cluster.api import Api, ApiError, Object
from tests.cluster.pods import comparable, container, pod, sidecar, values
from tests.cluster.polling import eventually
from tests.cluster.release import Release

_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_SECURE: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_AMOUNTS = {"cpu": "100m", "memory": "100Mi"}


def test_pod_security_restricted_admits_it(release: Release) -> None:
    namespace = release.serve(**_RESTRICTED)

    made, warnings = release.admit(pod(container(securityContext=_SECURE)), namespace)

    assert sidecar(made)
    assert warnings == []
    with pytest.raises(ApiError, match='violates PodSecurity "restricted'):
        release.admit(pod(), namespace)


def _quota(api: Api, namespace: str) -> None:
    hard = {f"{kind}.{name}": "4" for kind in ("requests", "limits") for name in ("cpu", "memory")}
    hard = {name: f"{amount}Gi" if "memory" in name else amount for name, amount in hard.items()}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all"}}
    api.create({**quota, "spec": {"hard": hard}}, namespace)
    api.wait_for("ResourceQuota", "all", namespace, until=lambda it: "hard" in it.get("status", {}))


def test_a_quota_counts_it(release: Release) -> None:
    namespace = release.serve()
    _quota(release.api, namespace)
    app = container(resources={"requests": _AMOUNTS, "limits": _AMOUNTS})

    with pytest.raises(ApiError, match=r"must specify limits\.cpu for: llm-sidecar"):
        release.api.create(pod(app), namespace)
    release.api.create(pod(app, annotations={"cpu-limit": "1"}), namespace)

    quota = release.api.get("ResourceQuota", "all", namespace)
    assert quota["status"]["used"] == {
        "requests.cpu": "150m",
        "requests.memory": "180Mi",
        "limits.cpu": "1100m",
        "limits.memory": "356Mi",
    }


def test_a_limit_range_fills_in_only_what_it_leaves_open(release: Release) -> None:
    namespace = release.serve()
    defaults = {"type": "Container", "default": {"cpu": "2", "memory": "2Gi"}}
    limits = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "defaults"}}
    release.api.create({**limits, "spec": {"limits": [defaults]}}, namespace)
    eventually(
        lambda: release.admit(pod(labels={}), namespace).object["spec"]["containers"][0][
            "resources"
        ],
        "the range",
    )

    resources = sidecar(release.admit(pod(), namespace).object)["resources"]

    assert resources == {
        "requests": {"cpu": "50m", "memory": "80Mi"},
        "limits": {"cpu": "2", "memory": "256Mi"},
    }


def test_no_service_account_token_where_the_pod_wants_none(release: Release) -> None:
    """Where it wants one, the API server mounts it in every container, ours too."""
    without = sidecar(release.admit(pod(automountServiceAccountToken=False)).object)
    with_ = sidecar(release.admit(pod()).object)

    assert "volumeMounts" not in without
    assert [it["mountPath"] for it in with_.pop("volumeMounts")] == [
        "/var/run/secrets/kubernetes.io/serviceaccount"
    ]
    assert with_ == without


@contextmanager
def _adding_a_container(release: Release, namespace: str, name: str) -> Iterator[None]:
    """Somebody else's policy."""
    api = release.api
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    there = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    added = """
        object.spec.containers.exists(c, c.name == "added") ? [] :
        [JSONPatch{op: "add", path: "/spec/containers/-",
                   value: Object.spec.containers{name: "added", image: "added"}}]
    """
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": {
            "namespaceSelector": there,
            "resourceRules": [{**rule, "operations": ["CREATE"]}],
        },
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": added}}],
    }
    api.create({**group, "kind": "MutatingAdmissionPolicy", "spec": spec})
    api.create({**group, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": name}})
    try:
        eventually(
            lambda: len(release.admit(pod(labels={}), namespace).object["spec"]["containers"]) == 2,
            "the other policy",
        )
        yield
    finally:
        api.delete("MutatingAdmissionPolicyBinding", name)
        api.delete("MutatingAdmissionPolicy", name)


@pytest.mark.parametrize("name", ["a-first", "z-last"])
def test_beside_another_policy_it_is_injected_once(release: Release, name: str) -> None:
    namespace = release.serve()
    with _adding_a_container(release, namespace, name):
        made = release.admit(pod(), namespace).object

    app, added = made["spec"]["containers"]
    assert added["name"] == "added"
    assert [it["name"] for it in made["spec"]["initContainers"]] == ["llm-sidecar"]
    assert len(app["env"]) == len(values(app)) > 0
    assert len(added.get("env", ())) == len(values(added))


def test_the_named_template_gives_the_same_container(release: Release, namespace: str) -> None:
    """A chart that includes it lets the grace period be: nobody derives the drain timeout."""
    text = f"""
        apiVersion: v1
        kind: Pod
        metadata: {{name: by-hand, namespace: {namespace}}}
        spec:
          automountServiceAccountToken: false
          initContainers:
            - {{{{ include "llm-sidecar.container" . | nindent 6 }}}}
          containers: [{{name: app, image: "app:1"}}]
    """
    release.upgrade(extraManifests=[dedent(text)])

    by_hand = sidecar(comparable(release.api.get("Pod", "by-hand", namespace)))
    made = sidecar(release.admit(pod(automountServiceAccountToken=False)).object)
    assert made["env"].pop() == {"name": "SIDECAR_DRAIN_TIMEOUT", "value": "28"}
    assert by_hand == made
