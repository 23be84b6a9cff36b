"""What one limit was like over the last 15 minutes, in arrays of fixed length."""

from array import array
from collections.abc import Sequence

from sidecar.outcomes import LimitReason, RejectionKind, ShedReason

KEPT = 180
"""Samples: 15 minutes of one every 5 s."""

UNKNOWN = -1
"""In place of a figure that there is none of; all figures are 0 or more."""

GAUGES = ("limit", "in_flight", "waiting", "demand", "upstream_limited")
"""At the moment of the sample; bursts between two samples show in `waited`."""

COUNTS = (
    "requests", "succeeded", "client_errors", "server_errors", "cancelled", "attempts",
    "waited",
    *(f"rejected_{kind}" for kind in RejectionKind),
    *(f"shed_{reason}" for reason in ShedReason),
    "input_tokens", "output_tokens", "cost_microusd",
)  # fmt: skip
"""Since the sample before."""

FIRST_BYTES = ("first_bytes", "slow_first_bytes", "p50_us", "p95_us")
"""Of the first-byte times since the sample before: how many, how many of them slow, percentiles."""

COLUMNS = (*GAUGES, *COUNTS, *FIRST_BYTES, "changes")
"""`changes` has the bit `1 << REASONS.index(reason)` for each reason the limit moved for."""

REASONS = tuple(LimitReason)

_LARGEST = 2**31 - 1

_PLACES = {name: place for place, name in enumerate(COLUMNS)}


class Track:
    """Columns of 4-byte whole numbers, written round and round: about 25 kB, for ever."""

    __slots__ = ("_columns", "active_at")

    def __init__(self) -> None:
        self._columns = [array("i", [UNKNOWN]) * KEPT for _ in COLUMNS]
        self.active_at = 0
        """Sequence number of the last sample in which there was something to see."""

    def put(self, number: int, row: Sequence[int]) -> None:
        """Write the sample of that sequence number; `row` has the order of `COLUMNS`."""
        place = number % KEPT
        for column, value in zip(self._columns, row, strict=True):
            column[place] = min(value, _LARGEST)

    def columns(self, first: int, end: int) -> list[list[int]]:
        """Every column's samples from `first` to before `end`: at most `KEPT` of them."""
        return [_stretch(column, first, end) for column in self._columns]

    def known(self, name: str, first: int, end: int) -> list[int]:
        """One column's samples, without the unknown ones."""
        column = self._columns[_PLACES[name]]
        return [value for value in _stretch(column, first, end) if value != UNKNOWN]


def _stretch(column: "array[int]", first: int, end: int) -> list[int]:
    if first >= end:
        return []
    start, stop = first % KEPT, end % KEPT
    if start < stop:
        return column[start:stop].tolist()
    return column[start:].tolist() + column[:stop].tolist()
