"""What takes effect of what a pod asks for: the rules that no single value can tell."""

from typing import Any

import pytest

from sidecar.injector.annotations import ANNOTATIONS
from sidecar.injector.config import InjectorConfig
from sidecar.injector.overrides import Overrides, read_overrides
from tests.injector.made import CONFIG, config
from tests.injector.test_annotations import VALUES

P = "llm-sidecar.io/"


def read(
    asked: dict[str, str],
    settings: InjectorConfig = CONFIG,
    *,
    names: frozenset[str] = frozenset({"app"}),
    grace: int = 30,
) -> tuple[Overrides, list[str]]:
    annotations = {P + key: value for key, value in asked.items()}
    return read_overrides(annotations, settings.container, names=names, grace_period=grace)


NOTHING = read({})[0]


def no_effect(key: str, why: str) -> list[str]:
    return [f"{P}{key} has no effect: {why}"]


def test_without_annotations_nothing_differs() -> None:
    assert read({}) == (
        Overrides(env={}, resources={}, image=None, containers=None, grace_period=30),
        [],
    )


def test_others_annotations_and_our_own_status_are_nobodys_business() -> None:
    annotations = {"a.example/containers": "%", "llm-sidecar.iox/y": "", P + "status": "0.1.0-x"}

    assert read_overrides(annotations, CONFIG.container, names=frozenset(), grace_period=30) == (
        NOTHING,
        [],
    )


@pytest.mark.parametrize("key", ["max-concurency", "Containers", "injected", "inject", "", "a/b"])
def test_an_annotation_that_is_not_known_is_told(key: str) -> None:
    assert read({key: "sk-secret"}) == (
        NOTHING,
        [f"{P}{key} is not known and has no effect"],
    )


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=lambda each: each.key)
def test_a_value_that_is_not_allowed_has_no_effect_and_is_not_quoted(annotation: Any) -> None:
    for value in (*VALUES[annotation.key][1], "sk-secret!"):
        overrides, warnings = read({annotation.key: value})

        assert overrides == NOTHING
        assert warnings == no_effect(annotation.key, f"it must be {annotation.allowed}")
        assert "sk-secret" not in warnings[0]


@pytest.mark.parametrize("key", [a.key for a in ANNOTATIONS if a.env])
def test_a_variable_takes_its_annotation(key: str) -> None:
    (variable,) = (a.env for a in ANNOTATIONS if a.key == key)
    value = VALUES[key][0][0]

    overrides, warnings = read({key: value})

    assert dict(overrides.env) == {variable: value}
    assert warnings == []


def test_variables_come_in_the_tables_order() -> None:
    asked = {
        "drain-timeout": "5", "log-level": "error", "upstreams": "a=http://x", "queue-timeout": "1",
        "queue-size": "0", "initial-limit": "2", "max-concurrency": "3",
    }  # fmt: skip
    overrides, warnings = read(asked, config(("SIDECAR_LIMIT_MIN", "4")))

    assert list(overrides.env.items()) == [
        ("SIDECAR_LIMIT_MIN", "3"),
        ("SIDECAR_LIMIT_MAX", "3"),
        ("SIDECAR_QUEUE_SIZE", "0"),
        ("SIDECAR_QUEUE_TIMEOUT", "1"),
        ("SIDECAR_UPSTREAM_URLS", "a=http://x"),
        ("SIDECAR_LOG_LEVEL", "error"),
        ("SIDECAR_DRAIN_TIMEOUT", "5"),
    ]
    assert warnings == no_effect("initial-limit", "it must lie between 3 and 3 here")


MIN, MAX, INITIAL = "SIDECAR_LIMIT_MIN", "SIDECAR_LIMIT_MAX", "SIDECAR_LIMIT_INITIAL"


@pytest.mark.parametrize(
    ("base", "asked", "env", "bounds"),
    [
        # (a) the initial limit lies between floor and ceiling
        ({}, {"initial-limit": "256"}, {INITIAL: "256"}, None),
        ({}, {"initial-limit": "257"}, {}, "1 and 256"),
        ({MAX: "20"}, {"initial-limit": "20"}, {INITIAL: "20"}, None),
        ({MAX: "20"}, {"initial-limit": "21"}, {}, "1 and 20"),
        ({MAX: "20"}, {"initial-limit": "21", "max-concurrency": "30"}, {MAX: "30", INITIAL: "21"}, None),
        ({MAX: "20"}, {"initial-limit": "11", "max-concurrency": "10"}, {MAX: "10"}, "1 and 10"),
        ({MAX: "20"}, {"initial-limit": "20", "max-concurrency": "0"}, {INITIAL: "20"}, None),
        ({MIN: "5"}, {"initial-limit": "5"}, {INITIAL: "5"}, None),
        ({MIN: "5"}, {"initial-limit": "4"}, {}, "5 and 256"),
        ({MIN: "5"}, {"initial-limit": "4", "max-concurrency": "4"}, {MIN: "4", MAX: "4", INITIAL: "4"}, None),
        ({MIN: "5"}, {"initial-limit": "3", "max-concurrency": "4"}, {MIN: "4", MAX: "4"}, "4 and 4"),
        ({MIN: "", MAX: "many"}, {"initial-limit": "256"}, {INITIAL: "256"}, None),
        # (b) a ceiling takes floor and start along
        ({}, {"max-concurrency": "5"}, {MAX: "5"}, None),
        ({INITIAL: "5", MIN: "5"}, {"max-concurrency": "5"}, {MAX: "5"}, None),
        ({INITIAL: "6", MIN: "5"}, {"max-concurrency": "5"}, {MAX: "5", INITIAL: "5"}, None),
        ({INITIAL: "6", MIN: "6"}, {"max-concurrency": "5"}, {MIN: "5", MAX: "5", INITIAL: "5"}, None),
        ({INITIAL: "60"}, {"max-concurrency": "50", "initial-limit": "7"}, {MAX: "50", INITIAL: "7"}, None),
        ({INITIAL: "60"}, {"max-concurrency": "50", "initial-limit": "51"}, {MAX: "50", INITIAL: "50"}, "1 and 50"),
    ],
)  # fmt: skip
def test_limits_fit_together(
    base: dict[str, str],
    asked: dict[str, str],
    env: dict[str, str],
    bounds: str | None,
) -> None:
    overrides, warnings = read(asked, config(*base.items()))

    assert list(overrides.env.items()) == list(env.items())
    lines = [line for line in warnings if "max-concurrency" not in line]
    assert lines == (
        no_effect("initial-limit", f"it must lie between {bounds} here") if bounds else []
    )


HIGHER = "the request would be higher than the limit"


@pytest.mark.parametrize(
    ("resources", "asked", "kept"),
    [
        ({}, {"cpu-request": "2", "cpu-limit": "2"}, ["cpu-request", "cpu-limit"]),
        ({}, {"cpu-request": "2", "cpu-limit": "1999m"}, []),
        ({}, {"cpu-request": "9"}, ["cpu-request"]),
        ({"limits": {"cpu": "1"}}, {"cpu-request": "1000m"}, ["cpu-request"]),
        ({"limits": {"cpu": 1}}, {"cpu-request": "1.001"}, []),
        ({"limits": {"cpu": 0}}, {"cpu-request": "1m"}, []),
        ({"limits": {"cpu": "1"}}, {"cpu-request": "2", "cpu-limit": "3"}, ["cpu-request", "cpu-limit"]),
        ({"requests": {"memory": "64Mi"}}, {"memory-limit": "64M"}, []),
        ({"requests": {"memory": "64Mi"}}, {"memory-limit": "67108864"}, ["memory-limit"]),
        ({"requests": {"memory": "64Mi"}}, {"memory-limit": "32Mi", "memory-request": "16Mi"},
         ["memory-limit", "memory-request"]),
        ({"limits": {"memory": "1Gi"}}, {"memory-request": "2Gi", "cpu-limit": "1"}, ["cpu-limit"]),
    ],
)  # fmt: skip
def test_a_request_above_its_limit_takes_both_of_the_resource_away(
    resources: dict[str, dict[str, Any]], asked: dict[str, str], kept: list[str]
) -> None:
    settings = config(**{"requests": {}, **resources})

    overrides, warnings = read(asked, settings)

    places = {a.key: a.resource for a in ANNOTATIONS}
    assert overrides.resources == {places[key]: asked[key] for key in kept}
    assert sorted(warnings) == sorted(
        line for key in asked if key not in kept for line in no_effect(key, HIGHER)
    )


@pytest.mark.parametrize(
    ("grace", "asked", "after", "warned"),
    [(30, "31", 31, False), (30, "30", 30, False), (30, "29", 30, True), (600, "86400", 86400, False), (0, "1", 1, False)],
)  # fmt: skip
def test_the_grace_period_is_only_ever_raised(
    grace: int, asked: str, after: int, warned: bool
) -> None:
    overrides, warnings = read({"termination-grace-period": asked}, grace=grace)

    assert overrides.grace_period == after
    assert warnings == (
        no_effect("termination-grace-period", f"the pod has {grace} seconds already")
        if warned
        else []
    )


@pytest.mark.parametrize(
    ("asked", "warned"),
    [
        ({"drain-timeout": "28"}, False),
        ({"drain-timeout": "28.000001"}, True),
        ({"drain-timeout": "600"}, True),
        ({"drain-timeout": "600", "termination-grace-period": "602"}, False),
        ({"drain-timeout": "600", "termination-grace-period": "601"}, True),
        ({"drain-timeout": "many"}, False),
    ],
)
def test_a_drain_that_the_kubelet_cuts_short_is_told(asked: dict[str, str], warned: bool) -> None:
    overrides, warnings = read(asked)

    told = [line for line in warnings if "is ended after" in line]
    assert told == (
        [
            f"{P}drain-timeout is longer than the pod's grace period allows: the pod is ended after"
            f" {overrides.grace_period} seconds; see {P}termination-grace-period"
        ]
        if warned
        else []
    )
    assert ("SIDECAR_DRAIN_TIMEOUT" in overrides.env) == (asked["drain-timeout"] != "many")


@pytest.mark.parametrize(
    ("asked", "warned"), [("app", False), ("app,web", False), ("app,wbe", True)]
)
def test_a_container_that_is_not_there_is_told(asked: str, warned: bool) -> None:
    overrides, warnings = read({"containers": asked}, names=frozenset({"app", "web"}))

    assert overrides.containers == frozenset(asked.split(","))
    assert warnings == (
        [f"{P}containers names a container that the pod does not have"] if warned else []
    )


@pytest.mark.parametrize(
    ("default", "asked", "valid"),
    [
        ("", "a=http://x", True),
        ("", "a=http://x,a=http://y", False),
        ("", "openai=http://x,openai:azure=http://y", False),
        ("anthropic", "a=http://x", True),
        ("mine", "mine:vllm=http://x", True),
        ("mine", "a=http://x", False),
    ],
)
def test_upstreams_with_which_the_sidecar_would_not_start_have_no_effect(
    default: str, asked: str, valid: bool
) -> None:
    settings = config(("SIDECAR_UPSTREAM_DEFAULT", default))
    (allowed,) = (a.allowed for a in ANNOTATIONS if a.key == "upstreams")

    overrides, warnings = read({"upstreams": asked}, settings)

    assert dict(overrides.env) == ({"SIDECAR_UPSTREAM_URLS": asked} if valid else {})
    assert warnings == ([] if valid else no_effect("upstreams", f"it must be {allowed}"))


def test_an_image_takes_its_annotation() -> None:
    assert (
        read({"image": "mirror.example/llm-sidecar:0.1.0"})[0].image
        == "mirror.example/llm-sidecar:0.1.0"
    )
