"""Ollama: its own API, whose streams are lines of JSON, beside OpenAI's.

A full queue (`OLLAMA_MAX_QUEUE`) is a 503; errors are `{"error": "words"}`, in streams too.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidecar.dialects.base import OwnError
from sidecar.dialects.openai import ENDPOINTS, OPENAI, OUTPUT_LIMITS, USAGES
from sidecar.metering.usage import UsageShape
from sidecar.outcomes import Endpoint


def _shape(error: OwnError) -> Mapping[str, Any]:
    return {"error": error.message}


OLLAMA = replace(
    OPENAI,
    name="ollama",
    price_provider=None,
    endpoints={
        **ENDPOINTS,
        "/api/chat": Endpoint.CHAT,
        "/api/generate": Endpoint.COMPLETIONS,
        "/api/embed": Endpoint.EMBEDDINGS,
        "/api/embeddings": Endpoint.EMBEDDINGS,
    },
    output_limits=(("options", "num_predict"), *OUTPUT_LIMITS),
    allowance_headers={},
    usages=(
        # In the last line; a prompt that is still in the cache is left out.
        UsageShape(at=(), input=(("prompt_eval_count",),), output=(("eval_count",),)),
        *USAGES,
    ),
    shape=_shape,
)
