"""From figures to the table: what is judged, and how it is printed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.control.laws import OURS
from benchmarks.control.run import Played, mean
from benchmarks.control.scenario import Scenario, Target

_BESIDES = ("goodput", "rejections", "jain", "p95", "limit")
"""Figures worth seeing where they are no target."""


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario's results."""

    scenario: Scenario
    runs: Mapping[str, Mapping[int, Played]]
    """By law and seed."""

    def mean(self, law: str) -> dict[str, float] | None:
        """Mean figures over the seeds; None where the law did not play."""
        runs = self.runs.get(law)
        return mean([played.figures for played in runs.values()]) if runs else None

    def missed(self) -> list[Target]:
        """The targets that our law misses."""
        figures = self.mean(OURS)
        if figures is None:
            return []
        return [
            target for target in self.scenario.targets if not target.met(figures[target.measure])
        ]


def rows(scenarios: Iterable[Scenario], played: Iterable[Played]) -> list[Row]:
    """Sort results into rows, in the order of the scenarios."""
    found: dict[str, dict[str, dict[int, Played]]] = {}
    for one in sorted(played, key=lambda one: one.job.seed):
        found.setdefault(one.job.scenario, {}).setdefault(one.job.law, {})[one.job.seed] = one
    return [Row(scenario, found[scenario.name]) for scenario in scenarios]


def table(table_rows: Sequence[Row], laws: Sequence[str]) -> str:
    """One line a scenario: our figures beside their targets, then the other laws' figures.

    Our law alone gets a column of further figures instead.
    """
    alone = list(laws) == [OURS]
    lines = [["scenario", *laws, *(["besides"] if alone else [])]]
    for row in table_rows:
        cells = [_cell(row, law) for law in laws]
        lines.append([row.scenario.name, *cells, *([_besides(row)] if alone else [])])
    return "\n".join([*_aligned(lines), "", *_legend(table_rows)])


def as_data(row: Row) -> dict[str, object]:
    """A row for JSON, every run included."""
    scenario, ours = row.scenario, row.mean(OURS)
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "targets": [_target_data(target, ours) for target in scenario.targets],
        "laws": {
            law: {
                "mean": row.mean(law),
                "seeds": {seed: played.figures for seed, played in runs.items()},
            }
            for law, runs in row.runs.items()
        },
    }


def number(measure: str, value: float) -> str:
    """A figure as precise as its target needs."""
    if measure == "jain":
        return f"{value:.3f}"
    return f"{value:.0f}" if value >= 100.5 else f"{value:.2f}"


def _target_data(target: Target, ours: Mapping[str, float] | None) -> dict[str, object]:
    return {
        "measure": target.measure,
        "at_least": target.at_least,
        "at_most": target.at_most,
        "met": None if ours is None else target.met(ours[target.measure]),
    }


def _cell(row: Row, law: str) -> str:
    figures = row.mean(law)
    if figures is None:
        return ""
    if law == OURS:
        return "  ".join(_judged(target, figures) for target in row.scenario.targets)
    return " / ".join(_rough(figures[target.measure]) for target in row.scenario.targets)


def _judged(target: Target, figures: Mapping[str, float]) -> str:
    value = figures[target.measure]
    mark = "✓" if target.met(value) else "✗"
    return f"{target.measure} {number(target.measure, value)} {target} {mark}"


def _rough(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"


def _besides(row: Row) -> str:
    figures = row.mean(OURS) or {}
    judged = {target.measure for target in row.scenario.targets}
    shown = [f"{name} {number(name, figures[name])}" for name in _BESIDES if name not in judged]
    cpu = sum(played.cpu for played in row.runs[OURS].values())
    return "  ".join([*shown, f"cpu {cpu:.1f} s"])


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return [
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _legend(table_rows: Sequence[Row]) -> list[str]:
    return [f"{row.scenario.name:9} {row.scenario.title}" for row in table_rows]
