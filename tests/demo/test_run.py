"""The demo as its user runs it: real processes, real HTTP, a summary, an exit code."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.demo.run import fitted, run_demo
from sidecar.simulator.scenario import load, names

ROOT = Path(__file__).parents[2]
PATIENCE = 60


def demo(*arguments: str, **settings: str) -> "subprocess.Popen[str]":
    """A demo that runs, on pipes."""
    inherited = {name: value for name, value in os.environ.items() if "SIDECAR_" not in name}  # noqa: TID251  # the child's
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "sidecar", "demo", *arguments],
        cwd=ROOT,
        env=inherited | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def cells(line: str) -> list[str]:
    """A table row's."""
    return [cell.strip() for cell in line.strip("│┃\n").split("│")]


@pytest.mark.slow
def test_the_limit_finds_the_capacity_and_follows_it() -> None:
    with demo("--seconds", "24") as process:
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (0, "")
    rows = [cells(line) for line in out.splitlines() if line.startswith("│")]
    totals = {row[0]: row[1] for row in rows if len(row) == 2}
    phases = [row for row in rows if len(row) == 5]
    requests, succeeded = int(totals["requests"]), int(totals["succeeded"])
    assert requests >= succeeded > 1000
    assert int(totals["rejected by the provider"]) < 0.06 * requests
    assert (totals["shed by the sidecar"], totals["failed otherwise"]) == ("0", "0")
    assert float(totals["success rate"].rstrip("%")) > 94
    assert [row[1] for row in phases] == ["40", "20", "40"]
    for row in phases:
        assert 75 < int(row[3].rstrip("%")) < 125, out
    assert re.search(r"^dashboard http://127\.0\.0\.1:\d+/$", out, re.MULTILINE)
    assert len(re.findall(r"^ +\d+\.\d s  capacity", out, re.MULTILINE)) == 12


@pytest.mark.slow
async def test_two_seconds_are_enough_for_every_part_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await run_demo(seconds=2, scenario="rpm-silent") == 0

    out = capsys.readouterr().out
    assert "3,000 requests a minute" in out
    assert "capacity any" in out
    assert "success rate" in out


@pytest.mark.slow
async def test_a_demo_in_which_nothing_succeeds_is_exit_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    scenario = tmp_path / "closed.toml"
    scenario.write_text('title = "Closed."\n[capacity.slots]\nsteps = [{ at = 0, slots = 0 }]\n')

    assert await run_demo(seconds=1, scenario=str(scenario)) == 1
    assert "0.0%" in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_ends_it_early_with_the_summary() -> None:
    with demo("--seconds", "100") as process:
        assert process.stdout
        for line in process.stdout:
            if line.lstrip().startswith("2.0 s"):
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (0, "")
    assert "success rate" in out


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["nonsense", "nowhere.toml"])
def test_a_wrong_scenario_is_exit_2_and_starts_nothing(scenario: str) -> None:
    with demo("--scenario", scenario) as process:
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (2, "")
    assert scenario in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_wrong_settings_in_the_environment_are_exit_2_with_a_line_each() -> None:
    with demo(SIDECAR_LIMIT_MAX="many", SIDECAR_FOO="1") as process:
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (2, "")
    assert [line.split("=")[0].split(":")[0] for line in err.splitlines()] == [
        "SIDECAR_FOO",
        "SIDECAR_LIMIT_MAX",
    ]


@pytest.mark.slow
def test_the_environments_limit_is_obeyed() -> None:
    """So that one can compare: here a fixed limit far below the capacity."""
    settings = {"SIDECAR_LIMIT_MODE": "fixed", "SIDECAR_LIMIT_INITIAL": "3"}
    with demo("--seconds", "2", "--scenario", "slots", **settings) as process:
        out, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert "fixed" in out
    (phase,) = [row for line in out.splitlines() if len(row := cells(line)) == 5]
    assert phase[1:4] == ["40", "3.0", "8%"]


@pytest.mark.parametrize("name", names())
def test_a_run_of_the_scenarios_own_length_changes_nothing(name: str) -> None:
    assert fitted(load(name), 60) == load(name)


def test_a_shorter_run_sees_every_change() -> None:
    slots = fitted(load("slots-change"), 30).capacity.slots
    outage = fitted(load("outage"), 30).capacity.outages[0]
    spell = fitted(load("slow"), 30).capacity.slow_spells[0]

    assert slots
    assert [step.at for step in slots.steps] == [0, 10, 20]
    assert (outage.start, outage.end, outage.retry_after) == (10, 16, 9)
    assert (spell.start, spell.end, spell.factor) == (10, 20, 4)
