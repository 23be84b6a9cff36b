"""OpenRouter: OpenAI's API in front of many providers.

Its codes are HTTP statuses, and errors of a model's own provider come inside of answers with
status 200 as well, streamed or not.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidecar.control.allowance import Unit
from sidecar.dialects.allowances import named
from sidecar.dialects.base import OwnError
from sidecar.dialects.openai import OPENAI, REJECTIONS
from sidecar.dialects.rejections import Document
from sidecar.metering.documents import dig
from sidecar.outcomes import RejectionKind


def _reset(error: Document) -> object:
    """Milliseconds since 1970; the headers of a limit stand in the document, too."""
    return dig(error, ("error", "metadata", "headers", "X-RateLimit-Reset"))


def _shape(error: OwnError) -> Mapping[str, Any]:
    metadata = {"reason": error.reason}
    return {"error": {"code": error.status, "message": error.message, "metadata": metadata}}


OPENROUTER = replace(
    OPENAI,
    name="openrouter",
    price_provider="openrouter",
    rejections=replace(
        REJECTIONS,
        code_paths=(
            ("error", "metadata", "limit_source"),
            ("error", "metadata", "error_type"),
            *REJECTIONS.code_paths,
        ),
        codes={
            **REJECTIONS.codes,
            # A congestion 402: too much money in requests under way, not too little of it.
            "openrouter_in_flight_budget": RejectionKind.OVERLOAD,
            "openrouter_free_tier_daily": RejectionKind.QUOTA,
            "provider_overloaded": RejectionKind.OVERLOAD,
        },
        hint_headers=(b"x-ratelimit-reset",),
        hint=_reset,
    ),
    allowance_headers=named("x-ratelimit-{figure}", requests=Unit.REQUESTS),
    usage_on_request=False,
    shape=_shape,
)
