"""Amazon Bedrock's runtime: Converse and InvokeModel, streamed (event-stream frames) or not.

Calls are signed over body, path and Host (SigV4): all three must reach the provider untouched.
`upstream.routes` says how an app's SDK is pointed at the sidecar.
"""

import re
from collections.abc import Mapping
from typing import Any

from sidecar.dialects import anthropic
from sidecar.dialects.base import Dialect, Headers, OwnError
from sidecar.dialects.rejections import STATUS_KINDS, Rejections
from sidecar.metering.usage import UsageShape
from sidecar.outcomes import Endpoint, RejectionKind

_CODES = {
    "ThrottlingException": RejectionKind.RATE,
    "ServiceQuotaExceededException": RejectionKind.QUOTA,
    "ServiceUnavailableException": RejectionKind.OVERLOAD,
    "ModelNotReadyException": RejectionKind.OVERLOAD,  # with status 429: the model is being loaded
    "InternalServerException": RejectionKind.TRANSIENT,
    "ModelErrorException": RejectionKind.TRANSIENT,
    "ModelStreamErrorException": RejectionKind.TRANSIENT,
    "ModelTimeoutException": RejectionKind.TRANSIENT,
}

_OWN_CODES = {
    400: "ValidationException",
    404: "ResourceNotFoundException",
    413: "ValidationException",
    500: "InternalServerException",
    504: "ModelTimeoutException",
}
"""Exceptions for statuses of our own; the rest is ServiceUnavailableException."""


def _shape(error: OwnError) -> Mapping[str, Any]:
    return {"message": error.message}


def _error_type(error: OwnError) -> Headers:
    """What SDKs make an exception of."""
    code = _OWN_CODES.get(error.status, "ServiceUnavailableException")
    return ((b"x-amzn-errortype", code.encode()),)


BEDROCK = Dialect(
    name="bedrock",
    price_provider="aws",
    endpoints={
        "/converse": Endpoint.CHAT,
        "/converse-stream": Endpoint.CHAT,
        # Text, as a rule; the path of a model for embeddings or images is the same.
        "/invoke": Endpoint.CHAT,
        "/invoke-with-response-stream": Endpoint.CHAT,
    },
    # An identifier may be an ARN, whose slashes not every SDK encodes.
    model_path=re.compile(
        r"/model/(.+)/(?:converse|converse-stream|invoke|invoke-with-response-stream)$"
    ),
    # Converse; models behind InvokeModel have their own names for it.
    output_limits=(
        ("inferenceConfig", "maxTokens"),
        ("max_tokens",),
        ("max_gen_len",),
        ("textGenerationConfig", "maxTokenCount"),
    ),
    rejections=Rejections(
        # A ThrottlingException like any other.
        messages=((re.compile(r"too many tokens per day\b", re.IGNORECASE), RejectionKind.QUOTA),),
        message_path=("message",),
        code_header=b"x-amzn-errortype",
        # In the first place by frames of a stream, whose exceptions begin with a small letter.
        code_paths=(("__type",), ("code",)),
        codes=_CODES | {code[0].lower() + code[1:]: kind for code, kind in _CODES.items()},
        statuses={**STATUS_KINDS, 424: RejectionKind.TRANSIENT},  # the model failed
    ),
    usages=(
        UsageShape(
            # `inputTokens` leaves out what was read from the cache or written to it.
            input=(("inputTokens",), ("cacheReadInputTokens",), ("cacheWriteInputTokens",)),
            output=(("outputTokens",),),
            cached_input=(("cacheReadInputTokens",),),
            cache_write=(("cacheWriteInputTokens",),),
        ),
        # In the last chunk of any model's stream.
        UsageShape(
            at=("amazon-bedrock-invocationMetrics",),
            input=(
                ("inputTokenCount",),
                ("cacheReadInputTokenCount",),
                ("cacheWriteInputTokenCount",),
            ),
            output=(("outputTokenCount",),),
            cached_input=(("cacheReadInputTokenCount",),),
            cache_write=(("cacheWriteInputTokenCount",),),
        ),
        anthropic.USAGE,
        anthropic.START_USAGE,
    ),
    usage_headers=(b"x-amzn-bedrock-input-token-count", b"x-amzn-bedrock-output-token-count"),
    shape=_shape,
    error_headers=_error_type,
)
