"""What the demo shows."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from sidecar.demo.history import Sample
from sidecar.demo.load import LoadCounts
from sidecar.demo.view import LiveView, PlainView, chart, summary


def run(limit: int = 20, capacity: int | None = 40) -> list[Sample]:
    return [
        Sample(
            at=t / 2,
            capacity=capacity,
            limit=limit,
            in_flight=limit - 2,
            waiting=7,
            succeeded=10 * t,
            rejected=3,
        )
        for t in range(20)
    ]


def test_the_chart_shows_limit_capacity_and_what_is_in_flight() -> None:
    lines = [line.plain for line in chart(run(), seconds=10, width=20)]

    limit_row = next(i for i, line in enumerate(lines) if "●" in line)
    capacity_row = next(i for i, line in enumerate(lines) if "━" in line)
    assert capacity_row < limit_row, "more is higher"
    assert "░" in lines[-1]


def test_the_chart_leaves_the_future_empty() -> None:
    lines = [line.plain for line in chart(run(), seconds=20, width=20)]

    assert all(not line[-9:].strip() for line in lines)


def test_more_columns_than_samples_leave_no_gaps() -> None:
    lines = [line.plain for line in chart(run(), seconds=10, width=61)]

    assert lines[-1].split("│")[1].count("░") == 58  # 20 samples, the last at 9.5 of 10 s


def test_without_a_terminal_a_line_comes_every_two_seconds() -> None:
    out = io.StringIO()
    view = PlainView(Console(file=out, width=60))

    with view:
        for end in range(1, 21):
            view.show(run()[:end], LoadCounts(shed=4))

    lines = out.getvalue().splitlines()
    assert len(lines) == 5  # at 0, 2, 4, 6 and 8 seconds: long lines are not wrapped
    assert "capacity  40  limit  20  in flight  18  queue   7" in lines[0]
    assert "rejected 3  shed 4" in lines[0]


def test_a_line_says_so_when_the_capacity_has_changed() -> None:
    out = io.StringIO()

    with PlainView(Console(file=out, width=60)) as view:
        for samples in (run(), run(capacity=20), run(capacity=20)):
            later = [replace(samples[-1], at=2.0 * len(out.getvalue().splitlines()))]
            view.show(later, LoadCounts())

    first, second, third = out.getvalue().splitlines()
    assert "<-" not in first
    assert second.endswith("<- capacity was 40")
    assert "<-" not in third


def test_the_live_view_draws_on_a_terminal() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True)

    with LiveView(console, seconds=10) as view:
        view.show(run(), LoadCounts(succeeded=190))

    assert "true capacity (hidden)" in out.getvalue()
    assert "190" in out.getvalue()


@pytest.mark.parametrize("height", [14, 18, 24, 60])
def test_the_live_view_fits_the_terminal(height: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=70, height=height, force_terminal=True)

    with LiveView(console, seconds=10) as view:
        view.show(run(), LoadCounts(succeeded=190))

    assert "190" in out.getvalue()
    assert "queue" in out.getvalue()


def test_the_summary_has_the_totals_and_every_phase() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100)
    counts = LoadCounts(requests=200, succeeded=190, rejected=3, shed=4, failed=3)

    console.print(summary(run(limit=39), counts, seconds=10, width=100))

    text = out.getvalue()
    for words in ("200", "95.0%", "rejected by the provider", "limit found", "39.0", "98%", "●"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_provider_without_slots_has_no_capacity_to_compare_with() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100)

    with PlainView(console) as view:
        view.show(run(capacity=None), LoadCounts())
    console.print(summary(run(capacity=None), LoadCounts(), seconds=10, width=100))

    line, *rest = out.getvalue().splitlines()
    assert "capacity any  limit  20" in line
    cells = [cell.strip() for cell in rest[-2].strip("│").split("│")]
    assert cells[1:4] == ["any", "20.0", "-"]


def test_the_summary_of_nothing_is_still_a_table() -> None:
    out = io.StringIO()

    Console(file=out, width=100).print(summary([], LoadCounts(), seconds=10, width=100))

    assert "requests" in out.getvalue()
