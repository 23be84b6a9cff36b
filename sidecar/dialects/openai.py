"""OpenAI's API, which most other providers and self-hosted servers speak too."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidecar.control.allowance import Unit
from sidecar.dialects.allowances import named
from sidecar.dialects.base import Dialect, OwnError
from sidecar.dialects.rejections import Rejections
from sidecar.metering.usage import UsageShape
from sidecar.outcomes import Endpoint, RejectionKind

ENDPOINTS: Mapping[str, Endpoint] = {
    "/chat/completions": Endpoint.CHAT,
    "/responses": Endpoint.RESPONSES,
    "/embeddings": Endpoint.EMBEDDINGS,
    "/completions": Endpoint.COMPLETIONS,
}

OUTPUT_LIMITS = (("max_completion_tokens",), ("max_tokens",), ("max_output_tokens",))

CODE_PATHS = (
    ("error", "code"),
    ("error", "type"),
    # Events of a streamed Responses call: `error` and `response.failed`.
    ("code",),
    ("response", "error", "code"),
)

CODES: Mapping[str, RejectionKind] = {
    # Out of money or allowance: waiting does not help.
    "insufficient_quota": RejectionKind.QUOTA,
    "credit_balance_exhausted": RejectionKind.QUOTA,
    "billing_hard_limit_reached": RejectionKind.QUOTA,
    # Growing too fast while within limits.
    "slow_down": RejectionKind.RAMP,
    "rate_limit_exceeded": RejectionKind.RATE,
    "server_is_overloaded": RejectionKind.OVERLOAD,
    "engine_overloaded": RejectionKind.OVERLOAD,
}

# The code is `rate_limit_exceeded`, though no waiting makes the request smaller.
TOO_LARGE = (re.compile(r"request too large\b", re.IGNORECASE), RejectionKind.TOO_LARGE)

REJECTIONS = Rejections(messages=(TOO_LARGE,), code_paths=CODE_PATHS, codes=CODES)

CHAT_USAGE = UsageShape(
    input=(("prompt_tokens",),),
    output=(("completion_tokens",),),
    cached_input=(("prompt_tokens_details", "cached_tokens"),),
    reasoning=(("completion_tokens_details", "reasoning_tokens"),),
    cache_write=(("prompt_tokens_details", "cache_write_tokens"),),
    input_audio=(("prompt_tokens_details", "audio_tokens"),),
    output_audio=(("completion_tokens_details", "audio_tokens"),),
)
"""Of chat, legacy completions and embeddings; in a stream's last chunk if the request asked."""

RESPONSES_USAGE = UsageShape(
    input=(("input_tokens",),),
    output=(("output_tokens",),),
    cached_input=(("input_tokens_details", "cached_tokens"),),
    reasoning=(("output_tokens_details", "reasoning_tokens"),),
    # For how long (30 minutes or 12 hours) is told beside it; no hour is among them.
    cache_write=(("input_tokens_details", "cache_write_tokens"),),
    input_audio=(("input_tokens_details", "audio_tokens"),),
    output_audio=(("output_tokens_details", "audio_tokens"),),
)

RESPONSE_EVENT_USAGE = replace(RESPONSES_USAGE, at=("response", "usage"))
"""In the event `response.completed`."""

USAGES = (CHAT_USAGE, RESPONSES_USAGE, RESPONSE_EVENT_USAGE)

ALLOWANCE_HEADERS = named("x-ratelimit-{figure}-{of}", requests=Unit.REQUESTS, tokens=Unit.TOKENS)


def openai_shape(error: OwnError) -> Mapping[str, Any]:
    """OpenAI's error document, which its imitators' SDKs read as well."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return {"error": {"message": error.message, "type": kind, "param": None, "code": error.reason}}


OPENAI = Dialect(
    name="openai",
    price_provider="openai",
    endpoints=ENDPOINTS,
    output_limits=OUTPUT_LIMITS,
    rejections=REJECTIONS,
    allowance_headers=ALLOWANCE_HEADERS,
    usages=USAGES,
    usage_on_request=True,
    shape=openai_shape,
)
