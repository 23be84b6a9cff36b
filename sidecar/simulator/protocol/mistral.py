"""Mistral's chat and embeddings: OpenAI's shapes with errors, headers and usage of their own."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from sidecar.simulator.protocol import openai
from sidecar.simulator.protocol.ask import Answer, Ask
from sidecar.simulator.protocol.embeddings import embedded, read_embeddings
from sidecar.simulator.protocol.framing import PLAIN_EVENTS
from sidecar.simulator.protocol.refusal import OPENAI_REFUSALS, Refusal, Trouble
from sidecar.simulator.protocol.style import Allowance, Header, Style, Told, seconds_hint
from sidecar.simulator.protocol.surface import Paths, Surface

_INVALID = "invalid_request_error"
_UNREACHABLE = "unreachable_backend"

_REFUSALS: Mapping[Trouble, Refusal] = {
    Trouble.RATE: Refusal(429, "rate_limited", "1300", "Rate limit exceeded"),
    Trouble.RAMP: Refusal(429, "rate_limited", "1300", "Rate limit exceeded"),
    Trouble.QUOTA: Refusal(402, "quota_exceeded", "1301", "Monthly limit reached."),
    Trouble.BILLING: Refusal(402, "billing_error", None, "Payment required."),
    Trouble.OVERLOAD: Refusal(
        429,
        "service_tier_capacity_exceeded",
        "3505",
        "Service tier capacity exceeded for this model.",
    ),
    Trouble.TOO_LARGE: Refusal(413, _INVALID, None, "Request too large."),
    Trouble.SERVER_ERROR: Refusal(500, "internal_server_error", "1000", "Internal server error"),
    Trouble.BAD_GATEWAY: Refusal(502, _UNREACHABLE, "1100", "Bad gateway."),
    Trouble.GATEWAY_TIMEOUT: Refusal(504, _UNREACHABLE, "1100", "Gateway timeout."),
    Trouble.UNPROCESSABLE: Refusal(422, _INVALID, "1701", "Unprocessable."),
}


def _shape(refusal: Refusal, _told: Told) -> Mapping[str, Any]:
    return {
        "object": "error",
        "message": refusal.message,
        "type": refusal.type,
        "param": refusal.param,
        "code": refusal.code,
        "raw_status_code": refusal.status,
    }


def _allowance(left: Allowance, _now: datetime) -> tuple[Header, ...]:
    unit = "req" if left.unit == "requests" else left.unit
    return (
        (f"x-ratelimit-limit-{unit}-minute", str(left.limit)),
        (f"x-ratelimit-remaining-{unit}-minute", str(left.remaining)),
    )


MISTRAL = Style(
    name="mistral",
    refusals={**OPENAI_REFUSALS, **_REFUSALS},
    shape=_shape,
    id_header="mistral-correlation-id",
    allowance_headers=_allowance,
    hint=seconds_hint,
)


def _usage(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    figures = {
        "prompt_tokens": ask.prompt.tokens,
        "completion_tokens": answer.output,
        "total_tokens": ask.prompt.tokens + answer.output,
    }
    if answer.cache.read:
        figures["num_cached_tokens"] = answer.cache.read
    return figures


def _end(ask: Ask, answer: Answer, frame: openai.Frame) -> bytes:
    """The usage comes with the reason to end, asked for or not."""
    told = answer.tells("usage", _usage(ask, answer))
    return openai.last_chunk(answer, frame, **told) + openai.DONE


def _whole_embeddings(ask: Ask, answer: Answer) -> bytes:
    return orjson.dumps({"id": f"emb_{answer.id}", **embedded(ask, answer)})


_CHAT = Surface(
    MISTRAL,
    openai.read_chat,
    partial(openai.whole_chat, count_up=_usage),
    partial(openai.stream_chat, end=_end),
    PLAIN_EVENTS,
)
PATHS: Paths = {
    "/v1/chat/completions": _CHAT,
    "/v1/fim/completions": replace(_CHAT, read=openai.read_completion),
    "/v1/embeddings": Surface(MISTRAL, read_embeddings, _whole_embeddings),
}
