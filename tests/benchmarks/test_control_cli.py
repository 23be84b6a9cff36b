"""The control benchmark's command line."""

import json

import pytest

from benchmarks.control import cli
from benchmarks.control.neighbours import NEIGHBOURS
from benchmarks.control.run import SCENARIOS, Job, Played
from benchmarks.control.scenarios import TABLE
from benchmarks.control.table import Row, rows, table


def played(scenario: str, law: str, seed: int = 1, **figures: float) -> Played:
    return Played(Job(scenario, law, seed), figures, cpu=0.5)


def a_row(goodput: float) -> Row:
    one = played("A", "ours", goodput=goodput, rejections=0.1, jain=1, p95=0.5, limit=24)
    return Row(SCENARIOS["A"], {"ours": {1: one}})


def test_it_plays_one_scenario_with_two_laws_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(
        ["--scenario", "C8", "--law", "llm-d", "--law", "vector", "--seeds", "3", "--json"]
    )

    (row,) = json.loads(capsys.readouterr().out)
    assert code == 0
    assert row["scenario"] == "C8"
    assert set(row["laws"]) == {"llm-d", "vector"}
    assert row["laws"]["llm-d"]["mean"] == row["laws"]["llm-d"]["seeds"]["3"]
    assert [target["measure"] for target in row["targets"]] == ["goodput", "p95"]


def test_it_prints_a_line_for_each_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--scenario", "C8,A6", "--law", "ours", "--seeds", "1-2", "--jobs", "1"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["scenario", "|", "ours"]
    assert [line.split()[0] for line in lines[1:3]] == ["C8", "A6"]
    assert "≥ 99" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "Z"], "there is no scenario 'Z'; there are A, B, B2"),
        (["--scenario", "A,"], "there is no scenario ''"),
        (["--law", "tcp"], "there is no law 'tcp'; there are ours, vector"),
        (["--seeds", "5-1"], "'5-1' is no range of seeds such as 1-5"),
        (["--seeds", "many"], "'many' is no range of seeds"),
        (["--jobs", "0"], "'0' is no number of processes"),
        (["--law", "vector", "--check"], "--check judges our law: add --law ours"),
    ],
)
def test_what_does_not_exist_ends_with_2_and_one_clear_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("check", "code"), [([], 0), (["--check"], 1)])
def test_a_missed_target_fails_only_a_check(
    check: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    missed = played("C8", "ours", goodput=98.5, p95=1.0, rejections=0, jain=1, limit=9)
    monkeypatch.setattr(cli, "play_all", lambda jobs, processes: iter([missed]))

    assert cli.main(["--scenario", "C8", "--law", "ours", "--seeds", "1", *check]) == code

    captured = capsys.readouterr()
    assert "goodput 98.50 ≥ 99 ✗  p95 1.00 ≤ 1.2 ✓" in captured.out
    assert captured.err == "missed: C8 goodput 98.50, not ≥ 99\n"


def test_what_a_row_misses_is_marked() -> None:
    assert a_row(99).missed() == []
    assert [target.measure for target in a_row(50).missed()] == ["goodput"]
    assert "goodput 50.00 ≥ 99 ✗" in table([a_row(50)], ["ours"])


def test_our_law_alone_is_shown_with_further_figures() -> None:
    assert "p95 0.50  limit 24.00  cpu 0.5 s" in table([a_row(99)], ["ours"])


def test_other_laws_show_the_figures_of_the_targets_in_their_order() -> None:
    results = [
        played("C8", "ours", goodput=99.5, p95=1.1),
        played("C8", "vector", 2, goodput=98, p95=12.0),
        played("C8", "vector", 1, goodput=100, p95=11.0),
    ]

    (row,) = rows([SCENARIOS["C8"]], results)

    assert table([row], ["ours", "vector"]).splitlines()[1].endswith("| 99 / 12")


def test_every_scenario_has_a_name_of_its_own_and_targets_of_known_figures() -> None:
    assert len(SCENARIOS) == len(TABLE) + len(NEIGHBOURS)
    known = {"goodput", "rejections", "all_rejections", "jain", "p95", "limit"}
    for one in SCENARIOS.values():
        allowed = known | set(one.spans) | ({"reach"} if one.reach else set())
        assert {target.measure for target in one.targets} <= allowed, one.name
        assert one.targets


def test_neighbours_and_costly_rows_are_played_with_our_law_unless_laws_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Job] = []

    def note(jobs: list[Job], processes: int) -> list[Played]:
        asked.extend(jobs)
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "play_all", note)

    assert cli.main(["--neighbours", "--seeds", "1"]) == 130
    by_law = {law: {job.scenario for job in asked if job.law == law} for law in ("ours", "vector")}
    assert by_law["ours"] == set(SCENARIOS)
    assert by_law["vector"] == {one.name for one in TABLE} - {"D2"}
    asked.clear()
    cli.main(["--scenario", "D2,A2", "--law", "vector", "--seeds", "1"])
    assert asked == [Job("D2", "vector", 1), Job("A2", "vector", 1)]
