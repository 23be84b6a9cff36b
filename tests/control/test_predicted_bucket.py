"""A predicted bucket: what one answer tells, what has changed since, and how long to wait."""

from collections.abc import Sequence

import pytest

from sidecar.control.allowance import Unit
from sidecar.control.predicted_bucket import PredictedBucket, Starts, Told

OTHERS_AT_FIRST = 0.5


def told(
    remaining: float,
    reset: float = 6.0,
    *,
    limit: float | None = 600,
    unit: Unit = Unit.REQUESTS,
) -> Told:
    """By default, of ten requests a second."""
    return Told(unit, limit, remaining, reset)


def bucket(
    first: Told,
    *,
    amount: float = 1,
    later: Sequence[Starts] = (),
    sent_at: float = 100.0,
    now: float = 100.0,
) -> PredictedBucket:
    return PredictedBucket(first, amount, later, sent_at=sent_at, now=now)


def alone(first: Told, *, amount: float = 1) -> PredictedBucket:
    """One that has found out that there are no others."""
    one = bucket(first, amount=amount)
    one._others = 0.0
    one.told(first, amount, (), sent_at=100.0, now=100.0)
    return one


def drain(one: PredictedBucket, now: float, amount: float = 1) -> int:
    """Start what may start now."""
    started = 0
    while one.wait(amount, now) == 0:
        one.started(amount, now)
        started += 1
    return started


# -- the refill -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "refill"),
    [
        (told(3, 1.4, limit=300), 5.0),  # the bucket holds 10 only, and is full soon
        (told(0, 60.0, limit=300), 5.0),
        (told(14_370, 179.56, limit=14_400), 30 / 179.56),  # a limit per day
        (told(600, 0.001, limit=600), 10.0),  # full
        (told(0, 5.0, limit=None), 0.2),  # at the latest then there is one
    ],
)
def test_the_refill_is_that_of_the_limit_unless_the_reset_shows_a_slower_one(
    figures: Told, refill: float
) -> None:
    assert alone(figures).refill == pytest.approx(refill)


def test_a_full_bucket_grows_no_further() -> None:
    one = alone(told(9, 0.1))

    assert one.level(1000.0) == 10


# -- what changed since it was counted ---------------------------------------------------------------


def test_what_started_since_is_not_in_what_was_told_and_what_refilled_is() -> None:
    later = [Starts(100.1, 2, 0), Starts(100.2, 1, 0)]

    one = bucket(told(50), later=later, now=100.4)

    assert one.level(100.4) == pytest.approx(51 - 3 + 0.2 * 10 * OTHERS_AT_FIRST)


def test_tokens_are_counted_in_tokens() -> None:
    later = [Starts(100.1, 2, 700)]
    first = told(5000, unit=Unit.TOKENS, limit=60_000)

    one = bucket(first, amount=900, later=later, now=100.1)

    assert one.level(100.1) == pytest.approx(5000 + 0.1 * 1000 * OTHERS_AT_FIRST - 700)


def test_what_an_answer_leaves_open_changes_nothing() -> None:
    """Headers tell whole numbers: what is left may be up to one more."""
    one = alone(told(20))
    one.started(1, 100.05)
    predicted = one.level(100.2)

    one.told(told(predicted // 1), 1, (), sent_at=100.2, now=100.2)

    assert one.level(100.2) == predicted


@pytest.mark.parametrize(("remaining", "level"), [(5, 6), (30, 30)])
def test_a_prediction_moves_as_little_as_the_answer_allows(remaining: int, level: float) -> None:
    one = alone(told(20))

    one.told(told(remaining), 1, (), sent_at=100.1, now=100.1)

    assert one.level(100.1) == level


def test_of_one_moment_the_answers_only_show_that_there_is_more() -> None:
    """Ten start together: whichever is answered first, at least what the last one left is there."""
    one = bucket(told(7), later=[Starts(100.0, 9, 0)])
    assert one.level(100.0) == -2

    one.told(told(9), 1, [Starts(100.0, 8, 0)], sent_at=100.0, now=100.0)
    assert one.level(100.0) == -1

    one.told(told(0), 1, [], sent_at=100.0, now=100.0)
    assert one.level(100.0) == 0


# -- waiting ----------------------------------------------------------------------------------------


def test_nothing_left_waits_for_one_more_and_what_is_left_alone() -> None:
    one = alone(told(0, 60.0))

    wait = one.wait(1, 100.0)

    assert wait == pytest.approx(0.1)  # of a size of one: there is nothing to leave alone
    assert one.wait(1, 100.0 + wait) == 0


def test_a_part_of_what_is_left_is_held_until_newer_is_known() -> None:
    one = alone(told(400, 20.0))
    assert drain(one, 100.0) == 300

    one.told(told(100, 50.0), 1, (), sent_at=100.1, now=100.1)

    assert drain(one, 100.1) == pytest.approx(75, abs=1)


def test_the_reserve_is_no_more_than_a_second_refills() -> None:
    one = alone(told(590, 1.0))
    one.started(590, 100.0)
    one.told(told(0, 60.0), 1, (), sent_at=100.1, now=100.1)

    one_more = 10 + 1 - one.level(100.1)
    assert one.wait(1, 100.1) == pytest.approx(one_more / one.refill)


def test_what_takes_more_than_the_bucket_holds_passes_when_it_is_full() -> None:
    one = alone(told(9, 0.1))
    assert one.wait(50, 100.0) == pytest.approx(0.1)
    assert one.wait(50, 101.0) == 0

    one.started(50, 101.0)

    assert one.wait(1, 101.0) > 4


def test_a_wait_is_never_so_short_that_waking_costs_more() -> None:
    one = alone(told(0, 60.0, limit=6e9, unit=Unit.TOKENS), amount=1000)

    assert one.wait(1000, 100.0) == 0.001


def test_what_was_never_sent_goes_back_but_a_bucket_holds_no_more_than_its_size() -> None:
    one = alone(told(9, 0.1))
    one.started(4, 100.0)
    one.refunded(3)
    assert one.level(100.0) == 8

    one.refunded(30)

    assert one.level(100.0) == 10


# -- patience ---------------------------------------------------------------------------------------


def test_no_header_makes_us_wait_longer_than_a_minute_and_then_one_tries() -> None:
    one = alone(told(0, 86_400.0, limit=1000))
    assert one.wait(1, 100.0) == 60
    assert one.wait(1, 140.0) == 20
    assert one.wait(1, 160.0) == 0

    one.started(1, 160.0)

    assert one.wait(1, 160.0) == 60


def test_a_provider_that_says_nothing_any_more_is_no_longer_obeyed() -> None:
    one = alone(told(0, 86_400.0, limit=1000))
    silent = []
    for now in (160.0, 220.0):
        one.started(1, now)
        silent.append(one.silent)

    assert silent == [False, True]
    assert drain_some(one, 220.0) == 10


def test_hearing_of_it_again_counts_again() -> None:
    one = alone(told(0, 86_400.0, limit=1000))
    for now in (160.0, 220.0):
        one.started(1, now)

    one.told(told(0, 86_400.0, limit=1000), 1, (), sent_at=230.0, now=230.0)

    assert not one.silent
    assert one.wait(1, 230.0) == 60


def test_starting_before_the_time_is_no_sign_of_silence() -> None:
    """In mode observe nobody is held back."""
    one = alone(told(0, 86_400.0, limit=1000))
    for _ in range(5):
        one.started(1, 110.0)

    assert not one.silent
    assert one.wait(1, 110.0) == 50


def drain_some(one: PredictedBucket, now: float) -> int:
    """Start up to ten."""
    for started in range(10):
        if one.wait(1, now) > 0:
            return started
        one.started(1, now)
    return 10


# -- others -----------------------------------------------------------------------------------------


def play(one: PredictedBucket, *, others: float, seconds: float) -> None:
    """Answers every 0.1 s; others take so much a second of a refill of ten, and we the rest."""
    one.started(50, 100.0)
    left, ours = one.level(100.0), max(0.0, 1 - others / 10)
    for step in range(round(seconds * 10)):
        at = 100.0 + step * 0.1
        one.started(ours, at)
        left = max(0.0, left + 0.1 * (10 - others) - ours)
        one.told(told(left // 1), ours, (), sent_at=at + 0.1, now=at + 0.1)


@pytest.mark.parametrize("others", [2.0, 5.0, 8.0])
def test_what_others_take_is_found_out_and_foreseen(others: float) -> None:
    one = bucket(told(150))

    play(one, others=others, seconds=15)

    assert one.refill == pytest.approx(10 - others, abs=1.2)


def test_who_is_alone_finds_it_out() -> None:
    one = bucket(told(150))
    assert one.refill == 5

    play(one, others=0.0, seconds=15)

    assert one.refill == pytest.approx(10, abs=0.1)


def test_others_never_take_all_or_we_would_hear_of_no_change() -> None:
    one = bucket(told(190))

    play(one, others=15.0, seconds=10)

    assert one.refill == pytest.approx(10 / 8, abs=0.1)


def test_what_a_full_bucket_cannot_show_is_forgotten_sooner() -> None:
    """It would be full with less use of others too."""
    full, used = bucket(told(599, 0.1)), bucket(told(599, 0.1))
    used.started(300, 100.0)
    for one, remaining in ((full, 599), (used, 304)):
        one.told(told(remaining, 0.1), 1, (), sent_at=101.0, now=101.0)

    assert full._others == pytest.approx(OTHERS_AT_FIRST * 4 / 5)
    assert used._others == pytest.approx(OTHERS_AT_FIRST * 29 / 30)


def test_who_takes_much_yields_more_than_who_takes_little() -> None:
    """Of the same lack, one and a half times to their shares."""
    greedy, modest = bucket(told(300, 30.0)), bucket(told(300, 30.0))
    greedy._others, modest._others = 0.25, 0.75
    yielded = {}
    for name, one in (("greedy", greedy), ("modest", modest)):
        one.started(50, 100.0)
        before = one._others
        lower = one.level(100.01) - 3
        one.told(told(lower - 1), 1, (), sent_at=100.01, now=100.01)
        yielded[name] = one._others - before

    assert yielded["greedy"] == pytest.approx(3 * 0.75 * 1.5 / 20, rel=0.01)
    assert yielded["modest"] == pytest.approx(3 * 0.25 * 1.5 / 20, rel=0.01)


def test_few_large_attempts_are_learned_from_more_slowly() -> None:
    """A bucket of ten a second: what counts is the refill for fifteen attempts, not two seconds."""
    changes = []
    for amount in (1, 10, 1000):
        one = bucket(told(300, 30.0), amount=amount)
        one.told(told(297, 30.3), amount, (), sent_at=100.0001, now=100.0001)
        changes.append(one._others - OTHERS_AT_FIRST)

    assert changes[0] / changes[1] == pytest.approx(15 / 2, rel=0.05)
    assert changes[0] / changes[2] == pytest.approx(60 / 2, rel=0.05)


def test_of_a_surplus_all_take_the_same() -> None:
    taken = []
    for others in (0.25, 0.75):
        one = bucket(told(300, 30.0))
        one._others = others
        one.started(50, 100.0)
        higher = one.level(100.001) + 3
        one.told(told(higher), 1, (), sent_at=100.001, now=100.001)
        taken.append(others - one._others)

    assert taken == pytest.approx([3 / 20, 3 / 20], rel=0.01)


@pytest.mark.parametrize("others", [0.0, 0.5, 0.8])
def test_who_shares_leaves_a_part_of_a_lack_to_the_others(others: float) -> None:
    """Two are missing, and we act as if it were fewer; some seconds later it is all the same."""
    one = bucket(told(100))
    one._others = others
    one.started(0, 100.0)
    lower = one.level(100.0) - 2

    one.told(told(lower - 1), 1, (), sent_at=100.0001, now=100.0001)

    assert one.usable(100.0001) - one.level(100.0001) == pytest.approx(2 * one._others, abs=0.01)
    assert one.usable(130.0) == one.level(130.0)


def test_not_more_of_a_lack_is_left_to_others_than_a_quarter_of_the_reserve() -> None:
    one = bucket(told(300))

    one.told(told(100), 1, (), sent_at=100.001, now=100.001)

    assert one.usable(100.001) - one.level(100.001) == pytest.approx(10 / 4)


def test_who_shares_leaves_a_part_of_a_surplus_to_the_others_and_asks_again_soon() -> None:
    """What is left to them fades, so that we may start sooner than the refill says."""
    one = bucket(told(300))
    one._others = 0.8
    one.started(300, 100.0)

    one.told(told(14), 1, (), sent_at=100.01, now=100.01)

    left_to_others = one._others * 14
    assert one.level(100.01) == 14
    assert one.usable(100.01) == pytest.approx(14 - left_to_others, abs=0.1)
    assert (left_to_others + 1) / one.refill > 0.5
    assert one.wait(1, 100.01) == 0.5


def test_a_burst_tells_nothing_of_what_comes() -> None:
    """However much is missing at once, of a refill of ten: three attempts, and two refills."""
    changes = []
    for missing in (100, 10):
        one = bucket(told(300))
        one.started(50, 100.0)
        one.told(told(250 - missing), 1, (), sent_at=100.1, now=100.1)
        changes.append(one._others)

    assert changes[0] == changes[1]
    assert changes[0] - OTHERS_AT_FIRST == pytest.approx(0.75 * (3 + 2) / (2 * 10), rel=0.05)


def test_a_refused_attempt_does_not_hide_the_use_of_others() -> None:
    """What finds nothing though the floor was predicted has taken nothing: others took it all."""
    counted, refused = bucket(told(3)), bucket(told(3))
    for one, remaining in ((counted, 1), (refused, 0)):
        one.told(told(remaining), 1, (), sent_at=100.1, now=100.1)

    one_more_is_missing = and_it_took_none = 0.75 / (2 * 10)
    assert refused._others - counted._others == pytest.approx(
        one_more_is_missing + and_it_took_none
    )


def test_it_shows_what_it_knows() -> None:
    assert repr(bucket(told(9, 0.1))) == (
        "<PredictedBucket 9.0/10 requests at 100.0 s, refill 10/s, 50% to others>"
    )
