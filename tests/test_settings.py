"""Every setting: default, range, and one line for whatever is wrong."""

import os
from collections.abc import Callable

import pytest

from sidecar.control.ceilings import CeilingConfig
from sidecar.control.config import LimitConfig
from sidecar.errors import ConfigError
from sidecar.proxy.body import BodyConfig
from sidecar.retry.policy import RetryConfig
from sidecar.setting_rows import setting_rows
from sidecar.settings import Settings, load_settings
from sidecar.upstream.config import UpstreamConfig

DEFAULTS = {
    "SIDECAR_UPSTREAM_DEFAULT": "openai",
    "SIDECAR_UPSTREAM_URLS": "none",
    "SIDECAR_UPSTREAM_CONNECT_TIMEOUT": "5",
    "SIDECAR_UPSTREAM_READ_TIMEOUT": "600",
    "SIDECAR_PROXY_HOST": "127.0.0.1",
    "SIDECAR_PROXY_PORT": "18080",
    "SIDECAR_PROXY_MAX_BODY_BYTES": "67108864",
    "SIDECAR_PROXY_MAX_BUFFERED_BYTES": "268435456",
    "SIDECAR_ADMIN_HOST": "0.0.0.0",
    "SIDECAR_ADMIN_PORT": "18090",
    "SIDECAR_LIMIT_MODE": "adaptive",
    "SIDECAR_LIMIT_INITIAL": "10",
    "SIDECAR_LIMIT_MIN": "1",
    "SIDECAR_LIMIT_MAX": "256",
    "SIDECAR_LIMIT_DECREASE": "0.9",
    "SIDECAR_LIMIT_LATENCY_TARGET": "none",
    "SIDECAR_LIMIT_LATENCY_TOLERANCE": "2",
    "SIDECAR_QUEUE_SIZE": "1000",
    "SIDECAR_QUEUE_TIMEOUT": "30",
    "SIDECAR_RATE_REQUESTS_PER_SECOND": "none",
    "SIDECAR_RATE_REQUESTS_PER_MINUTE": "none",
    "SIDECAR_RATE_TOKENS_PER_MINUTE": "none",
    "SIDECAR_RATE_FEED_FORWARD": "true",
    "SIDECAR_RETRY_ATTEMPTS": "3",
    "SIDECAR_RETRY_BASE_DELAY": "1",
    "SIDECAR_RETRY_MAX_DELAY": "60",
    "SIDECAR_RETRY_BUDGET": "0.2",
    "SIDECAR_RETRY_SHOULD_RETRY": "exhausted",
    "SIDECAR_WEBSOCKETS_MAX": "100",
    "SIDECAR_LOG_LEVEL": "info",
    "SIDECAR_LOG_FORMAT": "json",
    "SIDECAR_DRAIN_IDLE": "2",
    "SIDECAR_DRAIN_TIMEOUT": "600",
}
"""The promised names and defaults; changing one is a breaking change."""

Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the settings from exactly these variables."""
    for name in list(os.environ):  # noqa: TID251  # the reader of the environment is under test
        if name.upper().startswith("SIDECAR_"):
            monkeypatch.delenv(name)

    def load(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load


def problems(load: Load, **variables: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**variables)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_defaults_are_the_promised_ones(load: Load) -> None:
    rows = setting_rows(load())

    assert {row.name: row.default for row in rows} == DEFAULTS
    assert all(row.value == row.default and row.source == "default" for row in rows)


def test_defaults_agree_with_the_components_own(load: Load) -> None:
    settings = load()

    assert settings.limit() == LimitConfig()
    assert settings.body() == BodyConfig()
    assert settings.upstream() == UpstreamConfig()
    assert settings.retry() == RetryConfig()
    assert settings.ceilings() == CeilingConfig()


def test_every_default_is_itself_allowed(load: Load) -> None:
    defaults = {name: value for name, value in DEFAULTS.items() if value != "none"}

    assert load(**defaults) == load()


def test_every_setting_says_what_it_does_and_what_it_may_be(load: Load) -> None:
    for row in setting_rows(load()):
        assert row.effect
        assert row.allowed
        if row.name.endswith(("TIMEOUT", "IDLE", "TARGET")):
            assert row.unit == "s"
        if row.name.endswith("BYTES"):
            assert row.unit == "bytes"


def test_an_empty_variable_means_the_default(load: Load) -> None:
    assert load(**dict.fromkeys(DEFAULTS, "")) == load()


def test_what_is_set_reaches_the_components(load: Load) -> None:
    settings = load(
        SIDECAR_LIMIT_INITIAL="4",
        SIDECAR_LIMIT_MIN="2",
        SIDECAR_LIMIT_MAX="8",
        SIDECAR_LIMIT_DECREASE="0.5",
        SIDECAR_LIMIT_LATENCY_TARGET="1.5",
        SIDECAR_LIMIT_LATENCY_TOLERANCE="3",
        SIDECAR_PROXY_MAX_BODY_BYTES="10",
        SIDECAR_PROXY_MAX_BUFFERED_BYTES="2000000",
        SIDECAR_UPSTREAM_CONNECT_TIMEOUT="1",
        SIDECAR_UPSTREAM_READ_TIMEOUT="2",
        SIDECAR_UPSTREAM_URLS="mine=http://h",
        SIDECAR_UPSTREAM_DEFAULT="mine",
        SIDECAR_RATE_REQUESTS_PER_SECOND="0.5",
        SIDECAR_RATE_REQUESTS_PER_MINUTE="20",
        SIDECAR_RATE_TOKENS_PER_MINUTE="1000",
        SIDECAR_RETRY_ATTEMPTS="1",
        SIDECAR_RETRY_BASE_DELAY="0.5",
        SIDECAR_RETRY_MAX_DELAY="5",
        SIDECAR_RETRY_BUDGET="0.1",
    )

    assert settings.limit() == LimitConfig(
        initial=4, minimum=2, maximum=8, decrease=0.5, latency_target=1.5, latency_tolerance=3.0
    )
    assert settings.body() == BodyConfig(10, 2_000_000)
    assert settings.upstream() == UpstreamConfig(connect_timeout=1.0, read_timeout=2.0)
    assert settings.routes().match(b"/x", None).upstream.name == "mine"
    assert settings.ceilings() == CeilingConfig(
        requests_per_second=0.5, requests_per_minute=20.0, tokens_per_minute=1000.0
    )
    assert settings.retry() == RetryConfig(attempts=1, base_delay=0.5, max_delay=5.0, budget=0.1)


def test_a_row_tells_where_its_value_came_from(load: Load) -> None:
    rows = {row.name: row for row in setting_rows(load(SIDECAR_QUEUE_TIMEOUT="0.5"))}

    row = rows["SIDECAR_QUEUE_TIMEOUT"]
    assert (row.value, row.default, row.source, row.unit) == ("0.5", "30", "environment", "s")
    assert row.allowed == "a number, at least 0 and at most 86400"


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


@pytest.mark.parametrize("initial", ["1", "300"])
def test_the_initial_limit_lies_between_floor_and_ceiling(load: Load, initial: str) -> None:
    assert problems(load, SIDECAR_LIMIT_INITIAL=initial, SIDECAR_LIMIT_MIN="2") == [
        f"SIDECAR_LIMIT_INITIAL={initial}: must lie between SIDECAR_LIMIT_MIN=2 and"
        " SIDECAR_LIMIT_MAX=256"
    ]


def test_the_default_upstream_must_exist(load: Load) -> None:
    (problem,) = problems(load, SIDECAR_UPSTREAM_DEFAULT="nobody")

    assert problem.startswith("SIDECAR_UPSTREAM_DEFAULT='nobody': no such upstream; known: ")
    assert "anthropic, cohere" in problem


def test_each_wrong_upstream_has_its_line(load: Load) -> None:
    found = problems(load, SIDECAR_UPSTREAM_URLS="a=x,B=http://h,c=http://h")

    assert [problem[:27] for problem in found] == [
        "SIDECAR_UPSTREAM_URLS: 'a':",
        "SIDECAR_UPSTREAM_URLS: 'B':",
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
    found = problems(load, SIDECAR_LIMIT_MAX="5", SIDECAR_FOO="1")

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
