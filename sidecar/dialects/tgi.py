"""Hugging Face's Text Generation Inference: one model a server, OpenAI's API beside its own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidecar.dialects.base import OwnError
from sidecar.dialects.openai import ENDPOINTS, OPENAI, OUTPUT_LIMITS, REJECTIONS, USAGES
from sidecar.metering.usage import UsageShape
from sidecar.outcomes import Endpoint, RejectionKind


def _shape(error: OwnError) -> Mapping[str, Any]:
    return {"error": error.message, "error_type": error.reason}


TGI = replace(
    OPENAI,
    name="tgi",
    price_provider=None,
    endpoints={
        **ENDPOINTS,
        "/generate": Endpoint.COMPLETIONS,
        "/generate_stream": Endpoint.COMPLETIONS,
    },
    output_limits=(("parameters", "max_new_tokens"), *OUTPUT_LIMITS),
    rejections=replace(
        REJECTIONS,
        code_paths=(("error_type",), *REJECTIONS.code_paths),
        codes={
            **REJECTIONS.codes,
            "overloaded": RejectionKind.OVERLOAD,  # with status 429
            "generation": RejectionKind.TRANSIENT,
            "incomplete_generation": RejectionKind.TRANSIENT,
        },
    ),
    allowance_headers={},
    usages=(
        *USAGES,
        # Its own API tells of the prompt only in streams.
        UsageShape(at=("details",), input=(("input_length",),), output=(("generated_tokens",),)),
    ),
    shape=_shape,
)
