"""The policy, written in CEL, and the webhook, written in Python, make the same of every pod.

The API server calls both; what it would store is compared whole, and so are the warnings, by the
annotations that they name.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import hypothesis
import pytest

from tests.cluster.api import Api, Object
from tests.cluster.helm import Helm
from tests.cluster.made_pods import made_pods
from tests.cluster.pods import annotations_named, comparable, container, injected, pod
from tests.cluster.release import Release, running

_FIELD = {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


def _with_env(*env: Object) -> Object:
    return pod(container(env=list(env)))


def _named(name: str, value: str) -> Object:
    return {"name": name, "value": value}


def _upstreams(length: int) -> str:
    """A list of them, as long as that."""
    first = "a=http://a.example/"
    return first + "x" * (length - len(first))


PODS: dict[str, Object] = {
    "plain": pod(),
    "no annotations but an empty map": pod(annotations={}),
    "init containers": pod(initContainers=[container("migrate"), container("fetch")]),
    "a native sidecar of its own": pod(initContainers=[container("log", restartPolicy="Always")]),
    "the sidecar, from a chart": pod(initContainers=[container("llm-sidecar")]),
    "a container of the sidecar's name": pod(container("llm-sidecar")),
    "empty env": pod(container(env=[])),
    "own base URL": _with_env(_named("OPENAI_BASE_URL", "https://example.com/v1")),
    "own base URL, by reference": _with_env({"name": "OPENAI_BASE_URL", **_FIELD}),
    "own base URL, without a value": _with_env({"name": "OPENAI_BASE_URL"}),
    "duplicate names": _with_env(*[_named("A", str(i)) for i in range(3)]),
    "duplicate base URLs": _with_env(*[_named("OPENAI_BASE_URL", f"http://{i}") for i in "ab"]),
    "duplicate NO_PROXY": _with_env(*[_named("NO_PROXY", it) for it in ("a", "", "127.0.0.1")]),
    "NO_PROXY": _with_env(_named("NO_PROXY", "example.com")),
    "no_proxy": _with_env(_named("no_proxy", "example.com"), _named("HTTP_PROXY", "http://p")),
    "NO_PROXY with it": _with_env(_named("NO_PROXY", "a, 127.0.0.1 ,b")),
    "NO_PROXY with one like it": _with_env(_named("NO_PROXY", "127.0.0.11")),
    "NO_PROXY for all": _with_env(_named("NO_PROXY", "*")),
    "NO_PROXY empty": _with_env(_named("NO_PROXY", "")),
    "NO_PROXY by reference": _with_env({"name": "NO_PROXY", **_FIELD}, _named("ALL_PROXY", "p")),
    "a proxy alone": _with_env(_named("http_proxy", "http://p")),
    "an HTTPS proxy alone": _with_env(_named("HTTPS_PROXY", "http://p")),
    "a proxy by reference": _with_env({"name": "all_proxy", **_FIELD}),
    "the node's network": pod(container(ports=[{"containerPort": 8080}]), hostNetwork=True),
    "a user of its own": pod(securityContext={"runAsUser": 0, "fsGroup": 1}),
    "forty containers": pod(*[container(f"c{i}", env=[_named("A", "1")]) for i in range(40)]),
    "limits in the wrong order": pod(
        annotations={"cpu-request": "2", "cpu-limit": "1", "memory-limit": "1Mi"}
    ),
    "a limit of one resource": pod(annotations={"cpu-limit": "0.5", "memory-limit": "512Mi"}),
    "unknown annotations": pod(annotations={"max-concurency": "7", "status": "x"}),
    "unknown container": pod(annotations={"containers": "app,nope"}),
    "only an init container": pod(
        annotations={"containers": "migrate"}, initContainers=[container("migrate")]
    ),
    "initial over maximum": pod(annotations={"max-concurrency": "5", "initial-limit": "6"}),
    "initial at maximum": pod(annotations={"max-concurrency": "5", "initial-limit": "5"}),
    "initial over the default maximum": pod(annotations={"initial-limit": "257"}),
    "drain over grace": pod(annotations={"drain-timeout": "60"}),
    "drain at grace": pod(annotations={"drain-timeout": "28"}),
    "longer grace": pod(annotations={"termination-grace-period": "630"}),
    "shorter grace": pod(annotations={"termination-grace-period": "10"}),
    "equal grace": pod(annotations={"termination-grace-period": "30"}),
    "two days of grace": pod(terminationGracePeriodSeconds=172_800),
    "no grace": pod(terminationGracePeriodSeconds=0),
    "a trailing line end": pod(annotations={"max-concurrency": "5\n"}),
    "an upstream twice": pod(annotations={"upstreams": "a=http://x,a=http://y"}),
    "longest upstreams": pod(annotations={"upstreams": _upstreams(8192)}),
    "too long upstreams": pod(annotations={"upstreams": _upstreams(8193)}),
    "far too long an image": pod(annotations={"image": "a" * 200_000}),
    "Linux": pod(os={"name": "linux"}),
    "Windows": pod(os={"name": "windows"}),
    "pod resources, and annotations of the sidecar's": pod(
        resources={"requests": {"memory": "1Gi"}},
        annotations={"cpu-limit": "1", "memory-request": "1"},
    ),
    "pod resources": pod(resources={"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}),
}


CONFIGURED: dict[str, Any] = {
    "sidecar": {
        "config": {
            "upstreams": "vllm:vllm=http://vllm.models:8000",
            "defaultUpstream": "vllm",
            "initialLimit": 20,
            "minLimit": 4,
            "maxLimit": 64,
            "drainTimeoutSeconds": 7,
        },
        "extraEnv": [{"name": "SIDECAR_QUEUE_SIZE", "value": "7"}],
        "envFrom": [{"configMapRef": {"name": "sidecar", "optional": True}}],
        "resources": {
            "requests": {"cpu": "0.25", "memory": "100M"},
            "limits": {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "1Gi"},
        },
    },
    "injection": {"appEnv": {"OPENAI_BASE_URL": None, "FOO": "a$(PORT)'b\\\"", "A": ""}},
}
"""Values that make every rule matter."""

Pair = tuple[Release, Release]


@pytest.fixture(scope="module")
def configured(api: Api, helm4: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        policy, webhook = (
            stack.enter_context(
                running(
                    Release(api, helm4, f"own-{mode}", _of(mode)), tmp_path_factory.mktemp(mode)
                )
            )
            for mode in ("policy", "webhook")
        )
        yield policy, webhook


def _of(mode: str) -> dict[str, Any]:
    return {**CONFIGURED, "injection": {**CONFIGURED["injection"], "mode": mode}}


@pytest.fixture(scope="module", params=["as it comes", "configured"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """The policy and the webhook of equal values."""
    if request.param == "configured":
        made: Pair = request.getfixturevalue("configured")
        return made
    return request.getfixturevalue("policy"), request.getfixturevalue("webhook")


def _assert_same(pair: Pair, pod: Object) -> Object:
    this, that = (release.admit(pod) for release in pair)
    assert comparable(this.object) == comparable(that.object)
    assert annotations_named(this.warnings) == annotations_named(that.warnings)
    return this.object


@pytest.mark.parametrize("case", PODS)
def test_written_pods(pair: Pair, case: str) -> None:
    _assert_same(pair, PODS[case])


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None)
@hypothesis.given(made_pods())
def test_made_pods(pair: Pair, made: Object) -> None:
    assert injected(_assert_same(pair, made))
