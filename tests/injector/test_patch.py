"""What becomes of whole pods, and what never changes in them."""

import copy
import timeit
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.injector.annotations import ANNOTATIONS
from sidecar.injector.container import sidecar_container
from sidecar.injector.overrides import read_overrides
from sidecar.injector.patch import patch
from tests.injector.made import ADDED, CONFIG, app, applied, config, injected, pod, sidecar_of
from tests.injector.test_annotations import VALUES

PLAIN = sidecar_container(
    CONFIG.container,
    read_overrides({}, CONFIG.container, names=frozenset(), grace_period=30)[0],
)
"""The sidecar of a pod that asks for nothing in particular."""


def test_a_plain_pod_is_injected() -> None:
    after, warnings = injected(pod({"name": "app", "image": "app:1"}))

    assert after == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "labels": {"llm-sidecar.io/inject": "true", "llm-sidecar.io/injected": "true"},
            "annotations": {"llm-sidecar.io/status": CONFIG.status},
        },
        "spec": {
            "initContainers": [PLAIN],
            "containers": [{"name": "app", "image": "app:1", "env": ADDED}],
        },
    }
    assert warnings == []


@pytest.mark.parametrize(
    "untouched",
    [
        pod({"name": "llm-sidecar"}),
        pod(init=[{"name": "other"}, {"name": "llm-sidecar"}], annotations={"nonsense": "1"}),
        {**pod(), "metadata": {}},
        {**pod(), "metadata": {"labels": {"llm-sidecar.io/inject": "false"}}},
        {**pod(), "metadata": {"labels": {"llm-sidecar.io/inject": "True"}}},
        {**pod(), "metadata": {"annotations": {"llm-sidecar.io/inject": "true"}}},
        {**pod(), "spec": {"containers": [{"name": "app"}], "os": {"name": "windows"}}},
    ],
)
def test_a_pod_that_has_a_sidecar_or_wants_or_bears_none_is_left_alone(
    untouched: dict[str, Any],
) -> None:
    assert patch(untouched, CONFIG) == ([], [])


@pytest.mark.parametrize(
    ("init", "names"),
    [
        (None, ["llm-sidecar"]),
        ([], ["llm-sidecar"]),
        ([{"name": "migrate"}, {"name": "warm"}], ["llm-sidecar", "migrate", "warm"]),
        ([{"name": "mesh", "restartPolicy": "Always"}], ["llm-sidecar", "mesh"]),
    ],
)
def test_the_sidecar_comes_first(init: list[dict[str, Any]] | None, names: list[str]) -> None:
    after, _ = injected(pod(init=init))

    assert [each["name"] for each in after["spec"]["initContainers"]] == names
    assert sidecar_of(after) == PLAIN
    for other in after["spec"]["initContainers"][1:]:
        assert other["env"] == ADDED


def test_resources_of_the_whole_pod_hold_for_the_sidecar_too() -> None:
    before = pod(annotations={"cpu-request": "1", "memory-limit": "1Gi", "queue-size": "7"})
    before["spec"]["resources"] = {"requests": {"cpu": "100m"}}

    after, warnings = injected(before)

    assert sidecar_of(after)["resources"] == {}
    assert [warning.split(" ", 1) for warning in warnings] == [
        [
            f"llm-sidecar.io/{key}",
            "has no effect: the resources of the whole pod hold for the sidecar too",
        ]
        for key in ("cpu-request", "memory-limit")
    ]


def test_an_init_container_that_is_null_is_none() -> None:
    before = pod()
    before["spec"]["initContainers"] = None

    assert injected(before)[0] == injected(pod())[0]


def envs(after: dict[str, Any]) -> dict[str, list[str]]:
    """Names of the variables, by container; without the sidecar's."""
    others = (*after["spec"]["containers"], *after["spec"]["initContainers"][1:])
    return {each["name"]: [entry["name"] for entry in each.get("env") or []] for each in others}


OURS = list(CONFIG.app_env)


@pytest.mark.parametrize(
    ("asked", "selected"),
    [
        (None, {"a", "b", "i"}),
        ("a", {"a"}),
        ("b,i", {"b", "i"}),
        ("nobody", set()),
        ("A", {"a", "b", "i"}),  # not a container's name: as if not asked
    ],
)
def test_only_the_named_containers_are_led_to_the_sidecar(
    asked: str | None, selected: set[str]
) -> None:
    annotations = None if asked is None else {"containers": asked}
    before = pod(app("a", X="1"), {"name": "b"}, init=[app("i")], annotations=annotations)

    after, _ = injected(before)

    own = {"a": ["X"], "b": [], "i": []}
    assert envs(after) == {
        name: names + (OURS if name in selected else []) for name, names in own.items()
    }


def test_a_container_that_is_not_named_keeps_its_missing_environment() -> None:
    after, _ = injected(
        pod({"name": "a"}, {"name": "b", "env": None}, annotations={"containers": "c"})
    )

    assert after["spec"]["containers"] == [{"name": "a"}, {"name": "b", "env": None}]


def test_variables_of_the_app_are_never_replaced() -> None:
    own = [
        {"name": "OPENAI_BASE_URL", "value": "https://mine.example/v1"},
        {"name": "OPENAI_BASE_URL", "value": "https://twice.example/v1"},
        {"name": "ANTHROPIC_BASE_URL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    after, _ = injected(pod({"name": "app", "env": own}))

    assert after["spec"]["containers"][0]["env"] == own


def test_the_proxy_is_passed_by_in_the_named_containers_only() -> None:
    before = pod(
        app("a", HTTP_PROXY="http://p", NO_PROXY=".svc"),
        app("b", NO_PROXY=".svc", HTTP_PROXY="http://p"),
        app("c", http_proxy="http://p"),
        annotations={"containers": "a,c"},
    )
    a, b, c = injected(before)[0]["spec"]["containers"]

    assert a == {
        "name": "a",
        "env": [*app(HTTP_PROXY="http://p", NO_PROXY=".svc,127.0.0.1")["env"], *ADDED],
    }
    assert b == before["spec"]["containers"][1]
    assert c["env"] == [
        *app(http_proxy="http://p")["env"], *ADDED, {"name": "NO_PROXY", "value": "127.0.0.1"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("grace", "asked", "after", "drain"),
    [
        (None, None, None, "28"),
        (None, "30", None, "28"),
        (None, "630", 630, "628"),
        (600, None, 600, "598"),
        (600, "630", 630, "628"),
        (600, "10", 600, "598"),
        (0, None, 0, "1"),
    ],
)
def test_the_sidecar_drains_as_long_as_the_pod_is_given(
    grace: int | None, asked: str | None, after: int | None, drain: str
) -> None:
    annotations = None if asked is None else {"termination-grace-period": asked}

    found, _ = injected(pod(grace=grace, annotations=annotations))

    assert found["spec"].get("terminationGracePeriodSeconds") == after
    assert sidecar_of(found)["env"][-1] == {"name": "SIDECAR_DRAIN_TIMEOUT", "value": drain}


def test_annotations_reach_the_sidecar() -> None:
    asked = {
        "max-concurrency": "5",
        "cpu-request": "1",
        "memory-limit": "1Gi",
        "image": "mirror.example/llm-sidecar:2",
    }
    after, warnings = injected(
        pod(annotations=asked),
        config(("SIDECAR_LIMIT_INITIAL", "20"), **CONFIG.container["resources"]),
    )

    sidecar = sidecar_of(after)
    assert sidecar["image"] == "mirror.example/llm-sidecar:2"
    assert sidecar["resources"] == {
        "requests": {"cpu": "1", "memory": "64Mi"},
        "limits": {"memory": "1Gi"},
    }
    assert [(e["name"], e["value"]) for e in sidecar["env"][3:]] == [
        ("SIDECAR_LIMIT_MAX", "5"),
        ("SIDECAR_LIMIT_INITIAL", "5"),
        ("SIDECAR_DRAIN_TIMEOUT", "28"),
    ]
    assert after["metadata"]["annotations"] == {
        **pod(annotations=asked)["metadata"]["annotations"],
        "llm-sidecar.io/status": CONFIG.status,
    }
    assert warnings == []


def test_a_wrong_annotation_takes_nothing_else_along() -> None:
    right = pod(annotations={"max-concurrency": "5", "log-level": "error"})
    wrong = pod(
        annotations={"max-concurrency": "5", "log-level": "error", "queue-size": "many", "x": "y"}
    )

    after, warnings = injected(wrong)

    assert sidecar_of(after) == sidecar_of(injected(right)[0])
    assert [line.split()[0] for line in warnings] == [
        "llm-sidecar.io/queue-size",
        "llm-sidecar.io/x",
    ]


def test_a_pod_is_not_changed_in_place() -> None:
    before = pod(app(NO_PROXY="a"), init=[app("i")], annotations={"containers": "app,i"})
    kept = copy.deepcopy(before)

    patch(before, CONFIG)

    assert before == kept


NAMES = st.sampled_from(["app", "web", "job"])
VARIABLES = st.sampled_from(
    [*CONFIG.app_env, "NO_PROXY", "no_proxy", "HTTP_PROXY", "all_proxy", "PATH", "a/b~c"]
)
ENTRIES = st.one_of(
    st.fixed_dictionaries({"name": VARIABLES}, optional={"value": st.none() | st.text(max_size=9)}),
    st.fixed_dictionaries({"name": VARIABLES, "valueFrom": st.just({"fieldRef": {}})}),
)
CONTAINERS = st.fixed_dictionaries(
    {"name": NAMES}, optional={"env": st.none() | st.lists(ENTRIES, max_size=6), "image": st.text()}
)
ASKED = st.dictionaries(
    st.sampled_from([annotation.key for annotation in ANNOTATIONS] + ["status", "unknown", "a~b"]),
    st.sampled_from([value for good, bad in VALUES.values() for value in (*good, *bad)] + ["app"]),
)
GRACE = st.none() | st.integers(0, 100_000)


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    """Labelled pods, with everything in them that the injector looks at."""
    made = pod(
        *draw(st.lists(CONTAINERS, min_size=1, max_size=3)),
        init=draw(st.none() | st.lists(CONTAINERS, max_size=2)),
        annotations=draw(st.none() | ASKED),
        grace=draw(GRACE),
    )
    made["spec"]["volumes"] = [{"name": "v"}]
    return made


@given(pods())
def test_nothing_of_the_users_changes_but_what_the_rules_say(before: dict[str, Any]) -> None:
    after, _ = injected(before)

    assert patch(after, CONFIG) == ([], [])
    own = copy.deepcopy(after)
    sidecar = own["spec"]["initContainers"].pop(0)
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("llm-sidecar", "Always")
    assert {entry["name"] for entry in sidecar["env"]} >= {"SIDECAR_DRAIN_TIMEOUT", "POD_IP"}
    assert own["metadata"]["labels"].pop("llm-sidecar.io/injected") == "true"
    assert own["metadata"]["annotations"]["llm-sidecar.io/status"] == CONFIG.status
    assert grace(own) >= grace(before)
    for kind in ("containers", "initContainers"):
        old, new = (each["spec"].get(kind) or [] for each in (before, own))
        assert len(old) == len(new)
        for was, now in zip(old, new, strict=True):
            assert_led(was, now)
    assert without_ours(own) == without_ours(before)


def grace(of: dict[str, Any]) -> int:
    seconds: int = of["spec"].get("terminationGracePeriodSeconds", 30)
    return seconds


def assert_led(was: dict[str, Any], now: dict[str, Any]) -> None:
    """The user's variables are first and as they were; what follows was absent."""
    before, after = was.get("env") or [], now.get("env") or []
    for old, new in zip(before, after, strict=False):
        if old != new:
            assert old["name"] in ("NO_PROXY", "no_proxy")
            assert new == {**old, "value": ",".join(filter(None, [old.get("value"), "127.0.0.1"]))}
    more = [entry["name"] for entry in after[len(before) :]]
    assert set(more) <= {*CONFIG.app_env, "NO_PROXY"}
    assert len(set(more)) == len(more)
    assert not set(more) & {entry["name"] for entry in before}


def without_ours(of: dict[str, Any]) -> dict[str, Any]:
    """Everything that no rule names."""
    rest = copy.deepcopy(of)
    rest["spec"].pop("terminationGracePeriodSeconds", None)
    (rest["metadata"].get("annotations") or {}).pop("llm-sidecar.io/status", None)
    if not rest["metadata"].get("annotations"):
        rest["metadata"].pop("annotations", None)
    if not rest["spec"].get("initContainers"):
        rest["spec"].pop("initContainers", None)
    for kind in ("containers", "initContainers"):
        for container in rest["spec"].get(kind, []):
            container.pop("env", None)
    return rest


def test_the_applier_of_these_tests_keeps_to_the_standard() -> None:
    operations: list[dict[str, Any]] = [
        {"op": "add", "path": "/a~1b~0c", "value": 1},
        {"op": "add", "path": "/l/0", "value": "first"},
        {"op": "add", "path": "/l/-", "value": "last"},
    ]

    assert applied({"l": ["x"]}, operations) == {"a/b~c": 1, "l": ["first", "x", "last"]}


def test_a_large_pod_takes_no_time() -> None:
    """20 containers with 50 variables each: far below the 5 s that the API server waits."""
    variables = {f"V{number}": "x" for number in range(50)}
    large = pod(*(app(f"c{n}", **variables, HTTP_PROXY="p") for n in range(20)), annotations={
        annotation.key: VALUES[annotation.key][0][0] for annotation in ANNOTATIONS
    })  # fmt: skip

    seconds = min(timeit.repeat(lambda: patch(large, CONFIG), number=1, repeat=5))

    assert seconds < 0.1
