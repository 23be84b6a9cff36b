"""Reads rate-limit headers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import IntEnum

from sidecar.control.allowance import Allowance, Unit
from sidecar.retry.times import finite_number, seconds_until


class Figure(IntEnum):
    """What one header tells of a limit."""

    LIMIT = 0
    REMAINING = 1
    RESET = 2


AllowanceHeaders = Mapping[bytes, tuple[str, Unit, Figure]]
"""By a header's lower-case name: the limit that it tells of, what that counts, and the figure."""


def named(pattern: str, **limits: Unit) -> AllowanceHeaders:
    """The headers of several limits that are named alike, such as `x-ratelimit-{figure}-{of}`.

    `of` is each of the names given, written with - for _.
    """
    return {
        pattern.format(figure=figure.name.lower(), of=of.replace("_", "-")).encode(): (
            of,
            unit,
            figure,
        )
        for of, unit in limits.items()
        for figure in Figure
    }


def read_allowances(
    headers: Sequence[tuple[bytes, bytes]], table: AllowanceHeaders, wall: datetime
) -> tuple[Allowance, ...]:
    """The limits that these headers tell of; what makes no sense is unknown, and never raises."""
    if not table:
        return ()
    told: dict[str, tuple[Unit, list[float | None]]] = {}
    for name, value in headers:
        entry = table.get(name.lower())
        if entry is not None:
            of, unit, figure = entry
            if of not in told:
                told[of] = unit, [None, None, None]
            told[of][1][figure] = _read(figure, value, wall)
    return tuple(
        Allowance(unit, limit, remaining, reset)
        for unit, (limit, remaining, reset) in told.values()
        if limit != 0 and (limit, remaining) != (None, None)
    )


def _read(figure: Figure, value: bytes, wall: datetime) -> float | None:
    """One figure, 0 or more; `-1` says that it is not known.

    A limit that is not known is told as 0, too, and says that nothing is known of what is left:
    Azure writes 0 or -1 for both. A real limit of nothing would not have let this answer pass.
    """
    if figure is Figure.RESET:
        return seconds_until(value, wall=wall)
    number = finite_number(value)
    return number or 0.0 if figure is Figure.LIMIT else number
