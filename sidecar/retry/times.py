"""Reads the times that providers write into headers and error bodies.

Nonsense is no time: what a provider writes never raises.
"""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EPOCH = 1e9
"""Numbers from here on are no seconds to wait (30 years) but a time of day since 1970."""

_EPOCH_MS = 1e11
"""Numbers from here on are milliseconds since 1970: as seconds they would lie after the year 5000."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def seconds_until(value: bytes | str, *, wall: datetime) -> float | None:
    """Seconds from `wall`, 0 or more; None where the value is no time.

    Read are: seconds, whole or fractional; seconds or milliseconds since 1970; durations as Go and
    Protocol Buffers write them (`6m0s`, `12ms`, `7.66s`); dates of RFC 3339 and of HTTP. A time in
    the past means now.
    """
    text = (value if isinstance(value, str) else value.decode("utf-8", "replace")).strip()
    if not text[-1:].isalpha():  # what ends in a unit or a zone is none, and costs no try
        number = finite_number(text)
        if number is not None:
            return number if number < _EPOCH else _since_1970(number, wall)
    if _DURATION.fullmatch(text):
        total = sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text))
        return total if math.isfinite(total) else None
    return _until_date(text, wall)


def finite_number(text: bytes | str) -> float | None:
    """A plain number of 0 or more; `nan`, `inf` and what is negative are none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


def _since_1970(number: float, wall: datetime) -> float:
    moment = number if number < _EPOCH_MS else number / 1000
    return max(0.0, moment - wall.timestamp())


def _until_date(text: str, wall: datetime) -> float | None:
    try:
        date = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        if date.tzinfo is None:  # "-0000": UTC without a statement of the local zone
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - wall).total_seconds())
    except (ValueError, OverflowError):
        return None
