"""OpenAI's API, which most other providers and self-hosted servers speak too."""

from collections.abc import Mapping
from typing import Any

from sidecar.dialects.base import Dialect, OwnError
from sidecar.outcomes import Endpoint, RejectionKind


def _shape(error: OwnError) -> Mapping[str, Any]:
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return {"error": {"message": error.message, "type": kind, "param": None, "code": error.reason}}


OPENAI = Dialect(
    name="openai",
    endpoints={
        "/chat/completions": Endpoint.CHAT,
        "/responses": Endpoint.RESPONSES,
        "/embeddings": Endpoint.EMBEDDINGS,
        "/completions": Endpoint.COMPLETIONS,
    },
    # The last two: events `error` and `response.failed` of a streamed Responses call.
    label_paths=(("error", "code"), ("error", "type"), ("code",), ("response", "error", "code")),
    label_kinds={
        # Out of money or allowance: waiting does not help.
        "insufficient_quota": RejectionKind.QUOTA,
        "credit_balance_exhausted": RejectionKind.QUOTA,
        "billing_hard_limit_reached": RejectionKind.QUOTA,
        # Growing too fast while within limits.
        "slow_down": RejectionKind.RAMP,
        "rate_limit_exceeded": RejectionKind.RATE,
        "server_is_overloaded": RejectionKind.OVERLOAD,
        "engine_overloaded": RejectionKind.OVERLOAD,
    },
    output_token_paths=(("usage", "completion_tokens"), ("usage", "output_tokens")),
    shape=_shape,
)
