"""What the demo's samples add up to."""

import pytest

from sidecar.demo.history import Sample, phases, rate


def sample(at: float, *, capacity: int | None = 40, limit: int = 38, succeeded: int = 0) -> Sample:
    return Sample(
        at=at,
        capacity=capacity,
        limit=limit,
        in_flight=limit,
        waiting=5,
        succeeded=succeeded,
        rejected=0,
    )


def test_a_phase_ends_where_the_capacity_changes() -> None:
    run = [sample(t, capacity=40 if t < 10 else 20) for t in range(20)]

    assert [(phase.start, phase.end, phase.capacity) for phase in phases(run)] == [
        (0, 9, 40),
        (10, 19, 20),
    ]


def test_a_phase_is_judged_once_the_limit_had_time_to_settle() -> None:
    run = [sample(t, limit=10 if t < 4 else 40, succeeded=10 * t) for t in range(10)]

    (phase,) = phases(run)

    assert phase.limit == 40
    assert phase.found == 1.0
    assert phase.throughput == pytest.approx(10)


def test_a_phase_of_one_sample_says_nothing() -> None:
    assert phases([sample(0, capacity=0), sample(1), sample(2), sample(3)])[0].capacity == 40


@pytest.mark.parametrize("capacity", [None, 0])
def test_without_a_capacity_the_limit_is_no_share_of_it(capacity: int | None) -> None:
    (phase,) = phases([sample(t, capacity=capacity) for t in range(5)])

    assert (phase.limit, phase.found) == (38, None)


def test_nothing_measured_adds_up_to_nothing() -> None:
    assert phases([]) == []
    assert rate([]) == 0.0
    assert rate([sample(1)]) == 0.0


def test_the_rate_is_that_of_the_last_seconds() -> None:
    run = [sample(t, succeeded=0 if t < 10 else 50 * (t - 10)) for t in range(20)]

    assert rate(run, seconds=2) == pytest.approx(50)
