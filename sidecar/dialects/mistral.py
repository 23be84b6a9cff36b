"""Mistral's API: OpenAI's in most ways."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidecar.control.allowance import Unit
from sidecar.dialects.allowances import named
from sidecar.dialects.base import OwnError
from sidecar.dialects.openai import CHAT_USAGE, ENDPOINTS, OPENAI, REJECTIONS
from sidecar.outcomes import Endpoint, RejectionKind


def _shape(error: OwnError) -> Mapping[str, Any]:
    kind = "invalid_request_error" if error.status < 500 else "internal_server_error"
    return {
        "object": "error",
        "message": error.message,
        "type": kind,
        "param": None,
        "code": error.reason,
    }


MISTRAL = replace(
    OPENAI,
    name="mistral",
    price_provider="mistral",
    endpoints={"/agents/completions": Endpoint.CHAT, **ENDPOINTS},
    rejections=replace(
        REJECTIONS,
        message_path=("message",),
        code_paths=(("code",), ("type",), *REJECTIONS.code_paths),
        codes={
            **REJECTIONS.codes,
            "1300": RejectionKind.RATE,
            "rate_limited": RejectionKind.RATE,
            # "Service tier capacity exceeded for this model", with status 429.
            "3505": RejectionKind.OVERLOAD,
            "service_tier_capacity_exceeded": RejectionKind.OVERLOAD,
        },
    ),
    allowance_headers={
        **named("ratelimitbysize-{figure}", tokens=Unit.TOKENS),
        **named("x-ratelimit-{figure}-{of}-minute", tokens=Unit.TOKENS, req=Unit.REQUESTS),
    },
    usages=(replace(CHAT_USAGE, cached_input=(*CHAT_USAGE.cached_input, ("num_cached_tokens",))),),
    usage_on_request=False,
    shape=_shape,
)
