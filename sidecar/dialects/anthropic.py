"""Anthropic's Messages API."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidecar.control.allowance import Unit
from sidecar.dialects.allowances import named
from sidecar.dialects.base import Dialect, OwnError
from sidecar.dialects.rejections import Rejections
from sidecar.metering.usage import UsageShape
from sidecar.outcomes import Endpoint, RejectionKind

CODE_PATHS = (("error", "details", "error_code"), ("error", "type"))

CODES: Mapping[str, RejectionKind] = {
    "enforced_spend_limit_reached": RejectionKind.QUOTA,
    "contract_spend_limit_reached": RejectionKind.QUOTA,
    "linked_organization_spend_limit_reached": RejectionKind.QUOTA,
    "linked_organization_billing_unavailable": RejectionKind.QUOTA,
    "billing_error": RejectionKind.QUOTA,
    # "Caps how fast usage can grow": within limits, but rising too steeply.
    "ramp_limit_exceeded": RejectionKind.RAMP,
    "rate_limit_error": RejectionKind.RATE,
    "overloaded_error": RejectionKind.OVERLOAD,
    "request_too_large": RejectionKind.TOO_LARGE,
    "api_error": RejectionKind.TRANSIENT,
    "timeout_error": RejectionKind.TRANSIENT,
}

USAGE = UsageShape(
    # `input_tokens` leaves out what was read from the cache or written to it.
    input=(("input_tokens",), ("cache_creation_input_tokens",), ("cache_read_input_tokens",)),
    output=(("output_tokens",),),
    cached_input=(("cache_read_input_tokens",),),
    # The second name is a guess at what imitators say [K].
    reasoning=(
        ("output_tokens_details", "thinking_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
    ),
    cache_write=(("cache_creation_input_tokens",),),
    cache_write_1h=(("cache_creation", "ephemeral_1h_input_tokens"),),
)
"""Of a whole message, and of the event `message_delta`."""

START_USAGE = replace(USAGE, at=("message", "usage"), opens=True)
"""Of the event `message_start`: all of the input, and the first tokens of the output."""

_TYPES = {400: "invalid_request_error", 404: "not_found_error", 413: "request_too_large"}
"""Error types for statuses of our own; 5xx are `api_error`, timeouts `timeout_error`."""


def _shape(error: OwnError) -> Mapping[str, Any]:
    kind = _TYPES.get(error.status, "timeout_error" if error.status == 504 else "api_error")
    details = {"error_code": error.reason}
    return {
        "type": "error",
        "error": {"type": kind, "message": error.message, "details": details},
        "request_id": None,
    }


ANTHROPIC = Dialect(
    name="anthropic",
    price_provider="anthropic",
    endpoints={"/v1/messages": Endpoint.MESSAGES, "/v1/complete": Endpoint.COMPLETIONS},
    output_limits=(("max_tokens",), ("max_tokens_to_sample",)),
    rejections=Rejections(code_paths=CODE_PATHS, codes=CODES),
    allowance_headers=named(
        "anthropic-ratelimit-{of}-{figure}",
        requests=Unit.REQUESTS,
        tokens=Unit.TOKENS,
        input_tokens=Unit.TOKENS,
        output_tokens=Unit.TOKENS,
    ),
    usages=(USAGE, START_USAGE),
    shape=_shape,
)
