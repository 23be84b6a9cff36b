"""The chart comes, stays the same, changes and goes, with both Helms, on a real API server.

What `helm test` runs needs a kubelet, which is not here.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import trustme
import yaml

from tests.cluster.api import Api, ApiError, Object
from tests.cluster.helm import CHART, Helm, HelmError
from tests.cluster.pods import injected, pod
from tests.cluster.polling import eventually
from tests.helm.tools import custom_resource_definitions

Key = tuple[str, str, str]
"""Kind, namespace and name of an object."""

_RELEASE = "sidecar"


def _ci(name: str, **changes: Any) -> dict[str, Any]:
    text = (CHART / "ci" / f"{name}-values.yaml").read_text("utf-8")
    return {**yaml.safe_load(text), **changes}


CASES = {
    "default": _ci("default"),
    "webhook": _ci("webhook-helm-certs"),
    "existing secret": _ci(
        "webhook-existing-secret",
        injector={
            "certs": {
                "mode": "existingSecret",
                "existingSecret": {
                    "name": "own",
                    "caBundle": trustme.CA().cert_pem.bytes().decode(),
                },
            }
        },
    ),
    "hpa": _ci("hpa"),
    "keda": _ci("keda"),
    "service monitors": _ci("servicemonitor"),
    "strict policy": _ci("policy-strict"),
    "none": _ci("none-library"),
    "everything, policy": _ci("full"),
    "everything, webhook": _ci("full", injection={"mode": "webhook"}),
}


@pytest.fixture(scope="module", autouse=True)
def _cluster(api: Api) -> None:
    """What the values above speak of."""
    for path in custom_resource_definitions():
        definition = yaml.safe_load(path.read_text("utf-8"))
        api.create(definition)
    for name in ("chat", "search"):
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    eventually(lambda: _listable(api), "custom resources")


def _listable(api: Api) -> bool:
    try:
        return bool(everything(api))
    except ApiError:  # the storage of a custom resource is still to come
        return False


def everything(api: Api) -> dict[Key, Object]:
    """All objects of the cluster but events."""
    return {
        (resource.kind, it["metadata"].get("namespace", ""), it["metadata"]["name"]): it
        for resource in api.resources()
        if "list" in resource.verbs and resource.kind != "Event"
        for it in api.send("GET", resource.path()).object["items"]
    }


def _installed(before: dict[Key, Object], api: Api) -> dict[Key, Object]:
    """What a release has brought, without what controllers and Helm write of their own."""
    return {
        key: _settled(it)
        for key, it in everything(api).items()
        if key not in before
        and "ownerReferences" not in it["metadata"]
        and it.get("type") != "helm.sh/release.v1"
    }


def _settled(object_: Object) -> Object:
    """An object without what controllers change in it."""
    settled = deepcopy(object_)
    del settled["metadata"]["managedFields"]
    settled["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
    if settled.pop("status", None) is not None:
        del settled["metadata"]["resourceVersion"]
    return settled


_FOR_HELM3 = ("default", "webhook", "everything, policy", "everything, webhook")


@pytest.fixture
def before(api: Api, namespace: str, helm4: Helm) -> Iterator[dict[Key, Object]]:
    """What is there without the release, which is not left behind whatever happens.

    It serves every namespace, and the API server obeys a policy for a moment after its end.
    """
    yield everything(api)
    helm4.run("uninstall", _RELEASE, "--namespace", namespace, "--ignore-not-found")
    eventually(lambda: not _is_noticed(api, namespace), "the end of it")


def _assert_comes_stays_and_goes(
    api: Api, helm: Helm, namespace: str, before: dict[Key, Object], values: dict[str, Any]
) -> None:
    helm.install(_RELEASE, namespace, values)
    first = _installed(before, api)
    helm.upgrade(_RELEASE, namespace, values)
    helm.upgrade(_RELEASE, namespace, values)
    assert _installed(before, api) == first

    helm.uninstall(_RELEASE, namespace)
    eventually(lambda: not everything(api).keys() - before.keys(), "everything gone")


@pytest.mark.parametrize("case", _FOR_HELM3)
def test_with_helm_3(
    api: Api, helm3: Helm, namespace: str, before: dict[Key, Object], case: str
) -> None:
    _assert_comes_stays_and_goes(api, helm3, namespace, before, CASES[case])


@pytest.mark.parametrize("case", CASES)
def test_with_helm_4(
    api: Api, helm4: Helm, namespace: str, before: dict[Key, Object], case: str
) -> None:
    _assert_comes_stays_and_goes(api, helm4, namespace, before, CASES[case])


def test_what_is_installed(
    api: Api, helm4: Helm, namespace: str, before: dict[Key, Object]
) -> None:
    helm4.install(_RELEASE, namespace, CASES["everything, webhook"])

    kinds = {kind for kind, _, _ in _installed(before, api)}
    assert kinds >= {
        "Certificate",
        "ConfigMap",
        "CronJob",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Issuer",
        "MutatingWebhookConfiguration",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PodMonitor",
        "PrometheusRule",
        "Service",
        "ServiceAccount",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }


def test_an_upgrade_keeps_the_certificate(
    api: Api, helm: Helm, namespace: str, before: dict[Key, Object]
) -> None:
    """And changes what it has to: here the sidecar, and with it the injector's pods."""
    name = f"{_RELEASE}-llm-sidecar-injector"
    values = {"injection": {"mode": "webhook"}}
    helm.install(_RELEASE, namespace, values)
    secret, deployment = (
        api.get("Secret", f"{name}-tls", namespace),
        api.get("Deployment", name, namespace),
    )

    helm.upgrade(_RELEASE, namespace, {**values, "sidecar": {"config": {"queueSize": 5}}})

    assert api.get("Secret", f"{name}-tls", namespace) == secret
    template = api.get("Deployment", name, namespace)["spec"]["template"]
    assert template != deployment["spec"]["template"]


def test_the_mode_can_change(
    api: Api, helm: Helm, namespace: str, before: dict[Key, Object]
) -> None:
    helm.install(_RELEASE, namespace, {"injection": {"mode": "policy"}})
    policy = _installed(before, api).keys()
    helm.upgrade(_RELEASE, namespace, {"injection": {"mode": "webhook"}})
    helm.upgrade(_RELEASE, namespace, {"injection": {"mode": "policy"}})

    eventually(lambda: _installed(before, api).keys() == policy, "no injector")


def test_the_cluster_picks_the_policy(helm: Helm, namespace: str, before: object) -> None:
    notes = helm.install(_RELEASE, namespace, {})

    assert "Injection: policy (injection.mode=auto, Kubernetes 1.36)" in notes


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"injection": {"mode": "polcy"}}, "mode"),
        ({"injektion": {}}, "injektion"),
        (
            {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}},
            "set one of podMonitor.enabled and serviceMonitor.enabled to false",
        ),
        (
            {"injection": {"mode": "webhook"}, "injector": {"certs": {"mode": "existingSecret"}}},
            "set injector.certs.existingSecret.name",
        ),
    ],
    ids=["wrong value", "unknown key", "both monitors", "no certificate"],
)
def test_wrong_values_install_nothing(
    api: Api,
    helm: Helm,
    namespace: str,
    before: dict[Key, Object],
    values: dict[str, Any],
    sentence: str,
) -> None:
    with pytest.raises(HelmError, match=sentence):
        helm.install(_RELEASE, namespace, values)

    assert not everything(api).keys() - before.keys()


def test_the_clusters_own_namespaces_are_left_alone(
    api: Api, helm4: Helm, namespace: str, before: object
) -> None:
    helm4.install(_RELEASE, namespace, {})
    eventually(lambda: _is_injected(api, namespace), "injection")

    for name in ("kube-system", "kube-public", "kube-node-lease"):
        api.wait_for("ServiceAccount", "default", name)
        assert not _is_injected(api, name)


def _is_noticed(api: Api, namespace: str) -> bool:
    try:
        return _is_injected(api, namespace)
    except ApiError:  # one that denies
        return True


def _is_injected(api: Api, namespace: str) -> bool:
    return injected(api.create(pod(), namespace, dryRun="All").object)
