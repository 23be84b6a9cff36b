"""What `python -m benchmarks.push_back` takes and prints."""

import math

import pytest

from benchmarks.push_back.__main__ import Result, main, number, table
from benchmarks.push_back.cases import Bucket

CASE = Bucket(per_minute=3000, burst=10, answer_seconds=0.2)


def result(use: float) -> Result:
    return Result(CASE, {"use": use, "rejections": 0.5, "failed": 0.0, "limit": 12}, 0.25)


def test_the_table_names_what_was_missed() -> None:
    good, bad = result(96.0), result(94.994)

    text = table([good, bad])

    cells = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()[2:]]
    assert cells[0] == ["bucket 3000/10 silent", "use", "96", "≥ 95", "yes", "limit 12", "25%"]
    assert [line[:5] for line in cells[3:]] == [
        ["bucket 3000/10 silent", "use", "94.99", "≥ 95", "NO"],
        ["", "rejections", "0.50", "≤ 1", "yes"],
        ["", "failed", "0", "≤ 0", "yes"],
    ]
    assert not good.missed
    assert [target.measure for target in bad.missed] == ["use"]


def test_what_never_came_can_be_printed() -> None:
    assert [number(value) for value in (math.inf, 1500.5, 3.0, 0.5)] == ["inf", "1500", "3", "0.50"]


@pytest.mark.parametrize(
    "wrong", [["--case", "x"], ["--case"], ["--seconds", "1"], ["--seconds", "x"]]
)
def test_wrong_arguments_are_exit_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(wrong)

    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err
