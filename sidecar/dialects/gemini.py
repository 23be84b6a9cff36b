"""Google's Gemini API and Vertex AI.

Vertex also serves Anthropic's models (`publishers/anthropic/models/…:rawPredict`), whose answers
are Anthropic's, and both serve an OpenAI-compatible API (`/v1beta/openai/…`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sidecar.dialects import anthropic, openai
from sidecar.dialects.base import Dialect, OwnError
from sidecar.dialects.rejections import Document, Rejections
from sidecar.metering.documents import dig
from sidecar.metering.usage import UsageShape
from sidecar.outcomes import Endpoint, RejectionKind

_DOMAIN = "llm-sidecar"

_STATUSES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    500: "INTERNAL",
    504: "DEADLINE_EXCEEDED",
}
"""Status words for statuses of our own; the rest is UNAVAILABLE."""


def _details(error: Document) -> Iterator[Mapping[str, Any]]:
    details = dig(error, ("error", "details"))
    if isinstance(details, list):
        yield from (detail for detail in details if isinstance(detail, dict))


def _used_up(error: Document) -> RejectionKind | None:
    """QUOTA, where a limit per day is among those exceeded.

    The code is RESOURCE_EXHAUSTED for every limit, and the hint often some seconds; only the names
    of the limits tell. Several may be listed: waiting for the one per minute does not help then.
    """
    for detail in _details(error):
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if "PerDay" in str(dig(violation, ("quotaId",))):
                return RejectionKind.QUOTA
    return None


def _retry_delay(error: Document) -> object:
    """`retryDelay` of the detail RetryInfo, a duration such as `46s`."""
    return next((d["retryDelay"] for d in _details(error) if "retryDelay" in d), None)


def _shape(error: OwnError) -> Mapping[str, Any]:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.reason,
        "domain": _DOMAIN,
    }
    status = _STATUSES.get(error.status, "UNAVAILABLE")
    return {
        "error": {
            "code": error.status,
            "message": error.message,
            "status": status,
            "details": [info],
        }
    }


GEMINI = Dialect(
    name="gemini",
    price_provider="google",
    endpoints={
        ":generateContent": Endpoint.CHAT,
        ":streamGenerateContent": Endpoint.CHAT,
        ":embedContent": Endpoint.EMBEDDINGS,
        ":batchEmbedContents": Endpoint.EMBEDDINGS,
        # Vertex: the publisher's own API, and older embedding models.
        ":rawPredict": Endpoint.MESSAGES,
        ":streamRawPredict": Endpoint.MESSAGES,
        ":predict": Endpoint.EMBEDDINGS,
        **openai.ENDPOINTS,
    },
    # `models/gemini-x:…`, `tunedModels/x:…`, Vertex's `…/publishers/p/models/m:…`, `endpoints/1:…`
    model_path=re.compile(r"/(?:models|tunedModels|endpoints)/([^/:]+):"),
    output_limits=(("generationConfig", "maxOutputTokens"), *openai.OUTPUT_LIMITS),
    rejections=Rejections(
        special=_used_up,
        # "…, limit: 0, model: …": the model is not in the plan at all.
        messages=(
            (
                re.compile(
                    r"you exceeded your current quota\b.*\blimit: 0\b", re.DOTALL | re.IGNORECASE
                ),
                RejectionKind.QUOTA,
            ),
        ),
        code_paths=(
            ("error", "status"),
            *anthropic.CODE_PATHS,
            ("error", "code"),
        ),
        codes={
            "RESOURCE_EXHAUSTED": RejectionKind.RATE,
            "UNAVAILABLE": RejectionKind.OVERLOAD,
            "INTERNAL": RejectionKind.TRANSIENT,
            "DEADLINE_EXCEEDED": RejectionKind.TRANSIENT,
            **anthropic.CODES,
        },
        hint=_retry_delay,
    ),
    usages=(
        UsageShape(
            at=("usageMetadata",),
            input=(("promptTokenCount",), ("toolUsePromptTokenCount",)),
            # Thoughts are billed as output and not among the candidates' tokens.
            output=(("candidatesTokenCount",), ("thoughtsTokenCount",)),
            cached_input=(("cachedContentTokenCount",),),
            reasoning=(("thoughtsTokenCount",),),
        ),
        openai.CHAT_USAGE,
        anthropic.USAGE,
        anthropic.START_USAGE,
    ),
    shape=_shape,
)
