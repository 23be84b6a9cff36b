"""Each provider's manner around the answers: error bodies, names and formats of headers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import orjson

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
class Told:
    """What an error tells besides what is wrong."""

    request_id: str
    retry_after: float | None = None
    """Seconds; None = no hint."""


def no_hint(_seconds: float) -> tuple[Header, ...]:
    """Nothing: this provider never says in a header when to come back."""
    return ()


def seconds_hint(seconds: float) -> tuple[Header, ...]:
    """`retry-after`, to the millisecond, rounded up."""
    millis = ceil(seconds * 1000)
    text = str(millis // 1000) if millis % 1000 == 0 else f"{millis / 1000:.3f}"
    return (("retry-after", text),)


def millis_hint(seconds: float) -> tuple[Header, ...]:
    """The same, and `retry-after-ms`."""
    return (*seconds_hint(seconds), ("retry-after-ms", str(ceil(seconds * 1000))))


def no_allowance(_left: Allowance, _now: datetime) -> tuple[Header, ...]:
    """Nothing: this provider tells no rate limits in headers."""
    return ()


def no_error_headers(_refusal: Refusal) -> tuple[Header, ...]:
    """Nothing: all that is wrong stands in the body."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """One provider's manner."""

    name: str
    refusals: Mapping[Trouble, Refusal]
    shape: Callable[[Refusal, Told], Mapping[str, Any]]
    """The error document."""
    id_header: str
    """Carries the request's id."""
    time_header: str | None = None
    """Carries the processing time in milliseconds."""
    fixed_headers: tuple[Header, ...] = ()
    """The same on every answer."""
    allowance_headers: Callable[[Allowance, datetime], tuple[Header, ...]] = no_allowance
    hint: Callable[[float], tuple[Header, ...]] = no_hint
    """Says in how many seconds to come back."""
    error_headers: Callable[[Refusal], tuple[Header, ...]] = no_error_headers
    """What an error says in headers."""

    def error_body(self, refusal: Refusal, told: Told) -> bytes:
        """The error as a response body."""
        return orjson.dumps(self.shape(refusal, told))


def openai_shape(refusal: Refusal, _told: Told) -> Mapping[str, Any]:
    """OpenAI's error document, which many others took over."""
    return {
        "error": {
            "message": refusal.message,
            "type": refusal.type,
            "param": refusal.param,
            "code": refusal.code,
        }
    }


def _azure_shape(refusal: Refusal, told: Told) -> Mapping[str, Any]:
    if refusal.status == 429:  # only these differ from OpenAI's
        return {"error": {"code": "429", "message": refusal.message}}
    return openai_shape(refusal, told)


def _anthropic_shape(refusal: Refusal, told: Told) -> Mapping[str, Any]:
    error: dict[str, Any] = {"type": refusal.type, "message": refusal.message}
    if refusal.code is not None:
        error["details"] = {"error_code": refusal.code}
    return {"type": "error", "error": error, "request_id": told.request_id}


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
    name="openai",
    refusals=OPENAI_REFUSALS,
    shape=openai_shape,
    id_header="x-request-id",
    time_header="openai-processing-ms",
    fixed_headers=(("openai-organization", "simulated"), ("openai-version", "2020-10-01")),
    allowance_headers=_openai_allowance,
    hint=millis_hint,
)
AZURE = Style(
    name="azure",
    refusals=OPENAI_REFUSALS,
    shape=_azure_shape,
    id_header="apim-request-id",
    fixed_headers=(("x-ms-region", "Simulated"),),
    allowance_headers=_azure_allowance,
    hint=millis_hint,
)
ANTHROPIC = Style(
    name="anthropic",
    refusals=ANTHROPIC_REFUSALS,
    shape=_anthropic_shape,
    id_header="request-id",
    fixed_headers=(("anthropic-organization-id", "simulated"),),
    allowance_headers=_anthropic_allowance,
    hint=seconds_hint,
)
