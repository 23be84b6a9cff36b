"""When counting begins, and when it is enough."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.sweep.level import Targets
from sidecar.sweep.tally import Ending, Failure, Pace, Success, Tally

GOOD = Success(latency=0.2, total=0.5, output_tokens=None)
BAD = Failure("429")


def fed(
    tally: Tally, *endings: Ending, every: float = 0.1, start: float = 0.0, most: int = 10_000
) -> int:
    """Feed them round and round until it is over; returns how many that were."""
    for number in count(1):
        tally.add(endings[(number - 1) % len(endings)], now=start + every * number)
        if tally.over or number >= most:
            return number
    raise AssertionError


def test_a_round_of_warm_up_is_not_counted() -> None:
    tally = Tally(4, Pace(requests=16, seconds=1), Targets(), now=0.0)

    for _ in range(4):
        assert tally.warming
        tally.add(BAD, now=0.5)
    assert not tally.warming
    taken = fed(tally, GOOD, start=0.5)

    measured = tally.level(streamed=False)
    assert (taken, measured.requests, measured.errors) == (16, 16, {})
    assert measured.throughput == pytest.approx(10.0)


def test_a_slow_warm_up_ends_with_the_time_of_a_level() -> None:
    tally = Tally(8, Pace(seconds=10, warmup=3), Targets(), now=0.0)

    tally.add(GOOD, now=9.9)
    assert tally.warming
    tally.add(GOOD, now=10.0)
    assert not tally.warming


@pytest.mark.parametrize(
    ("every", "counted", "why"),
    [
        (0.05, 200, "both the requests and the seconds are reached"),
        (0.2, 100, "the requests are reached later than the seconds"),
        (0.001, 500, "five times the requests are enough before the seconds"),
        (1.0, 30, "three times the seconds are enough before the requests"),
        (100.0, 1, "however slow, one counts"),
    ],
)
def test_a_level_ends_with_its_requests_and_its_seconds(
    every: float, counted: int, why: str
) -> None:
    tally = Tally(1, Pace(requests=100, seconds=10, warmup=0), Targets(), now=0.0)

    assert fed(tally, GOOD, every=every) == counted, why


@settings(deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 500),
    st.floats(0.0001, 5),
    st.lists(st.sampled_from([GOOD, GOOD, GOOD, BAD]), min_size=1),
)
def test_a_level_is_bounded_and_ends_with_whole_rounds_unless_cut_short(
    concurrency: int, requests: int, every: float, endings: list[Ending]
) -> None:
    pace = Pace(requests=requests, seconds=10, warmup=0)
    tally = Tally(concurrency, pace, Targets(), now=0.0)

    taken = fed(tally, *endings, every=every)

    assert taken <= pace.most(concurrency) < pace.most_sent(concurrency)
    assert taken * every <= 30 + (concurrency + 1) * every
    measured = tally.level(streamed=False)
    assert measured.requests == taken
    assert measured.cut_short or taken % concurrency == 0


def test_equal_answers_that_come_in_waves_are_counted_with_their_time() -> None:
    """Eight at once that take a second each are eight per second, wherever the count ends."""
    tally = Tally(8, Pace(requests=33, seconds=0.1), Targets(), now=0.0)

    for wave in count(1):
        for _ in range(8):
            tally.add(GOOD, now=float(wave))
        if tally.over:
            break

    assert tally.level(streamed=False).throughput == 8.0


def test_a_hopeless_level_is_cut_short() -> None:
    tally = Tally(1, Pace(requests=1000, warmup=0), Targets(error_rate=0.05), now=0.0)

    assert fed(tally, *[GOOD] * 4, BAD) == 50
    measured = tally.level(streamed=False)
    assert measured.cut_short
    assert measured.errors == {"429": 10}


@pytest.mark.parametrize("endings", [[GOOD] * 9 + [BAD], [GOOD] * 60 + [BAD]])
def test_a_level_that_may_still_keep_its_target_is_measured_to_its_end(
    endings: list[Ending],
) -> None:
    tally = Tally(1, Pace(requests=200, warmup=0), Targets(error_rate=0.04), now=0.0)

    fed(tally, *endings)

    assert not tally.level(streamed=False).cut_short


def test_four_failures_are_not_hopeless_yet() -> None:
    tally = Tally(1, Pace(requests=60, warmup=0), Targets(error_rate=0), now=0.0)

    fed(tally, *[BAD] * 4, *[GOOD] * 96)

    assert not tally.level(streamed=False).cut_short


def test_what_ends_afterwards_is_not_counted() -> None:
    tally = Tally(1, Pace(requests=4, seconds=0.1, warmup=0), Targets(), now=0.0)
    counted = fed(tally, GOOD)

    tally.add(BAD, now=99.0)

    measured = tally.level(streamed=False)
    assert (measured.requests, measured.errors) == (counted, {})
    assert measured.seconds < 10


def test_a_level_tells_the_times_and_tokens_of_its_successes() -> None:
    tally = Tally(1, Pace(requests=4, seconds=1, warmup=0), Targets(error_rate=0.9), now=0.0)
    told = Success(latency=0.1, total=0.4, output_tokens=7)

    fed(tally, GOOD, told, BAD, Failure("timeout"), every=0.5)

    streamed, whole = tally.level(streamed=True), tally.level(streamed=False)
    assert streamed.latency
    assert streamed.total
    assert (streamed.latency.p50, streamed.latency.p95) == (0.1, 0.2)
    assert (streamed.total.p50, streamed.total.p95) == (0.4, 0.5)
    assert streamed.errors == {"429": 1, "timeout": 1}
    assert streamed.output_tokens == 7
    assert whole.total is None


def test_it_can_be_watched() -> None:
    tally = Tally(2, Pace(warmup=0), Targets(), now=0.0)
    assert tally.throughput() == 0.0

    fed(tally, GOOD, GOOD, BAD, every=0.5, most=6)

    assert (tally.ended, tally.errors.total()) == (6, 2)
    assert tally.throughput() == pytest.approx(4 / 3)
    assert repr(tally) == "<Tally of 2 at once, 6 ended>"
