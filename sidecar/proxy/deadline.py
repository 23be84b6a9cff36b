"""How long the app is willing to wait, read from what it says."""

import math
from collections.abc import Callable

_MARGIN_SHARE = 0.05
_MARGIN_MOST = 1.0
"""Seconds: our answer must reach an SDK before its own timeout, or it gives up and tries again."""


def time_allowed(get: Callable[[bytes], bytes | None]) -> float | None:
    """Seconds from the request's arrival to the first byte of its answer; None = unlimited.

    `x-sidecar-timeout` is the app's own word. `x-stainless-read-timeout` is what the OpenAI,
    Anthropic, groq and together SDKs send: the seconds after which they stop waiting for a byte.
    The shorter one counts; what is no positive number is no deadline.
    """
    own = own_time(get)
    sdk = positive_seconds(get(b"x-stainless-read-timeout"))
    if sdk is not None:
        sdk -= min(_MARGIN_MOST, sdk * _MARGIN_SHARE)
    allowed = [seconds for seconds in (own, sdk) if seconds is not None]
    return min(allowed, default=None)


def own_time(get: Callable[[bytes], bytes | None]) -> float | None:
    """The same by `x-sidecar-timeout` alone.

    It is what counts while a body streams through: an SDK begins to wait for a byte only when it
    has sent its own last one.
    """
    return positive_seconds(get(b"x-sidecar-timeout"))


def positive_seconds(value: bytes | None) -> float | None:
    """A header's number of seconds; None where it is no positive number."""
    try:
        seconds = float(value or b"")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
