"""Retry-After of a shed request is what the queue's pace says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.admission.queue_speed import LONGEST, QueueSpeed


def fed(start: float, end: float, per_second: int) -> QueueSpeed:
    """A queue that moved evenly from `start` to `end`."""
    speed = QueueSpeed(start)
    for tick in range(int((end - start) * per_second)):
        speed.admitted(start + tick / per_second)
    return speed


def test_a_steady_queue_has_its_own_speed() -> None:
    assert fed(100, 125, 8).per_second(125) == pytest.approx(8, rel=0.1)


def test_the_wait_is_what_is_ahead_at_that_speed() -> None:
    assert fed(0, 20, 4).wait(39, now=20) == pytest.approx(10, abs=1)


def test_it_says_at_least_a_second() -> None:
    assert fed(0, 20, 50).wait(0, now=20) == 1.0


def test_it_says_at_most_a_minute() -> None:
    """Longer hints make SDKs give up."""
    assert fed(0, 20, 1).wait(10_000, now=20) == LONGEST == 60.0


def test_a_queue_that_stands_still_is_as_slow_as_can_be() -> None:
    assert QueueSpeed(0).wait(1, now=5) == LONGEST


def test_without_anybody_ahead_a_second_is_enough() -> None:
    assert QueueSpeed(0).wait(0, now=5) == 1.0


def test_what_happened_more_than_20_seconds_ago_is_forgotten() -> None:
    speed = fed(0, 9, 10)

    assert speed.per_second(15) > 0
    assert speed.per_second(26) == 0


def test_a_long_gap_forgets_at_once() -> None:
    assert fed(0, 9, 10).per_second(20) == 0


@given(
    gaps=st.lists(st.floats(0, 30), max_size=50),
    ahead=st.integers(0, 10_000),
    later=st.floats(0, 100),
)
def test_the_wait_is_always_a_whole_number_of_seconds_between_1_and_60(
    gaps: list[float], ahead: int, later: float
) -> None:
    now = 1000.0
    speed = QueueSpeed(now)
    for gap in gaps:
        now += gap
        speed.admitted(now)

    wait = speed.wait(ahead, now + later)

    assert 1.0 <= wait <= LONGEST
    assert wait == int(wait)
