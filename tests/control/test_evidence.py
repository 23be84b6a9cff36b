"""A rate or slots: what speaks for which, and when it is settled."""

import pytest

from sidecar.control.evidence import Evidence

LEVEL = 20


def confirmed() -> Evidence:
    evidence = Evidence(LEVEL)
    for _ in range(15):
        evidence.served(LEVEL)
    for _ in range(500):
        evidence.started(LEVEL - 2)
        evidence.started(LEVEL + 2)
    assert evidence.confirmed
    return evidence


def rejections(evidence: Evidence, in_flight: int, *, starts: int = 100, predicted: int = 0) -> int:
    """Until it is refuted, with so many starts in between; at most 100."""
    for number in range(1, 101):
        if evidence.rejected(in_flight, predicted=predicted, steady=True):
            return number
        for start in range(starts):
            evidence.started(LEVEL + (2 if start % 2 else -2))
    return 101


def test_being_served_above_the_old_level_confirms_a_rate() -> None:
    evidence = Evidence(LEVEL)
    for _ in range(14):
        evidence.served(LEVEL)
    assert not evidence.confirmed
    evidence.served(LEVEL)

    assert evidence.confirmed


def test_being_served_below_it_never_does() -> None:
    """Slots serve there as well."""
    evidence = Evidence(LEVEL)
    for _ in range(10_000):
        evidence.served(LEVEL - 1)

    assert not evidence.confirmed


@pytest.mark.parametrize("in_flight", [LEVEL - 1, LEVEL])
def test_the_first_rejection_of_a_trial_refutes_it(in_flight: int) -> None:
    assert Evidence(LEVEL).rejected(in_flight, predicted=0, steady=True)


def test_one_rejection_below_the_level_is_made_up_for_by_what_was_served() -> None:
    evidence = Evidence(LEVEL)
    for _ in range(40):
        evidence.served(LEVEL - 1)

    assert not evidence.rejected(LEVEL - 1, predicted=0, steady=True)
    assert evidence.rejected(LEVEL - 1, predicted=0, steady=True)


def test_one_above_it_is_not() -> None:
    evidence = Evidence(LEVEL)
    for _ in range(40):
        evidence.served(LEVEL - 1)

    assert evidence.rejected(LEVEL, predicted=0, steady=True)


def test_predicted_rejections_below_the_level_confirm_in_the_end() -> None:
    """As a bucket's do that is ours alone."""
    evidence = Evidence(LEVEL)
    for _ in range(3):
        assert not evidence.rejected(LEVEL - 1, predicted=300, steady=True)
    evidence.served(LEVEL - 1)

    assert evidence.confirmed


def test_few_predicted_attempts_do_not_outweigh_a_rejection_at_the_level() -> None:
    """Chance predicts twenty often enough."""
    assert Evidence(LEVEL).rejected(LEVEL, predicted=20, steady=True)
    assert not Evidence(LEVEL).rejected(LEVEL, predicted=300, steady=True)


def test_rejections_in_a_crowd_refute_what_was_confirmed() -> None:
    assert 3 <= rejections(confirmed(), LEVEL + 4) <= 5


@pytest.mark.parametrize("in_flight", [LEVEL - 2, LEVEL])
def test_rejections_at_any_moment_do_not(in_flight: int) -> None:
    assert rejections(confirmed(), in_flight) > 100


def test_predicted_rejections_do_not_whatever_the_crowd() -> None:
    assert rejections(confirmed(), LEVEL + 4, predicted=300) > 100


def test_a_single_great_crowd_is_chance() -> None:
    evidence = confirmed()

    assert not evidence.rejected(50 * LEVEL, predicted=0, steady=True)
    assert not evidence.rejected(50 * LEVEL, predicted=0, steady=True)


def test_a_storm_refutes_whatever_the_crowd() -> None:
    assert rejections(confirmed(), LEVEL - 2, starts=5) <= 12
    assert rejections(confirmed(), LEVEL - 2, starts=20) > 100


def test_the_mean_follows_what_is_in_flight() -> None:
    """When answers take longer there is more in flight, and that is no crowd."""
    evidence = confirmed()
    for _ in range(500):
        evidence.started(3 * LEVEL - 2)
        evidence.started(3 * LEVEL + 2)

    assert not any(evidence.rejected(3 * LEVEL, predicted=0, steady=True) for _ in range(4))


def test_its_repr_is_short_and_true() -> None:
    assert repr(Evidence(LEVEL)) == "<Evidence on trial, 0.0>"
    assert repr(confirmed()) == "<Evidence confirmed, 5.0>"
