"""Cohere's API, both versions, and its OpenAI-compatible one."""

import re
from collections.abc import Mapping
from typing import Any

from sidecar.control.allowance import Unit
from sidecar.dialects.allowances import AllowanceHeaders, Figure
from sidecar.dialects.base import Dialect, OwnError
from sidecar.dialects.openai import CHAT_USAGE, ENDPOINTS, OUTPUT_LIMITS
from sidecar.dialects.rejections import Rejections
from sidecar.metering.usage import UsageShape
from sidecar.outcomes import Endpoint, RejectionKind

# Of trial keys [K]; the same names for every kind of call, each of which has its own limit.
_TRIAL: AllowanceHeaders = {
    b"x-trial-endpoint-call-limit": ("trial", Unit.REQUESTS, Figure.LIMIT),
    b"x-trial-endpoint-call-remaining": ("trial", Unit.REQUESTS, Figure.REMAINING),
}


def _usage(unit: str, *at: str) -> UsageShape:
    """Figures in that unit; what was read from a cache stands beside the units (read in the SDK)."""
    return UsageShape(
        at=at,
        input=((unit, "input_tokens"),),
        output=((unit, "output_tokens"),),
        cached_input=(("cached_tokens",),),
    )


def _shape(error: OwnError) -> Mapping[str, Any]:
    return {"message": error.message}


COHERE = Dialect(
    name="cohere",
    price_provider="cohere",
    endpoints={
        **ENDPOINTS,
        "/chat": Endpoint.CHAT,
        "/embed": Endpoint.EMBEDDINGS,
        "/generate": Endpoint.COMPLETIONS,
    },
    output_limits=OUTPUT_LIMITS,
    rejections=Rejections(
        message_path=("message",),
        # There are no codes.
        messages=(
            (
                re.compile(r"you are using a trial key, .* / month\b", re.IGNORECASE),
                RejectionKind.QUOTA,
            ),
        ),
        hint_headers=(b"x-ratelimit-reset",),  # seconds since 1970; read by its SDK
    ),
    allowance_headers=_TRIAL,
    # What is billed is told in more kinds of answers than what the model saw.
    usages=(
        _usage("billed_units", "usage"),
        _usage("tokens", "usage"),
        _usage("billed_units", "meta"),
        _usage("tokens", "meta"),
        _usage("billed_units", "delta", "usage"),
        _usage("tokens", "delta", "usage"),
        _usage("billed_units", "response", "meta"),
        CHAT_USAGE,
    ),
    shape=_shape,
)
