"""The control benchmark's figures, on cases small enough to work out by hand."""

import pytest

from benchmarks.control.plans import bucket, goodput, slots
from benchmarks.control.record import Record, jain
from benchmarks.control.scenario import Reach, Scenario, Target
from sidecar.simulator.plan import CapacityPlan

FOUR = slots(4)


def scenario(
    plan: CapacityPlan = FOUR,
    *,
    clients: int = 1,
    spans: dict[str, tuple[float, float]] | None = None,
    reach: Reach | None = None,
) -> Scenario:
    return Scenario(
        name="T",
        title="tiny",
        plan=plan,
        targets=(goodput(50),),
        clients=clients,
        duration=100,
        counted_from=40,
        spans=spans or {},
        reach=reach,
    )


def test_jain_is_one_for_equal_shares_and_one_nth_when_one_has_everything() -> None:
    assert jain([7, 7, 7]) == pytest.approx(1)
    assert jain([9, 0, 0]) == pytest.approx(1 / 3)
    assert jain([3, 1]) == pytest.approx(0.8)
    assert jain([0, 0]) == 1


def test_goodput_of_slots_is_the_part_of_their_time_that_was_used() -> None:
    record = Record(scenario())

    record.passed(0, 40, running=0, slots=4)
    record.passed(40, 70, running=2, slots=4)
    record.passed(70, 100, running=4, slots=4)

    assert record.figures()["goodput"] == pytest.approx(75)


def test_a_stretch_that_begins_before_the_counting_counts_in_part() -> None:
    record = Record(scenario())

    record.passed(0, 70, running=4, slots=4)
    record.passed(70, 100, running=0, slots=4)

    assert record.figures()["goodput"] == pytest.approx(50)


def test_what_still_runs_above_lowered_slots_is_no_goodput() -> None:
    record = Record(scenario())

    record.passed(40, 100, running=8, slots=4)

    assert record.figures()["goodput"] == pytest.approx(100)


def test_spans_have_goodputs_of_their_own() -> None:
    record = Record(scenario(spans={"early": (0, 20)}))

    record.passed(0, 10, running=4, slots=4)
    record.passed(10, 100, running=1, slots=4)

    figures = record.figures()
    assert figures["early"] == pytest.approx(62.5)
    assert figures["goodput"] == pytest.approx(25)


def test_goodput_of_a_bucket_counts_answers_against_what_it_allows() -> None:
    """60 a minute for 60 counted seconds allow 60 answers."""
    record = Record(scenario(bucket(60, burst=2)))

    for second in range(31, 61):
        record.success(second, client=0)

    assert record.figures()["goodput"] == pytest.approx(100 * 21 / 60)


def test_rejections_are_counted_per_hundred_successes_and_in_all() -> None:
    record = Record(scenario())

    record.rejection(10)
    record.rejection(50)
    for _ in range(4):
        record.success(60, client=0)

    figures = record.figures()
    assert figures["rejections"] == pytest.approx(25)
    assert figures["all_rejections"] == 2


def test_fairness_is_that_of_the_clients_successes() -> None:
    record = Record(scenario(clients=2))

    for client in (0, 0, 0, 1):
        record.success(50, client)

    assert record.figures()["jain"] == pytest.approx(0.8)


def test_reach_is_the_time_from_the_change_to_the_first_moment_with_enough_running() -> None:
    record = Record(scenario(reach=Reach(at=30, running=3)))

    record.passed(0, 30, running=4, slots=4)
    record.passed(30, 42, running=2, slots=4)
    record.passed(42, 50, running=3, slots=4)
    record.passed(50, 60, running=4, slots=4)

    assert record.figures()["reach"] == pytest.approx(12)


def test_what_is_never_reached_takes_the_rest_of_the_run() -> None:
    record = Record(scenario(reach=Reach(at=30, running=3)))

    record.passed(0, 100, running=2, slots=4)

    assert record.figures()["reach"] == pytest.approx(70)


def test_the_95th_percentile_leaves_five_of_a_hundred_first_bytes_above() -> None:
    record = Record(scenario())

    record.first_byte(20, 1000)
    for ttft in range(100):
        record.first_byte(50, ttft)

    assert record.figures()["p95"] == 95


def test_a_target_is_met_on_its_edge() -> None:
    assert Target("jain", at_least=0.98).met(0.98)
    assert not Target("jain", at_least=0.98).met(0.9799)
    assert Target("p95", at_most=0.9).met(0.9)
    assert not Target("p95", at_most=0.9).met(0.91)
