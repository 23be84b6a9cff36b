"""Reads the hints by which providers say when to come back.

Formats seen in the wild: `retry-after-ms` and `x-ms-retry-after-ms` in milliseconds (OpenAI, Azure),
`retry-after` as whole or fractional seconds or as an HTTP date (RFC 9110, section 10.2.3).
Nonsense is no hint: a provider's header never raises.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MILLISECONDS = (b"retry-after-ms", b"x-ms-retry-after-ms")


def retry_after(get: Callable[[bytes], bytes | None], *, wall: datetime) -> float | None:
    """Seconds to wait, 0 or more, or None without a usable hint.

    `get` looks a header up by its lower-case name; `wall` is the time of day that an HTTP date is
    held against. The most precise header wins.
    """
    for name in _MILLISECONDS:
        seconds = _number(get(name))
        if seconds is not None:
            return seconds / 1000
    value = get(b"retry-after")
    if value is None:
        return None
    seconds = _number(value)
    return seconds if seconds is not None else _until(value, wall)


def _number(value: bytes | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(value: bytes, wall: datetime) -> float | None:
    try:
        date = parsedate_to_datetime(value.decode("ascii"))
        if date.tzinfo is None:  # "-0000": UTC without a statement of the local zone
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - wall).total_seconds())
    except (ValueError, OverflowError):
        return None
