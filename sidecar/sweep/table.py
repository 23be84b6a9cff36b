"""Shows the levels measured: a table for people, a document for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from rich import box
from rich.table import Table

from sidecar.sweep.level import Level, Targets, Times
from sidecar.sweep.plan import Bounds, best, next_concurrency

_REMARK = 8
"""Columns that the remarks have at least."""
_MOST_KINDS = 2
"""Kinds of errors named in a table's cell."""


def described(level: Level) -> str:
    """One level in one line."""
    errors = f"  {_errors(level)}" if level.errors else ""
    return (
        f"{level.concurrency:5d} at once  {level.requests} requests"
        f"  {level.throughput:.1f}/s  {_p95(level)}{errors}"
    )


def table(levels: Sequence[Level], targets: Targets) -> Table:
    """The levels by concurrency; the best one is marked, those that miss a target are dim."""
    chosen = best(levels, targets)
    streamed = any(level.total for level in levels)
    told = any(level.output_tokens for level in levels)  # embeddings have none to tell of
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))  # fits 80 columns
    for name in _columns(streamed=streamed, told=told):
        result.add_column(name, justify="right", no_wrap=True)
    result.add_column(min_width=_REMARK)
    for level in sorted(levels, key=lambda level: level.concurrency):
        missed = "" if targets.kept(level) else "dim"
        result.add_row(
            *_row(level, streamed=streamed, told=told),
            _remark(level, targets, chosen=level is chosen),
            style="bold green" if level is chosen else missed,
        )
    return result


def conclusion(levels: Sequence[Level], bounds: Bounds, targets: Targets) -> str:
    """What the table says, in a sentence or two."""
    chosen = best(levels, targets)
    if chosen is not None:
        so_far = " so far" if next_concurrency(levels, bounds, targets) is not None else ""
        return (
            f"Best{so_far}: {chosen.concurrency} at once: {chosen.throughput:.1f} requests/s,"
            f" {_p95(chosen)}, {chosen.error_rate:.1%} errors."
            f"{_open_end(chosen, levels, bounds, targets)}"
        )
    lowest = min(levels, key=lambda level: level.concurrency)
    return (
        f"No level keeps the targets, not even {lowest.concurrency} at once:"
        f" {_p95(lowest)}, {lowest.error_rate:.1%} errors."
    )


def document(levels: Sequence[Level], targets: Targets, *, interrupted: bool) -> dict[str, Any]:
    """The same for programs: times in seconds, shares from 0 to 1."""
    chosen = best(levels, targets)
    return {
        "best": chosen.concurrency if chosen else None,
        "interrupted": interrupted,
        "targets": {"p95_seconds": targets.latency, "error_rate": targets.error_rate},
        "levels": [
            _document(level, targets, best=level is chosen)
            for level in sorted(levels, key=lambda level: level.concurrency)
        ],
    }


def _document(level: Level, targets: Targets, *, best: bool) -> Mapping[str, Any]:
    return {
        "concurrency": level.concurrency,
        "best": best,
        "targets_kept": targets.kept(level),
        "cut_short": level.cut_short,
        "requests": level.requests,
        "succeeded": level.succeeded,
        "seconds": round(level.seconds, 3),
        "requests_per_second": round(level.throughput, 3),
        "output_tokens_per_second": _rounded(level.tokens_per_second),
        "latency_seconds": _times(level.latency),
        "total_seconds": _times(level.total),
        "error_rate": round(level.error_rate, 6),
        "errors": dict(level.errors),
    }


def _times(times: Times | None) -> Mapping[str, float] | None:
    return {name: round(x, 6) for name, x in asdict(times).items()} if times else None


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)


def _columns(*, streamed: bool, told: bool) -> list[str]:
    latency = "TTFT\n" if streamed else ""
    return [
        "at once",
        "requests",
        "req/s",
        *(("tok/s",) if told else ()),
        *(f"{latency}{name} s" for name in ("mean", "p50", "p95")),
        *(("whole\np95 s",) if streamed else ()),
        "errors",
    ]


def _row(level: Level, *, streamed: bool, told: bool) -> list[str]:
    tokens = level.tokens_per_second
    return [
        str(level.concurrency),
        str(level.requests),
        f"{level.throughput:.1f}",
        *(("-" if tokens is None else f"{tokens:.0f}",) if told else ()),
        *(_seconds(level.latency, name) for name in ("mean", "p50", "p95")),
        *((_seconds(level.total, "p95"),) if streamed else ()),
        f"{level.error_rate:.1%}",
    ]


def _seconds(times: Times | None, name: str) -> str:
    if times is None:
        return "-"
    value: float = getattr(times, name)
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _p95(level: Level) -> str:
    return f"p95 {_seconds(level.latency, 'p95')} s" if level.latency else "no answer"


def _errors(level: Level) -> str:
    """Such as "429 x 12"."""
    kinds = [f"{kind} x {count}" for kind, count in level.errors.items()]
    more = ["..."] if len(kinds) > _MOST_KINDS else []
    return ", ".join(kinds[:_MOST_KINDS] + more)


def _remark(level: Level, targets: Targets, *, chosen: bool) -> str:
    errors = _errors(level)
    remarks = (
        "<- best" if chosen else "",
        "" if level.latency is None or targets.latency_kept(level) else "p95 too high",
        errors if targets.errors_kept(level) else f"too many: {errors or 'no answer'}",
        "cut short" if level.cut_short else "",
    )
    return ", ".join(remark for remark in remarks if remark)


def _open_end(chosen: Level, levels: Sequence[Level], bounds: Bounds, targets: Targets) -> str:
    """What stopped the search before the provider did."""
    if bounds.lowest < bounds.highest == chosen.concurrency:
        return " That is --max: a higher one may be better."
    unbound = replace(bounds, levels=len(levels) + 1)
    if len(levels) >= bounds.levels and next_concurrency(levels, unbound, targets) is not None:
        return " --levels ended the search: more of them may find a better one."
    return ""
