"""Reads the hints by which providers say when to come back."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sidecar.retry.times import finite_number, seconds_until

_MILLISECONDS = (b"retry-after-ms", b"x-ms-retry-after-ms")


def retry_after(
    get: Callable[[bytes], bytes | None], *, wall: datetime, also: Sequence[bytes] = ()
) -> float | None:
    """Seconds to wait, 0 or more, or None without a usable hint.

    `get` looks a header up by its lower-case name; `wall` is the time of day that a date is held
    against; `also` are a provider's own headers, asked last. The most precise header wins: two in
    milliseconds (OpenAI, Azure) before `retry-after` (RFC 9110, section 10.2.3) in any format.
    """
    for name in _MILLISECONDS:
        value = get(name)
        milliseconds = None if value is None else finite_number(value)
        if milliseconds is not None:
            return milliseconds / 1000
    for name in (b"retry-after", *also):
        value = get(name)
        seconds = None if value is None else seconds_until(value, wall=wall)
        if seconds is not None:
            return seconds
    return None
