"""Feed-forward: which headers count, in which order, and for which of several limits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.allowance import Allowance, Unit
from sidecar.control.feed_forward import FeedForward

REQUESTS, TOKENS = Unit.REQUESTS, Unit.TOKENS


def requests(
    remaining: float | None, *, limit: float | None = 600, reset: float | None = 60.0
) -> Allowance:
    """By default, ten a second."""
    return Allowance(REQUESTS, limit, remaining, reset)


def heard(*allowances: Allowance, at: float = 100.0) -> FeedForward:
    """What one attempt's answer told, at the moment when it was sent."""
    feed = FeedForward()
    feed.started(100, at)
    feed.told(allowances, sent_at=at, now=at)
    return feed


def test_before_anything_was_told_nothing_waits_and_nothing_is_known() -> None:
    feed = FeedForward()
    feed.started(10**9, 0.0)

    assert not feed
    assert feed.wait(10**9, 0.0) == 0
    assert feed.remaining(REQUESTS, 0.0) is None


def test_remaining_0_with_a_reset_waits() -> None:
    feed = heard(requests(0))

    assert feed
    assert 0.1 <= feed.wait(0, 100.0) <= 1
    assert feed.remaining(REQUESTS, 100.0) == 0
    assert feed.remaining(TOKENS, 100.0) is None


@pytest.mark.parametrize("unknown", [None, -1.0, math.nan, math.inf])
def test_remaining_or_reset_unknown_tells_nothing(unknown: float | None) -> None:
    assert not heard(requests(unknown))
    assert not heard(requests(0, reset=unknown))


@pytest.mark.parametrize("unknown", [None, -1.0, 0.0, math.nan])
def test_without_a_limit_the_reset_still_counts(unknown: float | None) -> None:
    """At the latest then there is one; half of it may be taken by others."""
    feed = heard(requests(0, limit=unknown, reset=5.0))

    assert feed.wait(0, 100.0) == pytest.approx(10)


def test_figures_beyond_all_measure_are_bounded() -> None:
    feed = heard(requests(1e308, limit=1e308, reset=1e308))

    assert feed.wait(0, 100.0) == 0
    assert feed.remaining(REQUESTS, 100.0) == 1e12


def test_tokens_wait_for_what_the_request_reserves() -> None:
    feed = heard(Allowance(TOKENS, 60_000, 40_000, 20.0))
    feed.started(40_000, 100.0)

    assert feed.wait(2000, 100.0) > feed.wait(1000, 100.0) > 0


def test_the_scarcest_of_several_limits_counts() -> None:
    """Anthropic has limits for requests, input tokens and output tokens."""
    feed = heard(
        requests(500, reset=10.0),
        Allowance(TOKENS, 60_000, 59_000, 1.0),
        Allowance(TOKENS, 6_000, 0, 60.0),
    )

    assert feed.wait(100, 100.0) > 0
    assert feed.remaining(TOKENS, 100.0) == 0
    assert feed.remaining(REQUESTS, 100.0) == 500


def test_of_two_limits_of_the_same_size_the_scarcer_counts() -> None:
    for one, other in ((100, 20), (20, 100)):
        feed = heard(requests(one), requests(other))

        assert feed.remaining(REQUESTS, 100.0) == 20


def test_a_limit_that_is_no_longer_told_is_forgotten_and_another_units_is_not() -> None:
    feed = heard(requests(0), Allowance(TOKENS, 60_000, 59_000, 1.0))
    feed.started(100, 101.0)

    feed.told([requests(2990, limit=3000, reset=0.2)], sent_at=101.0, now=101.0)

    assert feed.wait(100, 101.0) == 0
    assert feed.remaining(REQUESTS, 101.0) == 2990
    assert feed.remaining(TOKENS, 101.0) is not None


def test_an_answer_to_an_older_attempt_tells_nothing_new() -> None:
    feed = FeedForward()
    for sent_at in (100.0, 101.0):
        feed.started(0, sent_at)
    feed.told([requests(50)], sent_at=101.0, now=101.5)
    expected = feed.remaining(REQUESTS, 102.0)

    feed.told([requests(500)], sent_at=100.0, now=102.0)

    assert feed.remaining(REQUESTS, 102.0) == expected


def test_what_started_before_the_first_answer_came_is_deducted() -> None:
    feed = FeedForward()
    for step in range(10):
        feed.started(0, 100.0 + step * 0.01)

    feed.told([requests(5)], sent_at=100.0, now=100.1)

    assert feed.remaining(REQUESTS, 100.1) == 0
    assert feed.wait(0, 100.1) > 0.4


def test_of_one_moment_each_answer_takes_one() -> None:
    feed = FeedForward()
    for _ in range(4):
        feed.started(100, 100.0)
    tokens = Allowance(TOKENS, 60_000, 40_000, 20.0)

    remaining = []
    for _ in range(5):  # one more than there were
        feed.told([tokens], sent_at=100.0, now=100.0)
        remaining.append(feed.remaining(TOKENS, 100.0))

    assert remaining == [39_700, 39_800, 39_900, 40_000, 40_000]


def test_more_moments_than_are_remembered_are_counted_as_the_latest() -> None:
    feed = FeedForward()
    for step in range(1000):
        feed.started(0, 100.0 + step * 0.001)
    assert len(feed._unanswered) == 512

    feed.told([requests(5000, limit=6000, reset=10.0)], sent_at=100.5, now=101.0)

    remaining = feed.remaining(REQUESTS, 101.0)
    assert remaining is not None
    assert 4500 <= remaining <= 4530


def test_an_attempt_that_was_never_sent_is_not_counted() -> None:
    feed = heard(requests(100, reset=50.0))
    for tokens in (7, 8):
        feed.started(tokens, 100.0)
    feed.refunded(7, 100.0)
    assert feed.remaining(REQUESTS, 100.0) == 99

    feed.told([requests(90)], sent_at=100.0, now=100.0)

    assert feed.remaining(REQUESTS, 100.0) == 99


@pytest.mark.parametrize("started_at", [99.0, 100.0, 101.0])
def test_what_no_answer_can_have_counted_any_more_is_not_given_back(started_at: float) -> None:
    feed = FeedForward()
    feed.started(7, 99.0)
    feed.started(7, 100.0)
    feed.told([requests(100, reset=50.0)], sent_at=100.0, now=100.0)

    feed.refunded(7, started_at)

    assert feed.remaining(REQUESTS, 100.0) == 100


def test_who_says_nothing_any_more_has_nothing_remaining() -> None:
    feed = heard(requests(0, limit=1000, reset=86_400.0))
    for now in (160.0, 220.0):
        assert feed.wait(0, now) == 0
        feed.started(0, now)

    assert feed.wait(0, 220.0) == 0
    assert feed.remaining(REQUESTS, 220.0) is None


def test_it_shows_what_it_knows() -> None:
    assert "100.0/101 requests" in repr(heard(requests(100)))


# -- properties -------------------------------------------------------------------------------------

FIGURES = st.none() | st.floats() | st.integers(min_value=-1, max_value=1000).map(float)
ALLOWANCES = st.lists(st.builds(Allowance, st.sampled_from(Unit), FIGURES, FIGURES, FIGURES))


class Player:
    """Starts, answers and refunds in any order, as a careless limiter would."""

    def __init__(self) -> None:
        self.feed = FeedForward()
        self.now = 0.0
        self.sent: list[tuple[int, float]] = [(0, 0.0)]

    def step(self, what: str, passes: float, tokens: int, allowances: list[Allowance]) -> None:
        self.now += passes
        sent_tokens, sent_at = self.sent[tokens % len(self.sent)]
        if what == "start":
            self.feed.started(tokens, self.now)
            self.sent.append((tokens, self.now))
        elif what == "refund":
            self.feed.refunded(sent_tokens, sent_at)
        else:
            self.feed.told(allowances, sent_at=sent_at, now=self.now)


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["start", "start", "told", "told", "refund"]),
            st.floats(min_value=0, max_value=100) | st.just(0.0),
            st.integers(min_value=0, max_value=10**9),
            ALLOWANCES,
        ),
        max_size=40,
    )
)
def test_whatever_is_told_waits_stay_in_bounds_and_asking_changes_nothing(
    steps: list[tuple[str, float, int, list[Allowance]]],
) -> None:
    player = Player()
    for step in steps:
        player.step(*step)
        feed, now = player.feed, player.now
        waits = [feed.wait(tokens, now) for tokens in (0, 1, 10**9)]
        assert all(0 <= wait <= 60 for wait in waits)
        assert waits == [feed.wait(tokens, now) for tokens in (0, 1, 10**9)]
        for unit in Unit:
            remaining = feed.remaining(unit, now)
            assert remaining is None or 0 <= remaining < 1e13


@given(
    allowance=st.builds(
        Allowance,
        st.just(REQUESTS),
        st.floats(min_value=1, max_value=1e6),
        st.floats(min_value=0, max_value=1e6),
        st.floats(min_value=0, max_value=1e6),
    ),
    started=st.integers(min_value=0, max_value=50),
)
def test_whoever_waits_as_long_as_told_may_start_in_the_end(
    allowance: Allowance, started: int
) -> None:
    feed = heard(allowance)
    now = 100.0
    for _ in range(started):
        feed.started(0, now)

    for _ in range(100):
        wait = feed.wait(0, now)
        if wait == 0:
            break
        assert wait >= 0.001
        now += wait

    assert feed.wait(0, now) == 0
    assert now <= 160.002
