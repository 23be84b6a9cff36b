"""Closed sets of endings and reasons; their values are metric label values."""

from enum import IntEnum, StrEnum


class Outcome(StrEnum):
    """How a permit ends, as the limit sees it."""

    SUCCESS = "success"
    """A whole answer; its latency counts."""
    OVERLOAD = "overload"
    """The provider pushed back: rejection kinds rate, ramp and overload."""
    FAILED = "failed"
    """A 5xx, a reset, a broken stream: voids the round, cuts nothing."""
    IGNORED = "ignored"
    """Tells nothing about capacity: client error, client gone, quota, local timeout."""


class RejectionKind(StrEnum):
    """Why a provider pushed back (most specific first; see the dialects)."""

    RATE = "rate"
    """A limit is reached: cut and hold until the stated reset."""
    RAMP = "ramp"
    """Within limits, but growing too fast: cut and grow more slowly for a while."""
    OVERLOAD = "overload"
    """The provider itself lacks capacity: cut, short hold."""
    QUOTA = "quota"
    """Money or daily allowance is used up: never congestion, never cut."""
    TOO_LARGE = "too_large"
    """This request can never pass: never cut."""
    TRANSIENT = "transient"
    """An accident (500, 502, 504, 408, 409, reset): no cut."""


class ShedReason(StrEnum):
    """Why the sidecar refused a request at its own door."""

    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"
    DEADLINE = "deadline"
    BUFFER_FULL = "buffer_full"
    DRAINING = "draining"
    QUOTA_EXHAUSTED = "quota_exhausted"
    """The provider said that money or allowance is used up, and has not taken it back yet."""
    WEBSOCKETS_FULL = "websockets_full"
    """As many WebSockets are open as may be."""


class WaitReason(StrEnum):
    """What a request waits for (`reason` of ai_api_waits_total)."""

    LIMIT = "limit"
    """A place under the concurrency limit."""
    PAUSE = "pause"
    """The end of a pause after rejections in a row."""
    LEARNED_RATE = "learned_rate"
    """The pace that the provider was found to bear."""
    PROVIDER_HEADERS = "provider_headers"
    """The provider's rate-limit headers say that nothing is left."""
    REQUESTS_PER_SECOND = "requests_per_second"
    """A configured ceiling."""
    REQUESTS_PER_MINUTE = "requests_per_minute"
    """A configured ceiling."""
    TOKENS_PER_MINUTE = "tokens_per_minute"
    """A configured ceiling."""


class Priority(IntEnum):
    """How urgent the app says a request is (`x-sidecar-priority`), the most urgent first."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


class LimitReason(StrEnum):
    """Why the limit moved."""

    SLOW_START = "slow_start"
    """Growth before the first push-back."""
    RECOVERY = "recovery"
    """Back towards the level that held before a cut."""
    PROBE = "probe"
    """Additive increase beyond the remembered level."""
    RATE = "rate"
    """Cut: a limit of the provider was reached."""
    RAMP = "ramp"
    """Cut: the provider found growth too fast."""
    OVERLOAD = "overload"
    """Cut: the provider lacks capacity."""
    LATENCY = "latency"
    """Cut: latency rose; also the cut of a latency test."""
    RESTORED = "restored"
    """A latency test found the slowness foreign: back to the level before it."""


class UsageSource(StrEnum):
    """How the LLM tokens of an answer are known, or why they are not."""

    TOLD = "told"
    """The provider's own figures."""
    ESTIMATED = "estimated"
    """The answer broke off: what was generated until then, from what passed."""
    ABSENT = "absent"
    """A whole answer that should have figures, and has none."""
    INVALID = "invalid"
    """Figures that make no sense: negative, or no numbers."""


class TokenType(StrEnum):
    """What LLM tokens were (`type` of ai_api_tokens_used_total); subsets are also in their whole."""

    INPUT = "input"
    OUTPUT = "output"
    CACHED_INPUT = "cached_input"
    """Of the input: read from the provider's prompt cache."""
    REASONING = "reasoning"
    """Of the output: thoughts."""


class RequestStatus(StrEnum):
    """How a request ended for the app (`status` of ai_api_requests_total)."""

    OK = "ok"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    SHED = "shed"
    CANCELLED = "cancelled"


class Endpoint(StrEnum):
    """What kind of call a request is (`endpoint` of ai_api_latency_seconds)."""

    CHAT = "chat"
    RESPONSES = "responses"
    MESSAGES = "messages"
    EMBEDDINGS = "embeddings"
    COMPLETIONS = "completions"
    OTHER = "other"


class ReviewOutcome(StrEnum):
    """What the injector made of a review (`outcome` of llm_sidecar_injector_reviews_total)."""

    INJECTED = "injected"
    UNCHANGED = "unchanged"
    """A pod that has the sidecar already, or did not ask for it."""
    INVALID = "invalid"
    """No review of a pod."""
    FAILED = "failed"
    """A bug of ours: answered with 500, so that the failure policy decides."""
