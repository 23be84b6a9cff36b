"""Every setting: default, range, and one line for whatever is wrong."""

from pathlib import Path

import pytest

from sidecar.control.ceilings import CeilingConfig
from sidecar.control.config import LimitConfig
from sidecar.cost.price_file import NO_PRICES
from sidecar.proxy.batched import BatchConfig
from sidecar.proxy.body import BodyConfig
from sidecar.retry.policy import RetryConfig
from sidecar.setting_rows import setting_rows
from sidecar.sharing.config import SharingConfig
from sidecar.upstream.config import UpstreamConfig
from tests.loading import Load, problems

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
    "SIDECAR_DEDUP_MODE": "safe",
    "SIDECAR_DEDUP_CACHE_TTL": "0",
    "SIDECAR_DEDUP_CACHE_BYTES": "16777216",
    "SIDECAR_BATCH_ENABLED": "false",
    "SIDECAR_BATCH_MAX_SIZE": "20",
    "SIDECAR_BATCH_MAX_WAIT": "0.02",
    "SIDECAR_BATCH_MAX_INPUTS": "none",
    "SIDECAR_BATCH_MAX_TOKENS": "none",
    "SIDECAR_PROMPT_CACHE_LEADER_FIRST": "false",
    "SIDECAR_PROMPT_CACHE_MAX_WAIT": "10",
    "SIDECAR_TOKENS_INCLUDE_USAGE": "false",
    "SIDECAR_COST_ENABLED": "true",
    "SIDECAR_COST_PRICES": "none",
    "SIDECAR_WEBSOCKETS_MAX": "100",
    "SIDECAR_LOG_LEVEL": "info",
    "SIDECAR_LOG_FORMAT": "json",
    "SIDECAR_DRAIN_IDLE": "2",
    "SIDECAR_DRAIN_TIMEOUT": "600",
    "SIDECAR_INJECTOR_HOST": "0.0.0.0",
    "SIDECAR_INJECTOR_PORT": "8443",
    "SIDECAR_INJECTOR_CONFIG": "none",
    "SIDECAR_INJECTOR_CERTIFICATE": "none",
    "SIDECAR_INJECTOR_KEY": "none",
}
"""The promised names and defaults; changing one is a breaking change."""


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
    assert settings.sharing() == SharingConfig()
    assert settings.batch() == BatchConfig()
    assert settings.prices() == NO_PRICES


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
        SIDECAR_DEDUP_MODE="deterministic",
        SIDECAR_DEDUP_CACHE_TTL="9",
        SIDECAR_DEDUP_CACHE_BYTES="1000",
        SIDECAR_BATCH_MAX_SIZE="5",
        SIDECAR_BATCH_MAX_WAIT="0.5",
        SIDECAR_BATCH_MAX_INPUTS="50",
        SIDECAR_BATCH_MAX_TOKENS="500",
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
    assert settings.sharing() == SharingConfig(
        mode="deterministic", cache_ttl=9.0, cache_bytes=1000
    )
    assert settings.batch() == BatchConfig(max_size=5, max_wait=0.5, max_inputs=50, max_tokens=500)


def test_a_row_tells_where_its_value_came_from(load: Load) -> None:
    rows = {row.name: row for row in setting_rows(load(SIDECAR_QUEUE_TIMEOUT="0.5"))}

    row = rows["SIDECAR_QUEUE_TIMEOUT"]
    assert (row.value, row.default, row.source, row.unit) == ("0.5", "30", "environment", "s")
    assert row.allowed == "a number, at least 0 and at most 86400"


@pytest.mark.parametrize("initial", ["1", "300"])
def test_the_initial_limit_lies_between_floor_and_ceiling(load: Load, initial: str) -> None:
    assert problems(load, SIDECAR_LIMIT_INITIAL=initial, SIDECAR_LIMIT_MIN="2") == [
        f"SIDECAR_LIMIT_INITIAL={initial}: must lie between SIDECAR_LIMIT_MIN=2 and"
        " SIDECAR_LIMIT_MAX=256"
    ]


@pytest.mark.parametrize(
    ("floor", "ceiling", "initial"),
    [("", "5", 5), ("", "1", 1), ("", "10", 10), ("20", "", 20), ("3", "30", 10), ("7", "7", 7)],
)
def test_the_default_initial_limit_gives_way(
    load: Load, floor: str, ceiling: str, initial: int
) -> None:
    settings = load(SIDECAR_LIMIT_MIN=floor, SIDECAR_LIMIT_MAX=ceiling)

    assert settings.limit().initial == initial
    (row,) = (row for row in setting_rows(settings) if row.name == "SIDECAR_LIMIT_INITIAL")
    assert (row.value, row.default, row.source) == (str(initial), "10", "default")


def test_an_initial_limit_that_was_said_does_not_give_way(load: Load) -> None:
    assert problems(load, SIDECAR_LIMIT_INITIAL="10", SIDECAR_LIMIT_MAX="5") == [
        "SIDECAR_LIMIT_INITIAL=10: must lie between SIDECAR_LIMIT_MIN=1 and SIDECAR_LIMIT_MAX=5"
    ]


@pytest.mark.parametrize("initial", ["", "7"])
def test_the_floor_lies_below_the_ceiling(load: Load, initial: str) -> None:
    wrong = {"SIDECAR_LIMIT_MIN": "8", "SIDECAR_LIMIT_MAX": "5", "SIDECAR_LIMIT_INITIAL": initial}

    assert problems(load, **wrong) == ["SIDECAR_LIMIT_MIN=8: must be at most SIDECAR_LIMIT_MAX=5"]


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


def test_a_wrong_price_file_stops_the_start_naming_line_and_key(load: Load, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("openai:\n  m: {input: 1, outptu: 2}\n  n: {input: -1}\n")

    lines = problems(load, SIDECAR_COST_PRICES=str(prices))

    assert len(lines) == 2
    assert lines[0].startswith(f"SIDECAR_COST_PRICES: {prices}:2: ")
    assert "outptu" in lines[0]
    assert lines[1].startswith(f"SIDECAR_COST_PRICES: {prices}:3: ")
    assert "input" in lines[1]


def test_a_price_file_that_is_not_there_stops_the_start(load: Load) -> None:
    (line,) = problems(load, SIDECAR_COST_PRICES="/no/such/prices.yaml")

    assert "/no/such/prices.yaml" in line
