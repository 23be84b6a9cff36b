"""Every metric of the product, in one table; the exporter and the documentation read it."""

from dataclasses import dataclass
from typing import Literal

SERIES = ("upstream", "model")
"""Labels of nearly every metric: bounded names, see `admission/pool.py`."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is exported."""

    name: str
    """Counters with their `_total`."""
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = SERIES

    @property
    def family(self) -> str:
        """The name that the client library expects: it adds `_total` to counters itself."""
        return self.name.removesuffix("_total")


REQUESTS = Metric(
    "ai_api_requests_total", "counter", "Requests of the app, by how they ended for it.",
    (*SERIES, "status"),
)  # fmt: skip
LATENCY = Metric(
    "ai_api_latency_seconds", "histogram", "Whole request as the app saw it.",
    (*SERIES, "endpoint"),
)  # fmt: skip
FIRST_BYTE = Metric(
    "ai_api_time_to_first_byte_seconds",
    "histogram",
    "From sending an attempt to the first meaningful byte of its answer.",
)
QUEUE_WAIT = Metric("ai_api_queue_wait_seconds", "histogram", "Wait for a place in flight.")
OVERHEAD = Metric(
    "ai_api_overhead_seconds",
    "histogram",
    "Time the sidecar itself added before a request left, queue and provider excluded.",
    (),
)
ACTIVE = Metric("ai_api_active_concurrency", "gauge", "Attempts in flight.")
LIMIT = Metric("ai_api_concurrency_limit", "gauge", "Attempts that may be in flight.")
QUEUE_DEPTH = Metric("ai_api_queue_depth", "gauge", "Requests waiting for a place.")
DEMAND = Metric(
    "ai_api_admissible_demand",
    "gauge",
    "What more pods could serve: in flight plus waiting, at most the limit while the provider limits.",
)
UPSTREAM_LIMITED = Metric(
    "ai_api_upstream_limited",
    "gauge",
    "1 while the provider's limit is the bottleneck, not this pod.",
)
P95 = Metric("ai_api_p95_latency_seconds", "gauge", "95th percentile of recent first-byte times.")
BASELINE = Metric(
    "ai_api_baseline_latency_seconds", "gauge", "The first-byte time that latency is held against."
)
LEARNED_RATE = Metric(
    "ai_api_learned_rate",
    "gauge",
    "Attempts per second that the provider was found to bear; absent while its rate is no limit.",
)
REMAINING = Metric(
    "ai_api_provider_remaining",
    "gauge",
    "What the provider's rate-limit headers say is left; absent where they say nothing.",
    (*SERIES, "unit"),
)
LIMIT_CHANGES = Metric(
    "ai_api_limit_changes_total", "counter", "Moves of the limit.",
    (*SERIES, "direction", "reason"),
)  # fmt: skip
RATE_LIMIT_HITS = Metric("ai_api_rate_limit_hits_total", "counter", "429s from the provider.")
REJECTIONS = Metric(
    "ai_api_rejections_total", "counter", "Push-back of the provider, by kind.", (*SERIES, "kind")
)
ATTEMPTS = Metric("ai_api_attempts_total", "counter", "Exchanges with the provider.")
WAITS = Metric(
    "ai_api_waits_total", "counter",
    "Requests and retries that had to wait in line, by what the first in line waited for.",
    (*SERIES, "reason"),
)  # fmt: skip
RETRIES = Metric(
    "ai_api_retries_total", "counter",
    "Attempts after a failed one of the same request, by what had failed.",
    (*SERIES, "reason"),
)  # fmt: skip
CLIENT_RETRIES = Metric(
    "ai_api_client_retries_total", "counter", "Requests that say they are an SDK's retry."
)
SHED = Metric(
    "ai_api_shed_total",
    "counter",
    "Requests refused at the sidecar's own door.",
    (*SERIES, "reason"),
)
WEBSOCKETS_OPEN = Metric(
    "ai_api_websockets_open", "gauge", "WebSockets that are open; no concurrency limit counts them."
)
WEBSOCKETS = Metric("ai_api_websockets_opened_total", "counter", "WebSockets that were opened.")
TOKENS = Metric(
    "ai_api_tokens_used_total", "counter",
    "LLM tokens as the provider counts them; cached input is also input, reasoning also output.",
    (*SERIES, "type"),
)  # fmt: skip
USAGE_MISSING = Metric(
    "ai_api_usage_missing_total", "counter",
    "Answers whose tokens are not known: no figures in them, or figures that make no sense.",
    (*SERIES, "reason"),
)  # fmt: skip
USAGE_ESTIMATED = Metric(
    "ai_api_usage_estimated_total",
    "counter",
    "Answers that broke off, whose tokens were estimated.",
)
COST = Metric(
    "ai_api_cost_usd_total",
    "counter",
    "Cost in US dollars: an estimate, by list prices or your own.",
)
UNPRICED = Metric(
    "ai_api_unpriced_requests_total", "counter", "Answers with known tokens and no known price."
)
DEDUP_HITS = Metric(
    "ai_api_dedup_hits_total",
    "counter",
    "Requests served by an identical one's call, or from the answer cache.",
)
BATCHED = Metric(
    "ai_api_batched_requests_total",
    "counter",
    "Embedding requests that went to the provider in one call with others.",
)
PREFIX_WAITS = Metric(
    "ai_api_prefix_waits_total",
    "counter",
    "Requests that waited for another one to fill the provider's prompt cache.",
)
BUILD = Metric("ai_api_build_info", "gauge", "1, with the version as label.", ("version",))

METRICS: tuple[Metric, ...] = (
    REQUESTS, LATENCY, FIRST_BYTE, QUEUE_WAIT, OVERHEAD, ACTIVE, LIMIT, QUEUE_DEPTH, DEMAND,
    UPSTREAM_LIMITED, P95, BASELINE, LEARNED_RATE, REMAINING, LIMIT_CHANGES, RATE_LIMIT_HITS, REJECTIONS, ATTEMPTS,
    RETRIES, CLIENT_RETRIES, WAITS, SHED, TOKENS, USAGE_MISSING, USAGE_ESTIMATED, COST, UNPRICED,
    DEDUP_HITS, BATCHED, PREFIX_WAITS, WEBSOCKETS_OPEN, WEBSOCKETS, BUILD,
)  # fmt: skip
