"""Providers that speak OpenAI's protocol with small differences; one table each.

Together, DeepSeek, Fireworks, OpenRouter and vLLM differ in what they call their errors, in their
rate-limit headers, and in where a stream carries its usage.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Any

from sidecar.simulator.protocol import openai
from sidecar.simulator.protocol.ask import Answer, Ask
from sidecar.simulator.protocol.embeddings import read_embeddings, whole_embeddings
from sidecar.simulator.protocol.framing import PLAIN_EVENTS
from sidecar.simulator.protocol.refusal import OPENAI_REFUSALS, Refusal, Trouble
from sidecar.simulator.protocol.style import (
    Allowance,
    Header,
    Style,
    Told,
    openai_shape,
    seconds_hint,
)
from sidecar.simulator.protocol.surface import Paths, Surface

_SLOW_DOWN = "You have reached the rate limit for this model."
_NO_CREDIT = "Insufficient credit."


def _paths(
    base: str, style: Style, *, count_up: openai.Count = openai.usage, end: openai.End | None = None
) -> Paths:
    chat = Surface(
        style,
        openai.read_chat,
        partial(openai.whole_chat, count_up=count_up),
        partial(openai.stream_chat, end=end),
        PLAIN_EVENTS,
    )
    completion = Surface(
        style,
        openai.read_completion,
        openai.whole_completion,
        openai.stream_completion,
        PLAIN_EVENTS,
    )
    return {
        f"{base}/chat/completions": chat,
        f"{base}/completions": completion,
        f"{base}/embeddings": Surface(style, read_embeddings, whole_embeddings),
    }


def _usage_with_the_end(
    ask: Ask, answer: Answer, frame: openai.Frame, *, count_up: openai.Count = openai.usage
) -> bytes:
    told = answer.tells("usage", count_up(ask, answer))
    return openai.last_chunk(answer, frame, **told) + openai.DONE


# Together: 503 up to one's own dynamic rate, 429 above it.


def _together_allowance(left: Allowance, _now: datetime) -> tuple[Header, ...]:
    prefix = "x-ratelimit" if left.unit == "requests" else "x-tokenlimit"
    return (
        (f"{prefix}-limit", str(left.limit)),
        (f"{prefix}-remaining", str(left.remaining)),
        (f"{prefix}-reset", str(ceil(left.reset))),
    )


TOGETHER = Style(
    name="together",
    refusals={
        **OPENAI_REFUSALS,
        Trouble.RATE: Refusal(429, "rate_limit", "dynamic_request_limited", _SLOW_DOWN),
        Trouble.RAMP: Refusal(429, "rate_limit", "dynamic_token_limited", _SLOW_DOWN),
        Trouble.QUOTA: Refusal(402, "credit_limit", "insufficient_credits", _NO_CREDIT),
        Trouble.OVERLOAD: Refusal(
            503, "service_unavailable", None, "The service is currently overloaded."
        ),
    },
    shape=openai_shape,
    id_header="x-request-id",
    allowance_headers=_together_allowance,
    hint=seconds_hint,
)
TOGETHER_PATHS = _paths("/v1", TOGETHER, end=_usage_with_the_end)


# DeepSeek: no rate limits at all; a request that must wait is kept alive by comments.


def _deepseek_usage(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    return {
        **openai.usage(ask, answer),
        "prompt_cache_hit_tokens": answer.cache.read,
        "prompt_cache_miss_tokens": ask.prompt.tokens - answer.cache.read,
    }


DEEPSEEK = Style(
    name="deepseek",
    refusals={
        **OPENAI_REFUSALS,
        Trouble.RAMP: OPENAI_REFUSALS[Trouble.RATE],
        Trouble.QUOTA: Refusal(
            402, "unknown_error", "invalid_request_error", "Insufficient Balance"
        ),
        Trouble.OVERLOAD: Refusal(503, "server_error", None, "The server is overloaded."),
    },
    shape=openai_shape,
    id_header="x-ds-trace-id",
)
_DEEPSEEK_END = partial(_usage_with_the_end, count_up=_deepseek_usage)
DEEPSEEK_PATHS = {
    **_paths("", DEEPSEEK, count_up=_deepseek_usage, end=_DEEPSEEK_END),
    **_paths("/v1", DEEPSEEK, count_up=_deepseek_usage, end=_DEEPSEEK_END),
}


# Fireworks: limits that grow and shrink; LLM tokens per second, prompt and answer apart.


def _fireworks_allowance(left: Allowance, _now: datetime) -> tuple[Header, ...]:
    if left.unit == "requests":
        return _fireworks_headers("requests", left.limit, left.remaining)
    limit, remaining = left.limit // 60, left.remaining // 60
    return (
        *_fireworks_headers("tokens-prompt", limit, remaining),
        *_fireworks_headers("tokens-generated", limit, remaining),
    )


def _fireworks_headers(unit: str, limit: int, remaining: int) -> tuple[Header, ...]:
    return (
        (f"x-ratelimit-limit-{unit}", str(limit)),
        (f"x-ratelimit-remaining-{unit}", str(remaining)),
    )


FIREWORKS = Style(
    name="fireworks",
    refusals={
        **OPENAI_REFUSALS,
        Trouble.RATE: Refusal(429, "rate_limit_error", "rate_limit_exceeded", _SLOW_DOWN),
        Trouble.RAMP: Refusal(429, "rate_limit_error", "rate_limit_exceeded", _SLOW_DOWN),
        Trouble.QUOTA: Refusal(412, "error", "PRECONDITION_FAILED", "Account suspended."),
    },
    shape=openai_shape,
    id_header="x-request-id",
    allowance_headers=_fireworks_allowance,
)
FIREWORKS_PATHS = _paths("/inference/v1", FIREWORKS, end=_usage_with_the_end)


# OpenRouter: the status again in the error, always a last chunk with usage and its price.


def _openrouter_shape(refusal: Refusal, _told: Told) -> Mapping[str, Any]:
    error: dict[str, Any] = {"code": refusal.status, "message": refusal.message}
    if refusal.code is not None:
        error["metadata"] = {"error_type": refusal.code}
    return {"error": error}


def _openrouter_allowance(left: Allowance, now: datetime) -> tuple[Header, ...]:
    if left.unit != "requests":
        return ()
    reset = now + timedelta(seconds=left.reset)
    return (
        ("x-ratelimit-limit", str(left.limit)),
        ("x-ratelimit-remaining", str(left.remaining)),
        ("x-ratelimit-reset", str(ceil(reset.timestamp() * 1000))),
    )


OPENROUTER = Style(
    name="openrouter",
    refusals={
        **OPENAI_REFUSALS,
        Trouble.RATE: Refusal(429, "", "rate_limit_exceeded", _SLOW_DOWN),
        Trouble.RAMP: Refusal(429, "", "rate_limit_exceeded", _SLOW_DOWN),
        Trouble.QUOTA: Refusal(402, "", "insufficient_credits", _NO_CREDIT),
        Trouble.OVERLOAD: Refusal(503, "", "provider_overloaded", "Provider overloaded."),
    },
    shape=_openrouter_shape,
    id_header="x-generation-id",
    allowance_headers=_openrouter_allowance,
    hint=seconds_hint,
)


def _openrouter_usage(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    return {**openai.usage(ask, answer), "cost": 0.0001}


def _openrouter_end(ask: Ask, answer: Answer, frame: openai.Frame) -> bytes:
    usage = openai.usage_chunk(frame, answer, _openrouter_usage(ask, answer))
    return openai.last_chunk(answer, frame) + usage + openai.DONE


OPENROUTER_PATHS = _paths("/api/v1", OPENROUTER, count_up=_openrouter_usage, end=_openrouter_end)


# vLLM: the engine itself; no limits told, errors named after Python's exceptions.


def _vllm_shape(refusal: Refusal, _told: Told) -> Mapping[str, Any]:
    error = {
        "message": refusal.message,
        "type": refusal.type,
        "param": refusal.param,
        "code": refusal.status,
    }
    return {"error": error}


VLLM = Style(
    name="vllm",
    refusals={
        **OPENAI_REFUSALS,
        Trouble.OVERLOAD: Refusal(503, "ServiceUnavailableError", None, "The queue is full."),
        Trouble.SERVER_ERROR: Refusal(500, "InternalServerError", None, "Internal error."),
        Trouble.BAD_REQUEST: Refusal(400, "BadRequestError", None, "Bad request."),
        Trouble.NOT_FOUND: Refusal(404, "NotFoundError", None, "The model does not exist."),
    },
    shape=_vllm_shape,
    id_header="x-request-id",
)
VLLM_PATHS = _paths("/v1", VLLM)
