"""The autoscaler's arithmetic: what the real one does with the same readings."""

from collections.abc import Sequence

import pytest

from tests.simulation.autoscaler import Autoscaler, Behavior, Policy, Reading, Rules, desired

AT_ONCE = Rules(0.0, (Policy("Percent", 100, 15.0), Policy("Pods", 4, 15.0)))
"""Kubernetes' default upwards."""
AFTER_FIVE_MINUTES = Rules(300.0, (Policy("Percent", 100, 15.0),))
"""Kubernetes' default downwards."""


@pytest.mark.parametrize(
    ("readings", "replicas"),
    [
        ([16.0, 16.0], 4),
        ([8.8, 8.8], 2),  # within a tenth
        ([8.9, 8.9], 3),
        ([7.2, 7.2, 7.2], 3),
        ([7.1, 7.1, 7.1], 3),  # pods are whole
        ([4.0, 4.0, 4.0, 4.0], 2),
        ([0.0, 0.0], 0),
        ([24.0, None], 3),  # scaling up, a missing one has nothing
        ([12.0, None], 2),  # which would turn it round
        ([2.0, 2.0, None], 2),  # scaling down, it has exactly the target
        ([None, None], 2),
    ],
)
def test_replicas_follow_the_average(readings: Sequence[Reading], replicas: int) -> None:
    assert desired(readings, 8.0) == replicas


def scaler(replicas: int, *, up: Rules = AT_ONCE, down: Rules = AFTER_FIVE_MINUTES) -> Autoscaler:
    return Autoscaler(replicas, target=8.0, most=50, behavior=Behavior(up, down), now=0.0)


def test_the_policy_that_allows_the_most_counts() -> None:
    """From one pod four more, from ten ten more."""
    one, ten = scaler(1), scaler(10)

    assert one.sync([800.0], 15.0) == 5
    assert ten.sync([800.0] * 10, 15.0) == 20


def test_a_policy_looks_back_over_its_period() -> None:
    it = scaler(4, up=Rules(0.0, (Policy("Percent", 50, 60.0),)))

    assert it.sync([800.0] * 4, 15.0) == 6
    assert it.sync([800.0] * 6, 30.0) == 6
    assert it.sync([800.0] * 6, 75.0) == 9


def test_the_lowest_that_was_asked_for_lately_is_added() -> None:
    it = scaler(4, up=Rules(60.0, AT_ONCE.policies))

    assert it.sync([16.0] * 4, 15.0) == 4
    assert it.sync([12.0] * 4, 60.0) == 6


def test_the_highest_that_was_asked_for_lately_is_kept() -> None:
    it = scaler(10)

    assert it.sync([4.0] * 10, 15.0) == 10
    assert it.sync([2.0] * 10, 299.0) == 10
    assert it.sync([2.0] * 10, 300.0) == 5
    assert it.sync([4.0] * 5, 615.0) == 3


def test_a_small_fleet_shrinks_by_a_pod_at_a_time() -> None:
    it = scaler(4, down=Rules(0.0, (Policy("Percent", 20, 60.0),)))

    assert it.sync([0.0] * 4, 15.0) == 3
    assert it.sync([0.0] * 3, 30.0) == 3
    assert it.sync([0.0] * 3, 75.0) == 2


def test_there_is_always_a_pod_and_never_more_than_the_maximum() -> None:
    it = scaler(2, down=Rules(0.0, AFTER_FIVE_MINUTES.policies))

    assert it.sync([0.0, 0.0], 15.0) == 1
    assert scaler(40).sync([800.0] * 40, 15.0) == 50
