"""Columns for people."""

from collections.abc import Sequence


def table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Titles, a rule, and the lines, each column as wide as it must be."""
    everything = [titles, *lines]
    widths = [max(len(line[column]) for line in everything) for column in range(len(titles))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (titles, rule, *lines)
    )
