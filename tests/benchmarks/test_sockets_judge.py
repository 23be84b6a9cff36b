"""When a limit counts as settled, and what is judged from then on."""

import tomllib
from collections.abc import Callable

import pytest

from benchmarks.sockets.__main__ import main, table
from benchmarks.sockets.case import Case
from benchmarks.sockets.judge import judge
from benchmarks.sockets.trial import Sample, Trial
from sidecar.simulator.scenario import read

CASE = Case(slots=40, stream=True, phase=20)


def trial(
    limit: Callable[[float], int],
    *,
    capacity: Callable[[float], int] = lambda _: 40,
    rejected: Callable[[float], int] = lambda _: 0,
    seconds: int = 20,
) -> Trial:
    """Five samples a second; the provider runs what limit and capacity allow."""
    samples: list[Sample] = []
    busy = 0.0
    for tick in range(seconds * 5):
        at = tick / 5
        running = min(limit(at), capacity(at))
        busy += running * 0.2
        samples.append(
            Sample(
                at=at,
                capacity=capacity(at),
                running=running,
                busy_seconds=busy,
                finished=int(100 * at),
                rejected=rejected(at),
                limit=limit(at),
                waiting=50,
            )
        )
    return Trial(CASE, samples)


def test_a_limit_has_settled_when_the_capacity_is_used() -> None:
    (result,) = judge(trial(lambda at: 20 if at < 5 else 39))

    assert result.settled == pytest.approx(5, abs=0.3)
    assert result.use == pytest.approx(39 / 40, abs=0.01)
    assert result.met


def test_a_limit_far_above_the_capacity_has_not_settled_though_all_of_it_is_used() -> None:
    (result,) = judge(trial(lambda _: 80))

    assert result.settled is None
    assert result.use == pytest.approx(1)
    assert not result.met


def test_a_limit_that_stays_too_low_never_settles_and_the_last_half_is_judged() -> None:
    (result,) = judge(trial(lambda at: 40 if at < 0.5 else 30))

    assert result.settled is None
    assert result.use == result.late_use == pytest.approx(0.75)


def test_what_is_lost_after_settling_counts() -> None:
    (result,) = judge(trial(lambda at: 40 if at < 10 else 20))

    assert result.settled == 0
    assert result.use == pytest.approx(0.75, abs=0.01)
    assert not result.met


def test_rejections_are_counted_from_settling_on() -> None:
    early = judge(trial(lambda at: 20 if at < 5 else 40, rejected=lambda at: min(int(at), 4) * 50))
    late = judge(trial(lambda _: 40, rejected=lambda at: int(2 * at)))

    assert early[0].rejections == 0
    assert late[0].rejections == pytest.approx(2, abs=0.1)
    assert not late[0].met


def test_every_capacity_is_a_phase_of_its_own() -> None:
    results = judge(
        trial(
            lambda at: 40 if not 20 <= at < 40 else 20,
            capacity=lambda at: 40 if not 20 <= at < 40 else 20,
            seconds=60,
        )
    )

    assert [(result.capacity, result.limit) for result in results] == [(40, 40), (20, 20), (40, 40)]
    assert all(result.met for result in results)


def test_the_table_names_what_was_missed() -> None:
    text = table([trial(lambda _: 40), trial(lambda _: 10)])

    _, _, met, missed, target = text.splitlines()
    assert met.endswith("yes")
    assert "never" in missed
    assert missed.endswith("NO")
    assert "95%" in target


@pytest.mark.parametrize("slots", [1, 8, 40, 200])
def test_every_case_is_a_scenario_that_the_provider_reads(slots: int) -> None:
    case = Case(slots=slots, stream=False, phase=10)

    scenario = read(tomllib.loads(case.scenario()))

    assert scenario.capacity.slots
    assert [step.slots for step in scenario.capacity.slots.steps] == [
        slots,
        max(1, slots // 2),
        slots,
    ]
    assert case.clients > 2 * slots


@pytest.mark.parametrize(
    "wrong", [["--slots", "x"], ["--slots"], ["--slots", "0"], ["--seconds", "0"]]
)
def test_wrong_arguments_are_exit_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(wrong)

    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err
