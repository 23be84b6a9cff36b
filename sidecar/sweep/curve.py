"""Draws concurrency against throughput and p95 as one SVG file, without scripts or outside fonts."""

from collections.abc import Callable, Iterator, Sequence
from xml.sax.saxutils import escape

from sidecar.sweep.axis import Axis, amount_axis, concurrency_axis
from sidecar.sweep.level import Level, Targets
from sidecar.sweep.plan import best

_WIDTH, _HEIGHT = 860, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 784, 116, 444
"""Edges of the plot."""
_MARK = 4.5
"""Half of a mark's width."""
_MARGIN = 24
_CHARACTER, _BOLD_CHARACTER = 6.6, 8.0
"""Width of an average one in a wide font, to keep words inside of the picture."""

_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Arial, sans-serif;
  --paper: #fff; --ink: #1f2933; --faint: #5c6773; --grid: #e3e7eb;
  --throughput: #1d5fbf; --latency: #b4480c; --best: #1b7a3d; }
@media (prefers-color-scheme: dark) { svg { --paper: #14181d; --ink: #e8ebee; --faint: #a3adb8;
  --grid: #2c333b; --throughput: #6ea8ff; --latency: #ff9d5c; --best: #5fd08a; } }
.paper { fill: var(--paper); }
text { fill: var(--ink); }
.title { font-size: 17px; font-weight: 600; }
.tick, .legend { fill: var(--faint); }
.grid { stroke: var(--grid); stroke-width: 1; }
.frame { stroke: var(--faint); stroke-width: 1; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.throughput .line, .throughput .mark { stroke: var(--throughput); }
.throughput .mark { fill: var(--throughput); }
.latency .line, .latency .mark, .target { stroke: var(--latency); }
.latency .line { stroke-dasharray: 7 4; }
.latency .mark { fill: var(--latency); }
.mark { stroke-width: 2; }
.throughput .missed, .latency .missed, .missed { fill: var(--paper); }
.key .missed { stroke: var(--faint); }
text.throughput { fill: var(--throughput); }
text.latency { fill: var(--latency); }
.target { stroke-width: 1.4; stroke-dasharray: 2 4; }
.best { stroke: var(--best); stroke-width: 1.6; }
text.best { fill: var(--best); stroke: none; font-weight: 600; }
"""

Place = tuple[float, float]
Mark = Callable[[float, float, str], str]


def draw(levels: Sequence[Level], targets: Targets) -> str:
    """The picture of at least one level, as the text of a file."""
    ranked = sorted(levels, key=lambda level: level.concurrency)
    shown = [targets.latency] if targets.latency is not None else []
    shown += [level.latency.p95 for level in ranked if level.latency]
    x = concurrency_axis(
        ranked[0].concurrency, ranked[-1].concurrency, start=_LEFT + 24, end=_RIGHT - 24
    )
    left = amount_axis([level.throughput for level in ranked], start=_BOTTOM, end=_TOP)
    right = amount_axis(shown, start=_BOTTOM, end=_TOP)
    chosen = best(ranked, targets)
    parts = [
        *_frame(x, left, right, _what(ranked)),
        *(_target(right, targets.latency) if targets.latency is not None else ()),
        *(_best(x, chosen) if chosen else ()),
        *_series("throughput", _throughputs(ranked, x, left, targets), _circle),
        *_series("latency", _latencies(ranked, x, right, targets), _square),
        *_legend(_what(ranked)),
    ]
    said = escape(_said(ranked, chosen))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        ' aria-labelledby="title desc">\n<title id="title">Concurrency sweep</title>\n'
        f'<desc id="desc">{said}</desc>\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}"/>\n' + "\n".join(parts)
    ) + "\n</svg>\n"


def _what(ranked: Sequence[Level]) -> str:
    return "p95 to the first byte" if any(level.total for level in ranked) else "p95 latency"


def _said(ranked: Sequence[Level], chosen: Level | None) -> str:
    """What is to be seen, for those who do not see it."""
    levels = (
        f"{level.concurrency} at once: {level.throughput:.1f} requests/s,"
        f" {f'p95 {level.latency.p95:.3f} s' if level.latency else 'no answer'},"
        f" {level.error_rate:.1%} errors"
        for level in ranked
    )
    found = (
        f"The best is {chosen.concurrency} at once." if chosen else "No level keeps the targets."
    )
    return f"Throughput and {_what(ranked)} by concurrency. {found} {'; '.join(levels)}."


def _frame(x: Axis, left: Axis, right: Axis, what: str) -> Iterator[str]:
    yield _text(_MARGIN, 34, "Concurrency sweep", "title")
    for tick in left.ticks:
        yield _line((_LEFT, left.at(tick)), (_RIGHT, left.at(tick)), "grid")
        yield _text(_LEFT - 10, left.at(tick) + 4, f"{tick:,g}", "tick", "end")
    for tick in right.ticks:
        yield _line((_RIGHT, right.at(tick)), (_RIGHT + 5, right.at(tick)), "frame")
        yield _text(_RIGHT + 10, right.at(tick) + 4, f"{tick:g}", "tick")
    for tick in x.ticks:
        yield _line((x.at(tick), _BOTTOM), (x.at(tick), _BOTTOM + 5), "frame")
        yield _text(x.at(tick), _BOTTOM + 21, f"{tick:g}", "tick", "middle")
    yield _line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), "frame")
    scale = ", logarithmic" if x.by_ratio else ""
    middle = (_LEFT + _RIGHT) / 2
    yield _text(middle, _BOTTOM + 50, f"concurrency (requests at once{scale})", "", "middle")
    yield _turned(20, "throughput (requests/s)", "throughput")
    yield _turned(_WIDTH - 14, f"{what} (s)", "latency")


def _throughputs(
    ranked: Sequence[Level], x: Axis, y: Axis, targets: Targets
) -> list[tuple[Place, bool]]:
    return [
        ((x.at(level.concurrency), y.at(level.throughput)), targets.kept(level)) for level in ranked
    ]


def _latencies(
    ranked: Sequence[Level], x: Axis, y: Axis, targets: Targets
) -> list[tuple[Place, bool]]:
    return [
        ((x.at(level.concurrency), y.at(level.latency.p95)), targets.kept(level))
        for level in ranked
        if level.latency is not None
    ]


def _series(name: str, points: Sequence[tuple[Place, bool]], mark: Mark) -> Iterator[str]:
    yield f'<g class="{name}">'
    if len(points) > 1:
        places = " ".join(f"{x:.1f},{y:.1f}" for (x, y), _ in points)
        yield f'<polyline class="line" points="{places}"/>'
    for (x, y), kept in points:
        yield mark(x, y, "mark" if kept else "mark missed")
    yield "</g>"


def _target(y: Axis, latency: float) -> Iterator[str]:
    place = y.at(latency)
    yield _line((_LEFT, place), (_RIGHT, place), "target")
    yield _text(_LEFT + 8, place - 6, f"target p95 {latency:g} s", "latency")


def _best(x: Axis, chosen: Level) -> Iterator[str]:
    place = x.at(chosen.concurrency)
    yield _line((place, _TOP - 8), (place, _BOTTOM), "best")
    p95 = f", p95 {chosen.latency.p95:.3f} s" if chosen.latency else ""
    label = f"best: {chosen.concurrency} at once, {chosen.throughput:.1f} requests/s{p95}"
    half = len(label) * _BOLD_CHARACTER / 2
    middle = min(max(place, half + 10), _WIDTH - half - 10)
    yield _text(middle, _TOP - 16, label, "best", "middle")


def _legend(what: str) -> Iterator[str]:
    y = 60.0
    entries = (("throughput", "throughput", _circle), ("latency", what, _square))
    x = _MARGIN + _MARK
    for name, words, mark in entries:
        yield from _series(name, [((x, y), True), ((x + 30, y), True)], mark)
        yield _text(x + 42, y + 4, words, "legend")
        x += 42 + len(words) * _CHARACTER + 30
    yield f'<g class="key">{_circle(x, y, "mark missed")}{_square(x + 14, y, "mark missed")}</g>'
    yield _text(x + 26, y + 4, "misses a target", "legend")


def _circle(x: float, y: float, style: str) -> str:
    return f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{_MARK}"/>'


def _square(x: float, y: float, style: str) -> str:
    side = 2 * _MARK - 1
    return (
        f'<rect class="{style}" x="{x - side / 2:.1f}" y="{y - side / 2:.1f}"'
        f' width="{side}" height="{side}"/>'
    )


def _line(start: Place, end: Place, style: str) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, words: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _turned(x: float, words: str, style: str) -> str:
    """Along an axis, read from below."""
    y = (_TOP + _BOTTOM) / 2
    return (
        f'<text class="{style}" transform="translate({x:.1f} {y:.1f}) rotate(-90)"'
        f' text-anchor="middle">{escape(words)}</text>'
    )
