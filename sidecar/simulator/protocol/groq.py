"""Groq's chat: OpenAI's shapes below `/openai`, usage in `x_groq`, requests counted per day."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sidecar.simulator.protocol import openai
from sidecar.simulator.protocol.ask import Answer, Ask, Script
from sidecar.simulator.protocol.embeddings import read_embeddings, whole_embeddings
from sidecar.simulator.protocol.refusal import OPENAI_REFUSALS, Refusal, Trouble
from sidecar.simulator.protocol.style import (
    Allowance,
    Header,
    Style,
    go_duration,
    openai_shape,
    seconds_hint,
)
from sidecar.simulator.protocol.surface import Paths, Surface

_MINUTES_A_DAY = 1440
_LIMIT = "rate_limit_exceeded"
_REACHED = "Rate limit reached for model `sim` in organization `simulated`"

_REFUSALS: Mapping[Trouble, Refusal] = {
    Trouble.RATE: Refusal(429, "tokens", _LIMIT, f"{_REACHED} on tokens per minute (TPM)."),
    Trouble.RAMP: Refusal(429, "requests", _LIMIT, f"{_REACHED} on requests per minute (RPM)."),
    Trouble.QUOTA: Refusal(429, "tokens", _LIMIT, f"{_REACHED} on tokens per day (TPD)."),
    Trouble.OVERLOAD: Refusal(
        498, "capacity", "capacity_exceeded", "Flex tier capacity exceeded. Try again later."
    ),
    Trouble.SERVER_ERROR: Refusal(500, "internal_server_error", None, "Internal server error"),
}


def _allowance(left: Allowance, _now: datetime) -> tuple[Header, ...]:
    if left.unit != "requests":
        return _headers(left.unit, left.limit, left.remaining, left.reset)
    # What remains is told of the day, and comes back at the day's pace.
    spent = left.limit - left.remaining
    limit = left.limit * _MINUTES_A_DAY
    return _headers("requests", limit, limit - spent, left.reset)


def _headers(unit: str, limit: int, remaining: int, reset: float) -> tuple[Header, ...]:
    return (
        (f"x-ratelimit-limit-{unit}", str(limit)),
        (f"x-ratelimit-remaining-{unit}", str(remaining)),
        (f"x-ratelimit-reset-{unit}", go_duration(reset)),
    )


GROQ = Style(
    name="groq",
    refusals={**OPENAI_REFUSALS, **_REFUSALS},
    shape=openai_shape,
    id_header="x-request-id",
    fixed_headers=(("x-groq-region", "sim"),),
    allowance_headers=_allowance,
    hint=seconds_hint,
)


def _usage(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    read, written = ask.prompt.tokens, answer.output
    figures: dict[str, Any] = {
        "queue_time": 0.001,
        "prompt_tokens": read,
        "prompt_time": 0.001,
        "completion_tokens": written,
        "completion_time": 0.005,
        "total_tokens": read + written,
        "total_time": 0.006,
    }
    if answer.cache.read:
        figures["prompt_tokens_details"] = {"cached_tokens": answer.cache.read}
    if answer.reasoning:
        figures["completion_tokens_details"] = {"reasoning_tokens": answer.reasoning}
    return figures


def _whole(ask: Ask, answer: Answer) -> bytes:
    about = {"id": f"req_{answer.id}"}
    return openai.whole_chat(ask, answer, count_up=_usage, x_groq=about, service_tier="on_demand")


def _end(ask: Ask, answer: Answer, frame: openai.Frame) -> bytes:
    usage = _usage(ask, answer)
    about = {"id": f"req_{answer.id}", **answer.tells("usage", usage)}
    asked = openai.usage_chunk(frame, answer, usage) if ask.include_usage else b""
    return openai.last_chunk(answer, frame, x_groq=about) + asked + openai.DONE


def _stream(ask: Ask, answer: Answer) -> Script:
    return openai.stream_chat(ask, answer, end=_end)


PATHS: Paths = {
    "/openai/v1/chat/completions": Surface(GROQ, openai.read_chat, _whole, _stream),
    "/openai/v1/embeddings": Surface(GROQ, read_embeddings, whole_embeddings),
}
