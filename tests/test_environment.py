"""What the environment says, and what is wrong with it."""

import pytest

from tests.loading import Load, problems


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("LIMIT_MAX", "many", "a whole number, at least 1 and at most 100000"),
        ("LIMIT_MAX", "1.5", "a whole number, at least 1 and at most 100000"),
        ("LIMIT_MIN", "0", "a whole number, at least 1 and at most 100000"),
        ("LIMIT_INITIAL", "100001", "a whole number, at least 1 and at most 100000"),
        ("LIMIT_DECREASE", "1", "a number, at least 0.5 and at most 0.99"),
        ("LIMIT_DECREASE", "0.49", "a number, at least 0.5 and at most 0.99"),
        ("LIMIT_LATENCY_TARGET", "0", "a number, above 0 and at most 86400"),
        ("LIMIT_LATENCY_TARGET", "inf", "a number, above 0 and at most 86400"),
        ("LIMIT_LATENCY_TARGET", "fast", "a number, above 0 and at most 86400"),
        ("LIMIT_LATENCY_TOLERANCE", "1", "a number, at least 1.1 and at most 20"),
        ("LIMIT_MODE", "auto", "adaptive or fixed or observe"),
        ("QUEUE_SIZE", "-1", "a whole number, at least 0 and at most 1000000"),
        ("QUEUE_TIMEOUT", "nan", "a number, at least 0 and at most 86400"),
        ("QUEUE_TIMEOUT", "inf", "a number, at least 0 and at most 86400"),
        ("UPSTREAM_CONNECT_TIMEOUT", "0", "a number, above 0 and at most 300"),
        ("UPSTREAM_READ_TIMEOUT", "-1", "a number, above 0 and at most 86400"),
        ("PROXY_PORT", "65536", "a whole number, at least 0 and at most 65535"),
        ("PROXY_PORT", "http", "a whole number, at least 0 and at most 65535"),
        ("PROXY_MAX_BODY_BYTES", "0", "a whole number, at least 1"),
        ("PROXY_MAX_BUFFERED_BYTES", "1048575", "a whole number, at least 1048576"),
        ("LOG_LEVEL", "loud", "debug or info or warning or error"),
        ("LOG_FORMAT", "xml", "json or console"),
        ("DRAIN_IDLE", "-1", "a number, at least 0 and at most 86400"),
        ("DRAIN_TIMEOUT", "soon", "a number, at least 0 and at most 86400"),
    ],
)
def test_a_bad_value_gives_one_line_with_name_value_and_what_is_allowed(
    load: Load, name: str, value: str, allowed: str
) -> None:
    assert problems(load, **{f"SIDECAR_{name}": value}) == [
        f"SIDECAR_{name}={value!r}: must be {allowed}"
    ]


def test_an_unknown_name_gives_one_line_with_the_nearest_known_one(load: Load) -> None:
    assert problems(load, SIDECAR_LIMIT_MAXIMUM="5") == [
        "SIDECAR_LIMIT_MAXIMUM: no such setting; the nearest is SIDECAR_LIMIT_MAX"
    ]


@pytest.mark.parametrize(
    "name", ["SIDECAR_PROXI_PORT", "SIDECAR_PORT", "SIDECAR_HTTP_SERVICE_HOSTS", "SIDECAR_"]
)
def test_a_typo_is_not_taken_for_something_of_kubernetes(load: Load, name: str) -> None:
    (problem,) = problems(load, **{name: "8080"})

    assert problem.startswith(f"{name}: no such setting")


def test_all_problems_are_told_at_once(load: Load) -> None:
    found = problems(
        load, SIDECAR_LIMIT_MAX="x", SIDECAR_QUEUE_SIZE="y", SIDECAR_FOO="1", SIDECAR_BAR="2"
    )

    assert [problem.split("=")[0].split(":")[0] for problem in found] == [
        "SIDECAR_BAR", "SIDECAR_FOO", "SIDECAR_LIMIT_MAX", "SIDECAR_QUEUE_SIZE",
    ]  # fmt: skip


def test_strangers_are_told_beside_what_does_not_fit_together(load: Load) -> None:
    found = problems(load, SIDECAR_LIMIT_MAX="5", SIDECAR_LIMIT_INITIAL="6", SIDECAR_FOO="1")

    assert [problem.split("=")[0].split(":")[0] for problem in found] == [
        "SIDECAR_FOO", "SIDECAR_LIMIT_INITIAL",
    ]  # fmt: skip


@pytest.mark.parametrize("service", ["SIDECAR", "SIDECAR_METRICS", "SIDECAR_X_Y"])
def test_what_kubernetes_sets_for_a_service_is_ignored(load: Load, service: str) -> None:
    """It puts such variables into every pod of a namespace with a service of that name."""
    links = {
        "_SERVICE_HOST": "10.0.0.1",
        "_SERVICE_PORT": "80",
        "_SERVICE_PORT_HTTP_ALT": "80",
        "_PORT": "tcp://10.0.0.1:80",
        "_PORT_80_TCP": "tcp://10.0.0.1:80",
        "_PORT_80_TCP_PROTO": "tcp",
        "_PORT_80_TCP_PORT": "80",
        "_PORT_80_TCP_ADDR": "10.0.0.1",
        "_PORT_53_UDP": "udp://10.0.0.1:53",
        "_PORT_9_SCTP": "sctp://10.0.0.1:9",
    }

    settings = load(**{service + ending: value for ending, value in links.items()})

    assert settings.proxy_port == 18080
