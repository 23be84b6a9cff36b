"""Each provider's manner around the answers: error bodies, names and formats of headers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import orjson

from sidecar.simulator.protocol.ask import event
from sidecar.simulator.protocol.refusal import (
    ANTHROPIC_REFUSALS,
    OPENAI_REFUSALS,
    Refusal,
    Trouble,
)

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of one rate limit."""

    unit: str
    """`requests` or `tokens`."""
    limit: int
    """Per minute."""
    remaining: int
    reset: float
    """Seconds until all of it is there again."""


@dataclass(frozen=True, slots=True)
class Style:
    """One provider's manner."""

    name: str
    refusals: Mapping[Trouble, Refusal]
    shape: Callable[[Refusal, str], Mapping[str, Any]]
    """The error document, given the request's id."""
    id_header: str
    """Carries the request's id."""
    time_header: str | None
    """Carries the processing time in milliseconds."""
    fixed_headers: tuple[Header, ...]
    """The same on every answer."""
    allowance_headers: Callable[[Allowance, datetime], tuple[Header, ...]]

    def error_body(self, refusal: Refusal, request_id: str) -> bytes:
        """The error as a response body."""
        return orjson.dumps(self.shape(refusal, request_id))

    def error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """The error as an event of a stream that began well."""
        return event(self.shape(refusal, request_id), name="error")


def _openai_shape(refusal: Refusal, _request_id: str) -> Mapping[str, Any]:
    return {
        "error": {
            "message": refusal.message,
            "type": refusal.type,
            "param": refusal.param,
            "code": refusal.code,
        }
    }


def _azure_shape(refusal: Refusal, request_id: str) -> Mapping[str, Any]:
    if refusal.status == 429:  # only these differ from OpenAI's
        return {"error": {"code": "429", "message": refusal.message}}
    return _openai_shape(refusal, request_id)


def _anthropic_shape(refusal: Refusal, request_id: str) -> Mapping[str, Any]:
    error: dict[str, Any] = {"type": refusal.type, "message": refusal.message}
    if refusal.code is not None:
        error["details"] = {"error_code": refusal.code}
    return {"type": "error", "error": error, "request_id": request_id}


def go_duration(seconds: float) -> str:
    """Seconds as Go writes durations, to the millisecond: `12ms`, `7.66s`, `6m0s`, `1h0m3s`."""
    millis = ceil(max(0.0, seconds) * 1000)
    if millis < 1000:
        return f"{millis}ms" if millis else "0s"
    minutes, rest = divmod(millis, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes_left}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _openai_allowance(left: Allowance, _now: datetime) -> tuple[Header, ...]:
    return _ratelimit(left, go_duration(left.reset))


def _azure_allowance(left: Allowance, _now: datetime) -> tuple[Header, ...]:
    return _ratelimit(left, str(ceil(left.reset)))


def _ratelimit(left: Allowance, reset: str) -> tuple[Header, ...]:
    return (
        (f"x-ratelimit-limit-{left.unit}", str(left.limit)),
        (f"x-ratelimit-remaining-{left.unit}", str(left.remaining)),
        (f"x-ratelimit-reset-{left.unit}", reset),
    )


def _anthropic_allowance(left: Allowance, now: datetime) -> tuple[Header, ...]:
    # Whole seconds, rounded up: at the stated time all of it is there.
    reset = now + timedelta(seconds=ceil(left.reset))
    return (
        (f"anthropic-ratelimit-{left.unit}-limit", str(left.limit)),
        (f"anthropic-ratelimit-{left.unit}-remaining", str(left.remaining)),
        (f"anthropic-ratelimit-{left.unit}-reset", f"{reset:%Y-%m-%dT%H:%M:%SZ}"),
    )


OPENAI = Style(
    "openai",
    OPENAI_REFUSALS,
    _openai_shape,
    "x-request-id",
    "openai-processing-ms",
    (("openai-organization", "simulated"), ("openai-version", "2020-10-01")),
    _openai_allowance,
)
AZURE = Style(
    "azure",
    OPENAI_REFUSALS,
    _azure_shape,
    "apim-request-id",
    None,
    (("x-ms-region", "Simulated"),),
    _azure_allowance,
)
ANTHROPIC = Style(
    "anthropic",
    ANTHROPIC_REFUSALS,
    _anthropic_shape,
    "request-id",
    None,
    (("anthropic-organization-id", "simulated"),),
    _anthropic_allowance,
)
