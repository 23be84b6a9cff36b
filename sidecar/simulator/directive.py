"""What a request, or a scenario by its dice, may ask to go wrong: the header `x-simulate`.

    x-simulate: WHAT; key=value; key=value

WHAT is one of

- a status: 400 401 402 403 404 408 409 413 422 429 500 502 503 504 529, in the provider's shape
- a trouble by name, in OpenAI's words or in Anthropic's; each provider answers in its own, and with
  its own status: rate_limit_exceeded = rate_limit_error, slow_down = ramp_limit_exceeded,
  insufficient_quota = enforced_spend_limit_reached, overloaded = overloaded_error (OpenAI 503,
  Anthropic 529, Groq 498), billing_error, request_too_large, server_error, bad_gateway,
  gateway_timeout, request_timeout,
  conflict, invalid_request, unprocessable, unauthorized, forbidden, not_found, method_not_allowed
- a fault of the connection: see `Fault`
- `ok`, or nothing at all: only the keys count

and the keys, all optional, are

- `retry-after=SECONDS`   hint of an error answer, where the provider gives hints: in a header, in
                          the body (Gemini), or nowhere
- `should-retry=BOOL`     header x-should-retry of an error answer
- `after=EVENTS`          tokens of a stream before its fault (3); whole answers break in the middle
- `tokens=COUNT`          length of the answer (still cut by max_tokens)
- `ttft=SECONDS`, `total=SECONDS`   times of the answer, instead of the scenario's
- `trouble=NAME`          what `error-in-stream` tells (overloaded)
- `reasoning=COUNT`       so many of the answer's tokens are thoughts: told, billed and not seen
- `cached=COUNT`          so many of the prompt's tokens count as read from a prompt cache, where the
                          provider tells such a thing
- `usage=FLAW`            the answer tells no usage, or nonsense: see `UsageFlaw`
- `vectors=FLAW`          the answer has the wrong vectors: see `VectorsFlaw`
- `encoding=NAME`         the answer comes compressed: gzip, br, zstd or deflate; not if the request
                          accepts nothing but `identity`

Errors by status or name are answered at once, and take no capacity; everything else is admitted
first, like any other request. A WebSocket's directive is in its handshake: an error or a fault that
needs no answer refuses it, the rest happens to each answer in it.

What is asked of one caller's embeddings cannot be said in a header once several calls were made one
on the way here. So inputs can ask for it too: `[[vectors=FLAW]]` in one of several inputs does what
the key does, and `[[bad]]` in any input makes the provider refuse the whole request (400).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

from sidecar.simulator.encoding import Encoding
from sidecar.simulator.protocol.flaws import UsageFlaw, VectorsFlaw
from sidecar.simulator.protocol.refusal import BY_STATUS, Trouble

HEADER = "x-simulate"
_OK = "ok"
_ANTHROPICS_NAMES: Mapping[str, Trouble] = {
    "rate_limit_error": Trouble.RATE,
    "ramp_limit_exceeded": Trouble.RAMP,
    "enforced_spend_limit_reached": Trouble.QUOTA,
    "overloaded_error": Trouble.OVERLOAD,
}


class Fault(StrEnum):
    """What can happen to the connection."""

    HANG = "hang"
    """No byte of an answer, ever."""
    HANG_MID_STREAM = "hang-mid-stream"
    """Part of the answer, then nothing, ever."""
    CLOSE_BEFORE_HEAD = "close-before-head"
    """The connection ends properly, but without an answer."""
    RESET_BEFORE_HEAD = "reset-before-head"
    """The connection is reset instead of answered."""
    RESET_MID_STREAM = "reset-mid-stream"
    """The connection is reset in the middle of the answer."""
    TRUNCATE = "truncate"
    """The connection ends properly, but in the middle of the answer."""
    ERROR_IN_STREAM = "error-in-stream"
    """An error event after a good start; for a whole answer: an error document with status 200."""
    GARBAGE = "garbage"
    """Bytes that are not HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """What is to happen to one request."""

    trouble: Trouble | None = None
    status: int | None = None
    """Instead of the trouble's own status."""
    fault: Fault | None = None
    retry_after: float | None = None
    """Seconds."""
    should_retry: bool | None = None
    after: int = 3
    """Tokens sent before a fault in mid-stream."""
    tokens: int | None = None
    ttft: float | None = None
    """Seconds."""
    total: float | None = None
    """Seconds."""
    in_stream: Trouble = Trouble.OVERLOAD
    """What an error in the stream tells."""
    reasoning: int = 0
    """LLM tokens, of the answer's."""
    cached: int | None = None
    """LLM tokens, of the prompt's."""
    usage: UsageFlaw | None = None
    vectors: VectorsFlaw | None = None
    encoding: Encoding | None = None


NOTHING = Directive()


def parse(text: str) -> Directive:
    """Read a directive; ValueError says what is wrong with it."""
    what, *pairs = (part.strip() for part in text.split(";"))
    if "=" in what:
        what, pairs = _OK, [what, *pairs]
    fields: dict[str, Any] = _what(what)
    for pair in pairs:
        key, _, value = pair.partition("=")
        fields.update(_setting(key.strip(), value.strip()))
    return Directive(**fields)


def _what(name: str) -> dict[str, Any]:
    if name in ("", _OK):
        return {}
    if name.isascii() and name.isdigit() and int(name) in BY_STATUS:
        return {"trouble": BY_STATUS[int(name)], "status": int(name)}
    if name in set(Fault):
        return {"fault": Fault(name)}
    try:
        return {"trouble": _trouble(name)}
    except ValueError:
        raise ValueError(f"unknown directive {name!r}") from None


def _trouble(name: str) -> Trouble:
    return _ANTHROPICS_NAMES.get(name) or Trouble(name)


def _setting(key: str, text: str) -> dict[str, Any]:
    known = _KEYS.get(key)
    if known is None:
        raise ValueError(f"unknown key {key!r}; known: {', '.join(sorted(_KEYS))}")
    field, convert = known
    try:
        return {field: convert(text)}
    except ValueError as exc:
        raise ValueError(f"{key}: {exc}") from exc


def _seconds(text: str) -> float:
    value = float(text)
    if not isfinite(value) or value < 0:
        raise ValueError(f"{text!r} is no number of seconds")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(f"{text!r} is negative")
    return value


def _yes_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


_KEYS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "retry-after": ("retry_after", _seconds),
    "should-retry": ("should_retry", _yes_no),
    "after": ("after", _count),
    "tokens": ("tokens", _count),
    "ttft": ("ttft", _seconds),
    "total": ("total", _seconds),
    "trouble": ("in_stream", _trouble),
    "reasoning": ("reasoning", _count),
    "cached": ("cached", _count),
    "usage": ("usage", UsageFlaw),
    "vectors": ("vectors", VectorsFlaw),
    "encoding": ("encoding", Encoding),
}
