"""What a pod may ask for: the table itself, and every value's range."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.injector.annotations import ANNOTATIONS, MAX_LENGTH, PREFIX, Annotation
from sidecar.injector.quantities import quantity
from sidecar.settings import PREFIX as SETTINGS_PREFIX
from sidecar.settings import Settings
from sidecar.upstream.routes import parse_upstreams

BY_KEY = {annotation.key: annotation for annotation in ANNOTATIONS}

LONGEST_LABEL = "a" * 63


def test_the_promised_keys_in_their_order() -> None:
    assert [annotation.key for annotation in ANNOTATIONS] == [
        "containers", "max-concurrency", "initial-limit", "queue-size", "queue-timeout", "upstreams",
        "log-level", "drain-timeout", "cpu-request", "memory-request", "cpu-limit", "memory-limit",
        "image", "termination-grace-period",
    ]  # fmt: skip


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=BY_KEY)
def test_each_has_one_effect_and_a_pattern_that_fits_into_a_template(
    annotation: Annotation,
) -> None:
    assert sum(map(bool, (annotation.env, annotation.resource, annotation.field))) == 1
    assert (annotation.pattern[0], annotation.pattern[-1]) == ("^", "$")
    assert not re.search(
        r"""[\\'"`]|\(\?|\{\{""", annotation.pattern
    )  # RE2 has no lookaround; nor quotes
    assert annotation.allowed
    assert annotation.effect
    assert annotation.name == PREFIX + annotation.key


def test_variables_are_settings_that_exist() -> None:
    known = {SETTINGS_PREFIX + name.upper() for name in Settings.model_fields}

    assert {annotation.env for annotation in ANNOTATIONS} - {""} <= known


SECONDS = (
    ("0", "1", "0.5", "30", "9999", "10000", "79999", "85999", "86399.999999", "86400", "86400.0"),
    ("", "-1", "86400.1", "86401", "99999", "100000", "00", "1.", ".5", "1.1234567", "1e3", "1s", "inf", "nan"),
)  # fmt: skip
LIMITS = (
    ("1", "9", "10", "99999", "100000"),
    ("", "0", "-1", "+1", "100001", "999999", "01", "1.0", "1 ", " 1", "1\n", "٣", "true"),
)
CPUS = (
    ("1m", "250m", "9999999m", "1", "1.5", "9999.999", "0.5", "0.05", "0.005", "0.010", "0.999"),
    ("", "0", "0m", "0.0", "0.000", "1.1234", "0.0001", "01", "1.", ".5", "1k", "-1", "1 m", "1M", "1e3"),
)  # fmt: skip
MEMORIES = (
    ("1", "64Mi", "1Gi", "5k", "5M", "5G", "1Ki", "999999999Gi", "9" * 15),
    ("", "0", "0Mi", "1.5Gi", "1Ti", "64mi", "64MiB", "-1", "64 Mi", "1m", "1e9", "9" * 16, "1000000000Gi"),
)  # fmt: skip
VALUES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "containers": (
        ("a", "a,b", "app-1,web", LONGEST_LABEL, "0"),
        ("", ",", "a,", ",a", "a, b", "A", "-a", "a-", "a_b", LONGEST_LABEL + "a", "a\n"),
    ),
    "max-concurrency": LIMITS,
    "initial-limit": LIMITS,
    "queue-size": (("0", "1", "999999", "1000000"), ("", "-1", "1000001", "00", "1.0", "many")),
    "queue-timeout": SECONDS,
    "upstreams": (
        (
            "a=http://x", "a=https://x.example", "mine:vllm=http://vllm.ns.svc.cluster.local.:8000/v1",
            "a=http://10.0.0.1:65535/a/b%20c,b:azure=https://b.example/", f"{LONGEST_LABEL}=http://h",
        ),
        (
            "", "a", "a=", "a=x", "=http://x", "A=http://x", "a:nope=http://x", "a:=http://x", "a=ftp://x",
            "a=http://user:password@x", "a=http://x@y", "a=http://x?q", "a=http://x#f", "a=http://x y",
            "a=http://", "a=http://-x", "a=http://x..y", f"a=http://{LONGEST_LABEL}a", "a=http://x:0",
            "a=http://x:65536", "a=http://x:", "a=http://x,", "a=http://x, b=http://y", '{"a": "http://x"}',
            "a=http://x/$(HOME)", "a=http://ä",
        ),
    ),
    "log-level": (("debug", "info", "warning", "error"), ("", "INFO", "trace", "info ", "infos")),
    "drain-timeout": SECONDS,
    "cpu-request": CPUS,
    "memory-request": MEMORIES,
    "cpu-limit": CPUS,
    "memory-limit": MEMORIES,
    "image": (
        (
            "a", "llm-sidecar:0.1.0", "registry.example:5000/team/llm_sidecar--x:v1_2.3-4",
            f"a/b__c@sha256:{'0' * 64}", f"ghcr.io/a/b:t@sha256:{'f' * 64}", "localhost/a", "UPPER.example/a",
        ),
        (
            "", "A", "a:", "a b", "a//b", "/a", "a/", "a@sha256:0", f"a@md5:{'0' * 64}", "http://a",
            "a:-t", "a:" + "t" * 129, "a\n", "a___b",
        ),
    ),
    "termination-grace-period": (
        ("1", "30", "9999", "10000", "79999", "80000", "85999", "86000", "86399", "86400"),
        ("", "0", "-1", "86401", "87000", "90000", "100000", "1.0", "030", "1m"),
    ),
}  # fmt: skip


def test_every_annotation_has_its_values_here() -> None:
    assert list(VALUES) == list(BY_KEY)


@pytest.mark.parametrize(
    ("key", "value"), [(k, v) for k, (good, _) in VALUES.items() for v in good]
)
def test_an_allowed_value(key: str, value: str) -> None:
    assert BY_KEY[key].matches(value)


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, (_, bad) in VALUES.items() for v in bad])
def test_a_value_that_is_not_allowed(key: str, value: str) -> None:
    assert not BY_KEY[key].matches(value)


@pytest.mark.parametrize("key", ["queue-timeout", "drain-timeout", "queue-size", "log-level"])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_sidecar_takes_every_allowed_value(key: str, data: st.DataObject) -> None:
    annotation = BY_KEY[key]
    value = data.draw(st.from_regex(annotation.pattern, fullmatch=True))

    Settings.model_validate({annotation.env.removeprefix(SETTINGS_PREFIX).lower(): value})


@given(st.from_regex(BY_KEY["upstreams"].pattern, fullmatch=True))
def test_the_sidecar_takes_every_allowed_upstream(value: str) -> None:
    for entry in value.split(","):  # as a list, a name may come twice: see `overrides`
        parse_upstreams(entry)


@pytest.mark.parametrize("key", ["cpu-request", "memory-limit"])
@given(data=st.data())
def test_an_allowed_amount_is_one_that_kubernetes_takes(key: str, data: st.DataObject) -> None:
    amount = quantity(data.draw(st.from_regex(BY_KEY[key].pattern, fullmatch=True)))

    assert 0 < amount < 2**63
    assert (amount * 1000).denominator == 1  # the API server refuses what is finer


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=BY_KEY)
@pytest.mark.timeout(20)
def test_the_longest_value_is_refused_in_no_time(annotation: Annotation) -> None:
    """No pattern tries its ways twice."""
    for piece in (
        "a",
        "1",
        "0",
        "a-",
        "a,",
        "a.",
        "a/",
        "_",
        "=",
        "a=http://a,",
        "a=http://a/a",
        "1.0",
    ):
        assert not annotation.matches(piece * ((MAX_LENGTH - 1) // len(piece)) + "\n")


def test_a_value_has_an_end() -> None:
    containers = BY_KEY["containers"]

    assert containers.matches("a," * (MAX_LENGTH // 2 - 1) + "aa")
    assert not containers.matches("a," * (MAX_LENGTH // 2) + "a")
