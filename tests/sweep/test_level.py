"""What a level comes to, and whether it keeps the targets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sweep.level import Targets, Times
from tests.sweep.measured import level


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=300))
def test_at_least_95_of_100_answers_took_no_longer_than_p95(seconds: list[float]) -> None:
    times = Times.of(seconds)

    assert times
    assert sum(x <= times.p95 for x in seconds) >= 0.95 * len(seconds)
    assert sum(x < times.p95 for x in seconds) < 0.95 * len(seconds)
    assert min(seconds) <= times.p50 <= times.p95 <= max(seconds)


def test_times_are_summed_up_by_nearest_rank() -> None:
    assert Times.of([float(x) for x in range(100, 0, -1)]) == Times(mean=50.5, p50=50, p95=95)
    assert Times.of([]) is None


def test_a_level_counts_successes_per_second_and_the_share_that_failed() -> None:
    measured = level(8, 9.0, errors={"429": 9, "timeout": 1}, tokens=450)

    assert (measured.requests, measured.succeeded) == (100, 90)
    assert measured.error_rate == pytest.approx(0.1)
    assert measured.throughput == 9.0
    assert measured.tokens_per_second == 45.0


def test_nothing_that_ended_is_nothing_that_succeeded() -> None:
    empty = level(1, 0.0)

    assert (empty.throughput, empty.error_rate, empty.tokens_per_second) == (0.0, 1.0, None)
    assert not Targets(error_rate=0.99).kept(empty)


@pytest.mark.parametrize(
    ("p95", "failed", "kept"),
    [(2.0, 1, True), (2.01, 0, False), (1.0, 2, False), (1.0, 0, True)],
)
def test_targets_are_kept_up_to_and_including_their_value(
    p95: float, failed: int, kept: bool
) -> None:
    measured = level(4, 9.9 if failed == 1 else 9.8, p95=p95, errors={"429": failed})

    assert Targets(latency=2.0, error_rate=0.01).kept(measured) is kept


def test_a_single_failure_of_few_requests_may_be_chance() -> None:
    one, two = level(1, 0.6, errors={"500": 1}), level(1, 0.6, errors={"500": 2})

    assert Targets().kept(one)
    assert not Targets().kept(two)
    assert not Targets(error_rate=0).kept(one)
    assert not Targets().kept(level(1, 0.0, errors={"500": 1}))


def test_without_a_target_any_latency_is_fine() -> None:
    assert Targets().kept(level(4, 1.0, p95=500.0))
