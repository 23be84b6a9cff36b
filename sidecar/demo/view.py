"""Shows the demo's run: a live picture on a terminal, a line every two seconds elsewhere."""

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sidecar.demo.history import Phase, Sample, phases, rate
from sidecar.demo.load import LoadCounts

_ROWS = 12
_FEWEST_ROWS = 4
_AROUND = 9
"""Lines of the live view that are not the chart's."""
_LABEL = 8
"""Columns of a chart's scale."""
_WIDEST = 110
"""Columns of a chart."""
_PLAIN_EVERY = 2.0
"""Seconds between lines where there is no terminal."""


class View(Protocol):
    """Shows samples as they come."""

    def __enter__(self) -> "View": ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, samples: Sequence[Sample], counts: LoadCounts) -> None:
        """The newest sample is the last one."""
        ...


class LiveView:
    """A chart that moves."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        self._seconds = seconds
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, samples: Sequence[Sample], counts: LoadCounts) -> None:
        """Draw everything anew."""
        title = f"llm-sidecar demo  {samples[-1].at:.0f} of {self._seconds:.0f} s"
        width, height = self._console.size
        rows = max(_FEWEST_ROWS, min(_ROWS, height - _AROUND))
        picture = _picture(samples, seconds=self._seconds, width=width - 4, rows=rows)
        body = Group(picture, Text(), _numbers(samples, counts))
        self._live.update(Panel(body, title=title), refresh=True)


class PlainView:
    """One line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0
        self._capacity: int | None = None

    def __enter__(self) -> "PlainView":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, samples: Sequence[Sample], counts: LoadCounts) -> None:
        """Say where things stand, if it is time."""
        now = samples[-1]
        if now.at < self._next:
            return
        changed = self._next > 0 and now.capacity != self._capacity
        was = f"  <- capacity was {_count(self._capacity)}" if changed else ""
        self._next, self._capacity = now.at + _PLAIN_EVERY, now.capacity
        self._console.print(
            f"{now.at:5.1f} s  capacity {_count(now.capacity):>3}  limit {now.limit:3d}"
            f"  in flight {now.in_flight:3d}  queue {now.waiting:3d}"
            f"  {rate(samples):6.1f} answers/s  rejected {now.rejected}  shed {counts.shed}{was}",
            highlight=False,
            soft_wrap=True,
        )


def _count(capacity: int | None) -> str:
    return "any" if capacity is None else str(capacity)


def _numbers(samples: Sequence[Sample], counts: LoadCounts) -> Table:
    now = samples[-1]
    table = Table.grid(padding=(0, 3))
    cells = (
        ("true capacity", _count(now.capacity)),
        ("limit", str(now.limit)),
        ("in flight", str(now.in_flight)),
        ("queue", str(now.waiting)),
        ("answers/s", f"{rate(samples):.1f}"),
        ("answered", str(counts.succeeded)),
        ("rejected", str(now.rejected)),
        ("shed", str(counts.shed)),
    )
    table.add_row(*(Text(name, style="dim") for name, _ in cells))
    table.add_row(*(Text(value, style="bold") for _, value in cells))
    return table


def _picture(samples: Sequence[Sample], *, seconds: float, width: int, rows: int = _ROWS) -> Group:
    columns = max(20, min(width - _LABEL, _WIDEST))
    axis = f"{'':6} └{'─' * columns}\n{'':8}0 s{f'{seconds:.0f} s':>{columns - 3}}"
    legend = Text.assemble(
        " " * _LABEL, ("━", "yellow"), " true capacity (hidden)   ",
        ("●", "bold cyan"), " limit   ", ("░", "green"), " in flight",
    )  # fmt: skip
    lines = chart(samples, seconds=seconds, width=columns, rows=rows)
    return Group(Text("\n").join(lines), Text(axis, style="dim"), legend)


def chart(
    samples: Sequence[Sample], *, seconds: float, width: int, rows: int = _ROWS
) -> list[Text]:
    """Limit, capacity and in flight over the whole run, one column per slice of time."""
    columns = _columns(samples, seconds, width)
    top = max(1, *(max(s.limit, s.capacity or 0) for s in samples)) * 1.1
    lines = []
    for row in range(rows, 0, -1):
        low, high = top * (row - 1) / rows, top * row / rows
        label = f"{high:6.0f} ┤" if row in (rows, rows // 2) else f"{'':6} │"
        line = Text(label, style="dim")
        for sample in columns:
            line.append(*_cell(sample, low, high))
        lines.append(line)
    return lines


def _columns(samples: Sequence[Sample], seconds: float, width: int) -> list[Sample | None]:
    """The last sample of each slice of time; a slice without one is as the one before."""
    columns: list[Sample | None] = []
    for sample in samples:
        column = min(width - 1, int(sample.at / seconds * width))
        columns[column:] = []
        columns += [columns[-1] if columns else sample] * (column - len(columns))
        columns.append(sample)
    return columns + [None] * (width - len(columns))


def _cell(sample: Sample | None, low: float, high: float) -> tuple[str, str]:
    if sample is None:
        return " ", ""
    if low <= sample.limit < high:
        return "●", "bold cyan"
    if sample.capacity is not None and low <= sample.capacity < high:
        return "━", "yellow"
    return ("░", "green") if sample.in_flight > low else (" ", "")


def summary(samples: Sequence[Sample], counts: LoadCounts, *, seconds: float, width: int) -> Group:
    """What the run came to, in no more columns than `width`; it was meant to take `seconds`."""
    picture = _picture(samples, seconds=seconds, width=width) if samples else Text()
    return Group(picture, Text(), _totals(samples, counts), _found(samples))


def _totals(samples: Sequence[Sample], counts: LoadCounts) -> Table:
    totals = Table(title="Demo summary", show_header=False)
    seconds = samples[-1].at if samples else 0.0
    for name, value in (
        ("requests", f"{counts.requests}"),
        ("succeeded", f"{counts.succeeded}"),
        ("rejected by the provider", f"{samples[-1].rejected if samples else 0}"),
        ("shed by the sidecar", f"{counts.shed}"),
        ("failed otherwise", f"{counts.failed}"),
        ("success rate", f"{counts.success_rate:.1%}"),
        ("throughput", f"{counts.succeeded / seconds if seconds else 0:.1f} answers/s"),
    ):
        totals.add_row(name, value)
    return totals


def _found(samples: Sequence[Sample]) -> Table:
    found = Table("time", "true capacity", "limit found", "of capacity", "answers/s")
    for phase in phases(samples):
        found.add_row(*_phase_row(phase))
    return found


def _phase_row(phase: Phase) -> tuple[str, ...]:
    return (
        f"{phase.start:.0f}-{phase.end:.0f} s",
        _count(phase.capacity),
        f"{phase.limit:.1f}",
        "-" if phase.found is None else f"{phase.found:.0%}",
        f"{phase.throughput:.1f}",
    )
