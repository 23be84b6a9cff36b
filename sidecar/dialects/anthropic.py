"""Anthropic's Messages API."""

from collections.abc import Mapping
from typing import Any

from sidecar.dialects.base import Dialect, OwnError
from sidecar.outcomes import Endpoint, RejectionKind

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
    endpoints={"/v1/messages": Endpoint.MESSAGES, "/v1/complete": Endpoint.COMPLETIONS},
    label_paths=(("error", "details", "error_code"), ("error", "type")),
    label_kinds={
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
    },
    output_token_paths=(("usage", "output_tokens"),),
    shape=_shape,
)
