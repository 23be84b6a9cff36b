"""What is said on stderr meanwhile."""

import io

import pytest
from rich.console import Console

from sidecar.sweep.level import Targets
from sidecar.sweep.progress import LiveProgress, PlainProgress
from sidecar.sweep.tally import Failure, Pace, Success, Tally
from tests.sweep.measured import level


def tally(ended: int) -> Tally:
    """One that has counted so many, a tenth of a second each, every third of them failed."""
    counted = Tally(4, Pace(), Targets(error_rate=0.9), now=0.0)
    for number in range(4 + ended):
        ending = Success(0.1, 0.1, None) if number % 3 else Failure("429")
        counted.add(ending, now=number / 10)
    return counted


def test_without_a_terminal_a_line_comes_for_every_level() -> None:
    out = io.StringIO()

    with PlainProgress(Console(file=out, width=40)) as progress:
        for concurrency in (1, 64):
            progress.started(tally(2))
            progress.finished(level(concurrency, 5.0, errors={"429": 3}))

    assert out.getvalue().splitlines() == [
        "    1 at once  53 requests  5.0/s  p95 0.300 s  429 x 3",
        "   64 at once  53 requests  5.0/s  p95 0.300 s  429 x 3",
    ]


@pytest.mark.parametrize(
    ("ended", "shown"),
    [(-2, "4 at once  warming up ..."), (6, "4 at once  6 requests  6.7/s  2 failed ...")],
)
def test_on_a_terminal_the_level_is_watched_while_it_runs(ended: int, shown: str) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True)

    with LiveProgress(console) as progress:
        progress.started(tally(ended))
        progress.finished(level(4, 5.0))
        progress.started(tally(ended))

        assert shown in str(progress._line())
    assert "    4 at once  50 requests  5.0/s  p95 0.300 s" in out.getvalue()


def test_between_two_levels_there_is_nothing_to_watch() -> None:
    progress = LiveProgress(Console(file=io.StringIO(), force_terminal=True))

    assert not str(progress._line())
