"""Place-time is shared by weight among the classes that wait."""

import heapq
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.admission.fair_share import CLASSES, WEIGHTS, FairShare
from sidecar.outcomes import Priority

HIGH, NORMAL, LOW = CLASSES


def formed(now: float = 0.0) -> FairShare:
    """Shares of a queue that forms now."""
    share = FairShare()
    share.begin(now)
    return share


def hold(share: FairShare, priority: Priority, start: float, end: float) -> None:
    share.started(priority, start)
    share.ended(priority, end)


def test_each_class_weighs_four_times_the_one_below_it() -> None:
    assert dict(zip(CLASSES, WEIGHTS, strict=True)) == {HIGH: 16, NORMAL: 4, LOW: 1}


def test_the_most_urgent_of_equals_goes_first() -> None:
    share = formed()

    assert share.next((LOW, NORMAL, HIGH), now=0) is HIGH
    assert share.next((LOW, NORMAL), now=0) is NORMAL
    assert share.next((LOW,), now=0) is LOW


@pytest.mark.parametrize(("seconds", "turn"), [(42.9, NORMAL), (43.1, LOW)])
def test_what_counts_is_time_by_weight(seconds: float, turn: Priority) -> None:
    """Here (43 s + 1 s in advance) / 4 = (10 s + 1 s in advance) / 1."""
    share = formed()
    hold(share, LOW, 0, 10)
    hold(share, NORMAL, 0, seconds)

    assert share.next((NORMAL, LOW), now=50) is turn


def test_a_place_still_held_counts_up_to_now_and_a_second_more() -> None:
    """Here (42 s + 2 s in advance) / 4 = (10 s + 1 s in advance) / 1."""
    share = formed()
    share.started(NORMAL, 0)
    hold(share, LOW, 0, 10)
    assert share.next((NORMAL, LOW), now=41.9) is NORMAL

    assert share.next((NORMAL, LOW), now=42.1) is LOW


def test_a_class_that_begins_to_wait_gets_no_credit_for_its_idleness() -> None:
    """It may not make up now for what it did not have while it had no use for it."""
    share = formed()
    hold(share, LOW, 0, 100)
    share.turn(LOW, 100)
    share.join(NORMAL, 100)
    assert share.next((NORMAL, LOW), now=100) is NORMAL

    hold(share, NORMAL, 100, 104)

    assert share.next((NORMAL, LOW), now=104) is LOW


def test_a_class_is_lifted_to_the_last_turn_not_to_the_others() -> None:
    """Low had one long stream since its turn. Normal, back after its own turn, is not lifted to
    that: it is due four times as much first."""
    share = formed()
    share.turn(LOW, 0)
    hold(share, LOW, 0, 100)
    share.turn(NORMAL, 100)
    hold(share, NORMAL, 100, 101)
    share.join(NORMAL, 101)
    assert share.next((NORMAL, LOW), now=101) is NORMAL

    hold(share, NORMAL, 101, 450)
    assert share.next((NORMAL, LOW), now=450) is NORMAL
    hold(share, NORMAL, 450, 510)

    assert share.next((NORMAL, LOW), now=510) is LOW


def test_a_class_ahead_of_the_level_stays_ahead() -> None:
    """Or one could have all the places by leaving the line between its calls."""
    share = formed()
    hold(share, LOW, 0, 100)
    share.turn(NORMAL, 100)
    share.join(LOW, 100)
    hold(share, NORMAL, 100, 150)

    assert share.next((NORMAL, LOW), now=150) is NORMAL


def test_what_was_held_before_the_queue_formed_is_nobodys_debt() -> None:
    """There was room for all."""
    share = FairShare()
    for _ in range(50):
        share.started(LOW, 0)
    share.turn(LOW, 3600)

    share.begin(3600)
    for _ in range(50):
        share.ended(LOW, 3600)
    hold(share, NORMAL, 3600, 3604)
    share.join(LOW, 3604)

    assert share.next((NORMAL, LOW), now=3604) is LOW


def test_places_that_come_free_in_one_instant_are_shared_too() -> None:
    """By time alone the first class would get all of them."""
    share = formed()
    hold(share, HIGH, 0, 0.001)
    given: Counter[Priority] = Counter()
    for _ in range(42):
        turn = share.next(CLASSES, now=1)
        share.started(turn, 1)
        given[turn] += 1

    assert given == {HIGH: 32, NORMAL: 8, LOW: 2}


def test_it_says_its_state_in_one_line() -> None:
    share = FairShare()
    share.started(NORMAL, 5)

    assert repr(share) == "<FairShare holding high 0, normal 1, low 0>"


def share_out(limit: int, seconds: dict[Priority, float], until: float) -> dict[Priority, float]:
    """Place-seconds that each class gets while calls of all three always wait."""
    share = formed()
    ends: list[tuple[float, Priority]] = []
    had = dict.fromkeys(CLASSES, 0.0)
    now = 0.0
    while now < until:
        while len(ends) < limit:
            turn = share.next(CLASSES, now)
            share.started(turn, now)
            had[turn] += seconds[turn]
            heapq.heappush(ends, (now + seconds[turn], turn))
        now, ended = heapq.heappop(ends)
        share.ended(ended, now)
    return had


LENGTHS = st.sampled_from((0.25, 1.0, 4.0, 10.0))


@settings(max_examples=60, deadline=None)
@given(limit=st.integers(1, 8), seconds=st.fixed_dictionaries(dict.fromkeys(CLASSES, LENGTHS)))
def test_however_long_their_calls_all_get_their_share(
    limit: int, seconds: dict[Priority, float]
) -> None:
    """At no time is a class further behind than what all places do in one longest call."""
    longest = max(seconds.values())

    had = share_out(limit, seconds, until=60 * (longest + 1))

    for one, other in combinations(CLASSES, 2):
        apart = abs(had[one] / WEIGHTS[one] - had[other] / WEIGHTS[other])
        assert apart <= limit * (longest + 1)
