"""What the chart makes of pods, on a real API server, in both of its modes."""

import pytest

from tests.cluster.api import Object
from tests.cluster.pods import (
    OPT_IN,
    annotations_named,
    comparable,
    container,
    pod,
    prefixed,
    sidecar,
    values,
)
from tests.cluster.polling import eventually
from tests.cluster.release import Release

BASE_URLS = {
    "OPENAI_BASE_URL": "http://127.0.0.1:18080/v1",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:18080/anthropic",
    "LLM_SIDECAR_URL": "http://127.0.0.1:18080",
}


def _app(pod: Object) -> Object:
    first: Object = pod["spec"]["containers"][0]
    return first


def test_a_labelled_pod_is_injected(release: Release) -> None:
    answer = release.api.create(pod(name="labelled"), release.served)

    assert answer.warnings == []
    made = release.api.get("Pod", "labelled", release.served)
    first = sidecar(made)
    assert first["restartPolicy"] == "Always"
    assert first["startupProbe"]["httpGet"]["path"] == "/readyz"
    assert first["resources"]["requests"] == {"cpu": "50m", "memory": "80Mi"}
    assert values(first)["SIDECAR_DRAIN_IDLE"] == "0"
    assert values(first)["SIDECAR_DRAIN_TIMEOUT"] == "28"
    assert BASE_URLS.items() <= values(_app(made)).items()
    assert made["metadata"]["labels"]["llm-sidecar.io/injected"] == "true"
    assert made["metadata"]["annotations"]["llm-sidecar.io/status"].startswith("0.1.0-")
    assert made["spec"]["terminationGracePeriodSeconds"] == 30


@pytest.mark.parametrize("labels", [{}, {"llm-sidecar.io/inject": "false"}])
def test_other_pods_are_left_as_they_are(
    release: Release, namespace: str, labels: dict[str, str]
) -> None:
    other = pod(container(env=[{"name": "HTTP_PROXY", "value": "p"}]), labels=labels)

    there = release.admit(other).object
    elsewhere = release.admit(other, namespace).object

    assert comparable(there) == comparable(elsewhere)


def test_it_stands_before_the_init_containers(release: Release) -> None:
    made = release.admit(pod(initContainers=[container("migrate"), container("fetch")])).object

    names = [it["name"] for it in made["spec"]["initContainers"]]
    assert names == ["llm-sidecar", "migrate", "fetch"]
    assert BASE_URLS.items() <= values(made["spec"]["initContainers"][1]).items()


def test_what_the_app_sets_stays(release: Release) -> None:
    own: list[Object] = [
        {"name": "OPENAI_BASE_URL", "value": "https://example.com/v1"},
        {"name": "ANTHROPIC_BASE_URL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "A", "value": "1"},
        {"name": "A", "value": "2"},
    ]

    env = _app(release.admit(pod(container(env=own))).object)["env"]

    assert [it["name"] for it in env[:4]] == [it["name"] for it in own]
    assert env[0]["value"] == "https://example.com/v1"
    assert "valueFrom" in env[1]
    assert [it["value"] for it in env[2:4]] == ["1", "2"]
    names = [it["name"] for it in env]
    assert names.count("OPENAI_BASE_URL") == names.count("ANTHROPIC_BASE_URL") == 1
    assert "LLM_SIDECAR_URL" in names


@pytest.mark.parametrize(
    ("own", "then"),
    [
        ({"NO_PROXY": "example.com"}, {"NO_PROXY": "example.com,127.0.0.1"}),
        ({"no_proxy": "example.com"}, {"no_proxy": "example.com,127.0.0.1"}),
        ({"NO_PROXY": "a,127.0.0.1"}, {"NO_PROXY": "a,127.0.0.1"}),
        ({"NO_PROXY": "*"}, {"NO_PROXY": "*"}),
        ({"NO_PROXY": ""}, {"NO_PROXY": "127.0.0.1"}),
        ({"HTTP_PROXY": "http://p"}, {"HTTP_PROXY": "http://p", "NO_PROXY": "127.0.0.1"}),
        ({"HTTPS_PROXY": "http://p"}, {"HTTPS_PROXY": "http://p"}),
    ],
    ids=str,
)
def test_calls_to_it_go_through_no_proxy(
    release: Release, own: dict[str, str], then: dict[str, str]
) -> None:
    env = [{"name": name, "value": value} for name, value in own.items()]

    made = values(_app(release.admit(pod(container(env=env))).object))

    assert {name: it for name, it in made.items() if name.lower().endswith("_proxy")} == then


def test_only_the_named_containers_call_through_it(release: Release) -> None:
    made = release.admit(
        pod(container("app"), container("other"), annotations={"containers": "app"})
    ).object

    app, other = made["spec"]["containers"]
    assert BASE_URLS.items() <= values(app).items()
    assert "env" not in other


ANNOTATIONS = {
    "max-concurrency": "64",
    "initial-limit": "20",
    "queue-size": "0",
    "queue-timeout": "2.5",
    "upstreams": "own:vllm=http://models.example:8000",
    "log-level": "warning",
    "drain-timeout": "20",
    "cpu-request": "100m",
    "memory-request": "100Mi",
    "cpu-limit": "1",
    "memory-limit": "1Gi",
    "image": "registry.example/llm-sidecar:2",
    "termination-grace-period": "60",
}


def test_annotations_configure_it(release: Release) -> None:
    made, warnings = release.admit(pod(annotations=ANNOTATIONS))

    first = sidecar(made)
    expected = {
        "SIDECAR_LIMIT_MAX": "64",
        "SIDECAR_LIMIT_INITIAL": "20",
        "SIDECAR_QUEUE_SIZE": "0",
        "SIDECAR_QUEUE_TIMEOUT": "2.5",
        "SIDECAR_UPSTREAM_URLS": "own:vllm=http://models.example:8000",
        "SIDECAR_LOG_LEVEL": "warning",
        "SIDECAR_DRAIN_TIMEOUT": "20",
    }
    assert expected.items() <= values(first).items()
    assert len(first["env"]) == len(values(first))
    assert first["image"] == "registry.example/llm-sidecar:2"
    assert first["resources"] == {
        "requests": {"cpu": "100m", "memory": "100Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }
    assert made["spec"]["terminationGracePeriodSeconds"] == 60
    assert warnings == []


@pytest.mark.parametrize("key", sorted(ANNOTATIONS))
def test_a_wrong_annotation_changes_nothing_and_is_named(release: Release, key: str) -> None:
    """And the value, which may be anything, is not repeated."""
    plain = release.admit(pod(annotations={})).object

    made, warnings = release.admit(pod(annotations={key: "Not So!"}))

    assert annotations_named(warnings) == {f"llm-sidecar.io/{key}"}
    assert not any("Not So!" in text for text in warnings)
    del made["metadata"]["annotations"][f"llm-sidecar.io/{key}"]
    assert comparable(made) == comparable(plain)


@pytest.mark.parametrize(
    ("annotations", "named"),
    [
        ({"max-concurency": "7"}, {"max-concurency"}),
        ({"status": "mine"}, set()),
        ({"containers": "app,nope"}, {"containers"}),
        ({"initial-limit": "257"}, {"initial-limit"}),
        ({"max-concurrency": "5", "initial-limit": "6"}, {"initial-limit"}),
        ({"cpu-request": "2", "cpu-limit": "1"}, {"cpu-request", "cpu-limit"}),
        ({"memory-limit": "1Mi"}, {"memory-limit"}),
        ({"termination-grace-period": "29"}, {"termination-grace-period"}),
        ({"termination-grace-period": "30"}, set()),
        ({"drain-timeout": "29"}, {"drain-timeout"}),
        ({"drain-timeout": "28"}, set()),
    ],
    ids=str,
)
def test_what_is_warned_about(
    release: Release, annotations: dict[str, str], named: set[str]
) -> None:
    _, warnings = release.admit(pod(annotations=annotations))

    assert annotations_named(warnings) == set(prefixed(dict.fromkeys(named, "")))


@pytest.mark.parametrize(
    ("own", "asked", "grace", "drain"),
    [
        (None, None, 30, "28"),
        (600, None, 600, "598"),
        (None, "630", 630, "628"),
        (700, "630", 700, "698"),
        (2, None, 2, "1"),
        (0, None, 0, "1"),
    ],
)
def test_the_grace_period_is_only_ever_raised(
    release: Release, own: int | None, asked: str | None, grace: int, drain: str
) -> None:
    spec: Object = {} if own is None else {"terminationGracePeriodSeconds": own}
    annotations = {} if asked is None else {"termination-grace-period": asked}

    made = release.admit(pod(annotations=annotations, **spec)).object

    assert made["spec"]["terminationGracePeriodSeconds"] == grace
    assert values(sidecar(made))["SIDECAR_DRAIN_TIMEOUT"] == drain


def test_a_pod_that_has_the_sidecar_is_left_as_it_is(release: Release, namespace: str) -> None:
    """A chart has put it there, with the named template."""
    own = pod(initContainers=[container("llm-sidecar", restartPolicy="Always")])

    there, elsewhere = release.admit(own).object, release.admit(own, namespace).object

    assert comparable(there) == comparable(elsewhere)


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_controllers_pods_are_injected(release: Release, kind: str) -> None:
    name = f"by-{kind.lower()}"
    labels = {**OPT_IN, "app": name}
    template: Object = {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
        owner: Object = {"apiVersion": "batch/v1", "spec": {"completions": 2, "parallelism": 2}}
    else:
        selector = {"matchLabels": {"app": name}}
        owner = {"apiVersion": "apps/v1", "spec": {"replicas": 2, "selector": selector}}
    owner["spec"]["template"] = template

    release.api.create({**owner, "kind": kind, "metadata": {"name": name}}, release.served)

    def both() -> list[Object]:
        pods = release.api.list("Pod", release.served, labelSelector=f"app={name}")
        return pods if len(pods) == 2 else []

    alone = comparable(release.admit(pod(labels=labels)).object)
    for made in map(comparable, eventually(both, f"pods of the {kind}")):
        assert sidecar(made) == sidecar(alone)
        assert _app(made) == _app(alone)
