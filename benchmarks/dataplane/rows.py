"""Results: rows, and the table they make."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured thing."""

    measure: str
    direct: str = ""
    sidecar: str = ""
    change: str = ""
    """Difference, ratio, or what else relates the two."""
    target: str = ""
    met: bool | None = None
    """None = there is no target, or it was not measured."""
    lost: int = 0
    """Requests, streams or bodies that did not arrive as they were sent."""
    values: dict[str, float] = field(default_factory=dict)
    """The numbers behind the words, for machines."""


_TITLES = ("measure", "direct", "sidecar", "difference or ratio", "target", "met")


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = [_TITLES, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_TITLES))]
    lines.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]  # same length
    return "\n".join(
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    met = {None: "", True: "yes", False: "NO"}[row.met]
    if row.lost:
        met = f"LOST {row.lost}"
    return (row.measure, row.direct, row.sidecar, row.change, row.target, met)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
