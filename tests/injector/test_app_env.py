"""The variables of the app's containers."""

from typing import Any

import pytest

from sidecar.injector.app_env import app_env

WANTED = {"A": "1", "B": "2"}
FROM = {"secretKeyRef": {"name": "s", "key": "k"}}


def env(**values: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], env(A="1", B="2")),
        (env(X="9"), env(X="9", A="1", B="2")),
        (env(B="mine"), env(B="mine", A="1")),
        (env(B="mine", A=""), env(B="mine", A="")),
        (env(a="other"), env(a="other", A="1", B="2")),
        ([{"name": "A", "valueFrom": FROM}], [{"name": "A", "valueFrom": FROM}, *env(B="2")]),
        ([*env(A="x"), *env(A="y")], [*env(A="x"), *env(A="y"), *env(B="2")]),
    ],
)
def test_variables_come_where_their_names_are_absent(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    assert app_env(before, WANTED) == after


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "127.0.0.1"),
        (".svc", ".svc,127.0.0.1"),
        ("a,b", "a,b,127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("a,127.0.0.1,b", "a,127.0.0.1,b"),
        ("a, 127.0.0.1", "a, 127.0.0.1"),
        ("127.0.0.10", "127.0.0.10,127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.0/8,127.0.0.1"),
        ("localhost", "localhost,127.0.0.1"),
        ("*", "*"),
        ("*.a", "*.a,127.0.0.1"),
    ],
)
def test_calls_to_the_loopback_pass_the_proxy_by(name: str, before: str, after: str) -> None:
    assert app_env(env(**{name: before}), {}) == env(**{name: after})


def test_an_exception_without_a_value_is_an_empty_one() -> None:
    assert app_env([{"name": "NO_PROXY"}], {}) == env(NO_PROXY="127.0.0.1")


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_an_exception_from_elsewhere_is_left_alone(name: str) -> None:
    before = [{"name": name, "valueFrom": FROM}, *env(HTTP_PROXY="http://p")]

    assert app_env(before, {}) == before


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_without_exceptions_gets_one(name: str) -> None:
    assert app_env(env(**{name: "http://p"}), {}) == env(
        **{name: "http://p", "NO_PROXY": "127.0.0.1"}
    )


def test_a_proxy_for_https_alone_concerns_nobody() -> None:
    assert app_env(env(HTTPS_PROXY="http://p"), {}) == env(HTTPS_PROXY="http://p")


def test_each_exception_is_looked_at() -> None:
    before = [*env(NO_PROXY="a"), *env(no_proxy="b"), *env(NO_PROXY="127.0.0.1")]

    assert app_env(before, {}) == [
        *env(NO_PROXY="a,127.0.0.1"),
        *env(no_proxy="b,127.0.0.1"),
        *env(NO_PROXY="127.0.0.1"),
    ]


def test_nothing_of_the_callers_is_changed_in_place() -> None:
    before = env(NO_PROXY="a")

    app_env(before, WANTED)

    assert before == env(NO_PROXY="a")
