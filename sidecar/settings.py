"""Every setting: its name, default, range, unit and effect, in one place.

`environment` fills them in. The README's table and `llm-sidecar config` are made
from these fields (`setting_rows`); the components have config objects of their own and do not know this module.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sidecar.control.ceilings import CeilingConfig
from sidecar.control.config import LimitConfig
from sidecar.control.modes import Mode
from sidecar.cost.price_file import NO_PRICES, PriceFile, read_price_file
from sidecar.errors import ConfigError
from sidecar.proxy.batched import BatchConfig
from sidecar.proxy.body import BodyConfig
from sidecar.proxy.retries import Telling
from sidecar.retry.policy import RetryConfig
from sidecar.sharing.config import SharingConfig
from sidecar.sharing.rules import Mode as SharingMode
from sidecar.upstream.config import UpstreamConfig
from sidecar.upstream.routes import Routes, Upstream, parse_upstreams

PREFIX = "SIDECAR_"


def _setting(default: Any, effect: str, *, unit: str = "", **limits: Any) -> Any:
    return Field(default, description=effect, json_schema_extra={"unit": unit}, **limits)


class Settings(BaseSettings):
    """What can be configured; a field `limit_max` is set by `SIDECAR_LIMIT_MAX`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    upstream_default: str = _setting("openai", "upstream of paths without a prefix")
    upstream_urls: str = _setting(
        "", "own upstreams: a JSON object or a list `name=url,name:dialect=url`"
    )
    upstream_connect_timeout: float = _setting(
        5.0, "longest wait for a connection to the provider", unit="s", gt=0, le=300
    )
    upstream_read_timeout: float = _setting(
        600.0, "longest wait for the provider's next byte", unit="s", gt=0, le=86_400
    )
    proxy_host: str = _setting("127.0.0.1", "address the app's calls are taken on")
    proxy_port: int = _setting(18080, "port the app's calls are taken on; 0 = any", ge=0, le=65_535)
    proxy_max_body_bytes: int = _setting(
        67_108_864, "a larger request body is refused with 413", unit="bytes", ge=1
    )
    proxy_max_buffered_bytes: int = _setting(
        268_435_456,
        "request bodies held at once; beyond it requests are shed before their body is read",
        unit="bytes",
        ge=1_048_576,
    )
    admin_host: str = _setting("0.0.0.0", "address of metrics, health and statistics")  # noqa: S104
    admin_port: int = _setting(
        18090, "port of metrics, health and statistics; 0 = any", ge=0, le=65_535
    )
    limit_mode: Mode = _setting(
        "adaptive",
        "`adaptive` finds the limit, `fixed` stays at the initial one,"
        " `observe` computes and exports it but holds nobody back",
    )
    limit_initial: int = _setting(
        10,
        "limit to start with, per (upstream, model); the default gives way to floor and ceiling",
        unit="attempts",
        ge=1,
        le=100_000,
    )
    limit_min: int = _setting(1, "the limit never falls below", unit="attempts", ge=1, le=100_000)
    limit_max: int = _setting(256, "the limit never rises above", unit="attempts", ge=1, le=100_000)
    limit_decrease: float = _setting(0.9, "factor of a cut after push-back", ge=0.5, le=0.99)
    limit_latency_target: float | None = _setting(
        None,
        "p95 time to first byte to hold; none = learned from the provider",
        unit="s",
        gt=0,
        le=86_400,
    )
    limit_latency_tolerance: float = _setting(
        2.0, "a cut is tried when latency exceeds this multiple of its baseline", ge=1.1, le=20
    )
    queue_size: int = _setting(
        1000, "waiting requests per (upstream, model); beyond it they are shed", ge=0, le=1_000_000
    )
    queue_timeout: float = _setting(
        30.0, "longest wait for a place; beyond it the request is shed", unit="s", ge=0, le=86_400
    )
    rate_requests_per_second: float | None = _setting(
        None, "ceiling per (upstream, model) that the sidecar keeps by itself", gt=0, le=1_000_000
    )
    rate_requests_per_minute: float | None = _setting(
        None, "ceiling per (upstream, model), in any 60 s", gt=0, le=60_000_000
    )
    rate_tokens_per_minute: float | None = _setting(
        None,
        "ceiling of LLM tokens per (upstream, model), in any 60 s: reserved from the request"
        " (bytes / 4 + its maximum of output tokens), settled from the answer's usage",
        gt=0,
        le=1e12,
    )
    rate_feed_forward: bool = _setting(
        True, "slow down by the provider's rate-limit headers, before its first 429"
    )
    retry_attempts: int = _setting(
        3, "retries after the first attempt; 0 = none", unit="retries", ge=0, le=100
    )
    retry_base_delay: float = _setting(
        1.0,
        "exponential backoff with full jitter: the first retry comes within this",
        unit="s",
        gt=0,
        le=3600,
    )
    retry_max_delay: float = _setting(
        60.0,
        "longest wait before a retry; also the cap on an obeyed `Retry-After`",
        unit="s",
        gt=0,
        le=3600,
    )
    retry_budget: float = _setting(
        0.2,
        "retries as a share of the last minute's requests, per (upstream, model);"
        " 10 a minute always may",
        ge=0,
        le=1,
    )
    retry_should_retry: Telling = _setting(
        "exhausted",
        "when a rejection passed to the app says `x-should-retry: false` to its SDK:"
        " once the sidecar did what it could, always, or never",
    )
    dedup_mode: SharingMode = _setting(
        "safe",
        "which identical calls in flight share one: `safe` embeddings, moderations, rerank, token"
        " counts and lists of models; `deterministic` also prompts with temperature 0; `off` none",
    )
    dedup_cache_ttl: float = _setting(
        0.0,
        "a finished answer is kept for identical calls this long; 0 = only calls in flight share",
        unit="s",
        ge=0,
        le=86_400,
    )
    dedup_cache_bytes: int = _setting(
        16_777_216,
        "answers kept at once, the one used the longest ago going first",
        unit="bytes",
        ge=0,
    )
    batch_enabled: bool = _setting(
        False, "merge embedding requests while places are scarce, and cut arrays that are too long"
    )
    batch_max_size: int = _setting(
        20, "inputs in one merged embedding call at most", unit="inputs", ge=1, le=100_000
    )
    batch_max_wait: float = _setting(
        0.02,
        "a merged call gathers requests this long, unless full before; then it asks for its place"
        " and takes more until it has it",
        unit="s",
        ge=0,
        le=10,
    )
    batch_max_inputs: int | None = _setting(
        None,
        "longer embedding arrays are cut; none = the provider's limit",
        unit="inputs",
        ge=1,
        le=1_000_000,
    )
    batch_max_tokens: int | None = _setting(
        None,
        "embedding arrays of more LLM tokens are cut; none = the provider's limit",
        unit="tokens",
        ge=1,
        le=1_000_000_000,
    )
    prompt_cache_leader_first: bool = _setting(
        False,
        "of calls with the same cacheable prompt prefix one goes ahead, the rest follow at its first byte",
    )
    prompt_cache_max_wait: float = _setting(
        10.0, "longest wait for the one that went ahead", unit="s", gt=0, le=3600
    )
    tokens_include_usage: bool = _setting(
        False,
        "ask for the usage of streams that tell it only on request, and take the extra chunk out again",
    )
    cost_enabled: bool = _setting(True, "estimate cost from list prices and `SIDECAR_COST_PRICES`")
    cost_prices: str = _setting("", "path of a YAML file with own prices, which go first")
    websockets_max: int = _setting(
        100, "open WebSockets per upstream; beyond it they are shed", ge=0, le=100_000
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "`info` logs one line per request, `warning` none"
    )
    log_format: Literal["json", "console"] = _setting("json", "`console` is for people")
    drain_idle: float = _setting(
        2.0,
        "after SIGTERM the process leaves once nothing was in flight or waiting for this long",
        unit="s",
        ge=0,
        le=86_400,
    )
    drain_timeout: float = _setting(
        600.0, "after SIGTERM the process leaves at the latest after", unit="s", ge=0, le=86_400
    )

    injector_host: str = _setting("0.0.0.0", "address of `llm-sidecar injector`")  # noqa: S104
    injector_port: int = _setting(8443, "port of `llm-sidecar injector`; 0 = any", ge=0, le=65_535)
    injector_config: str = _setting("", "path of the JSON file that says what is injected")
    injector_certificate: str = _setting("", "path of the injector's certificate chain, in PEM")
    injector_key: str = _setting("", "path of the certificate's private key, in PEM")

    @model_validator(mode="after")
    def _give_way(self) -> Self:
        if "limit_initial" not in self.model_fields_set:
            fitting = max(self.limit_min, min(self.limit_initial, self.limit_max))
            object.__setattr__(self, "limit_initial", fitting)  # frozen for everybody else
        return self

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        problems = []
        if self.limit_min > self.limit_max:
            problems.append(
                f"{PREFIX}LIMIT_MIN={self.limit_min}: must be at most"
                f" {PREFIX}LIMIT_MAX={self.limit_max}"
            )
        elif not self.limit_min <= self.limit_initial <= self.limit_max:
            problems.append(
                f"{PREFIX}LIMIT_INITIAL={self.limit_initial}: must lie between"
                f" {PREFIX}LIMIT_MIN={self.limit_min} and {PREFIX}LIMIT_MAX={self.limit_max}"
            )
        if self.retry_base_delay > self.retry_max_delay:
            problems.append(
                f"{PREFIX}RETRY_BASE_DELAY={self.retry_base_delay:g}: must be at most"
                f" {PREFIX}RETRY_MAX_DELAY={self.retry_max_delay:g}"
            )
        try:
            upstreams = parse_upstreams(self.upstream_urls)
            if self.upstream_default not in upstreams:
                problems.append(
                    f"{PREFIX}UPSTREAM_DEFAULT={self.upstream_default!r}: no such upstream;"
                    f" known: {', '.join(sorted(upstreams))}"
                )
        except ConfigError as error:
            problems += [f"{PREFIX}UPSTREAM_URLS: {problem}" for problem in error.problems]
        try:
            self.prices()
        except ConfigError as error:
            problems += [f"{PREFIX}COST_PRICES: {problem}" for problem in error.problems]
        if problems:
            raise ConfigError(problems)
        return self

    def upstreams(self) -> dict[str, Upstream]:
        """By name."""
        return parse_upstreams(self.upstream_urls)

    def routes(self) -> Routes:
        """The table of upstreams."""
        return Routes(self.upstreams(), default=self.upstream_default)

    def prices(self) -> PriceFile:
        """The user's own prices, read anew."""
        return read_price_file(Path(self.cost_prices)) if self.cost_prices else NO_PRICES

    def limit(self) -> LimitConfig:
        """The law's numbers."""
        return LimitConfig(
            initial=self.limit_initial,
            minimum=self.limit_min,
            maximum=self.limit_max,
            decrease=self.limit_decrease,
            latency_target=self.limit_latency_target,
            latency_tolerance=self.limit_latency_tolerance,
        )

    def body(self) -> BodyConfig:
        """Bounds on request bodies."""
        return BodyConfig(
            max_bytes=self.proxy_max_body_bytes, max_held_bytes=self.proxy_max_buffered_bytes
        )

    def retry(self) -> RetryConfig:
        """The retry policy's numbers."""
        return RetryConfig(
            attempts=self.retry_attempts,
            base_delay=self.retry_base_delay,
            max_delay=self.retry_max_delay,
            budget=self.retry_budget,
        )

    def sharing(self) -> SharingConfig:
        """How identical calls are shared."""
        return SharingConfig(
            mode=self.dedup_mode,
            cache_ttl=self.dedup_cache_ttl,
            cache_bytes=self.dedup_cache_bytes,
        )

    def batch(self) -> BatchConfig:
        """How embedding requests are merged and cut."""
        return BatchConfig(
            max_size=self.batch_max_size,
            max_wait=self.batch_max_wait,
            max_inputs=self.batch_max_inputs,
            max_tokens=self.batch_max_tokens,
        )

    def ceilings(self) -> CeilingConfig:
        """The rates that the sidecar keeps by itself."""
        return CeilingConfig(
            requests_per_second=self.rate_requests_per_second,
            requests_per_minute=self.rate_requests_per_minute,
            tokens_per_minute=self.rate_tokens_per_minute,
        )

    def upstream(self) -> UpstreamConfig:
        """Timeouts towards providers."""
        return UpstreamConfig(
            connect_timeout=self.upstream_connect_timeout, read_timeout=self.upstream_read_timeout
        )
