"""The detector: a queue of our own is told from foreign slowness by experiment, and noise from both."""

import math
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.control.detector import Detector, Ruling
from sidecar.control.law import LatencyKind
from sidecar.outcomes import LimitReason

FIRST, TOKEN, TOTAL = LatencyKind
BASE = 0.3
"""Seconds to a first byte where nothing queues."""
SERVICE = 4.0
"""Seconds that an answer takes."""

Latency = Callable[[int], float]
"""Median seconds at a level."""


def flat(level: int) -> float:
    return BASE


def slow(level: int) -> float:
    """Four times slower for everybody."""
    return 4 * BASE


def queue(capacity: int) -> Latency:
    """So many run at once; each place more waits its part of a service."""
    return lambda level: BASE + SERVICE * max(0, level - capacity) / capacity


class Limit:
    """A limit that is always in use: grows as slow start does as far as it may, and obeys."""

    def __init__(
        self,
        initial: float = 10,
        *,
        tolerance: float = 2.0,
        target: float | None = None,
        sigma: float = 0.2,
        seed: int = 1,
        most: float = 256,
        kinds: tuple[LatencyKind, ...] = (FIRST,),
    ) -> None:
        self.detector = Detector(initial=initial, tolerance=tolerance, target=target)
        self.value = float(initial)
        self.most = most
        self.kinds = kinds
        self.rulings: list[Ruling] = []
        self.samples = 0
        self._sigma = sigma
        self._rng = Random(f"limit {seed}")

    @property
    def level(self) -> int:
        return int(self.value + 1e-6)

    @property
    def reasons(self) -> list[LimitReason]:
        return [ruling.reason for ruling in self.rulings]

    def play(self, latency: Latency, samples: int) -> None:
        """So many answers."""
        for _ in range(samples):
            if not self.detector.testing and self.value < self.detector.cap:
                self.value = min(self.value + 0.5, self.detector.cap, self.most)
            self.sample(latency(self.level) * math.exp(self._rng.gauss(0, self._sigma)))

    def sample(self, latency: float) -> Ruling | None:
        """One answer."""
        kind = self.kinds[self.samples % len(self.kinds)]
        self.samples += 1
        ruling = self.detector.observe(kind, latency, self.level)
        if ruling is not None:
            self.rulings.append(ruling)
            self.value = ruling.level
        return ruling

    def settled(self, latency: Latency, samples: int) -> float:
        """The mean level over so many answers."""
        total = 0.0
        for _ in range(samples):
            self.play(latency, 1)
            total += self.level
        return total / samples


# -- the reference ----------------------------------------------------------------------------------


def test_nothing_grows_before_there_is_a_reference() -> None:
    limit = Limit(10)
    limit.play(flat, 7)
    assert (limit.level, limit.detector.cap, limit.detector.baseline) == (10, 10, None)

    limit.play(flat, 1)

    assert limit.detector.baseline == pytest.approx(BASE * math.exp(1.645 * 0.2), rel=0.3)
    assert limit.detector.cap > 10


@pytest.mark.parametrize("initial", [1, 2, 10, 100])
def test_growth_stays_within_twice_the_level_that_was_looked_at(initial: int) -> None:
    """A queue is seen before it is long."""
    limit = Limit(initial)
    limit.play(flat, 8)

    assert initial + 1 <= limit.detector.cap <= max(2 * initial, initial + 1) + 1e-6


# -- growth as an experiment ------------------------------------------------------------------------


def test_growth_that_did_not_queue_becomes_the_new_reference() -> None:
    limit = Limit(10)
    limit.play(flat, 4000)

    assert limit.level == 256
    assert limit.detector.ceiling is None


def test_growth_that_queued_is_taken_back_to_where_it_did_not() -> None:
    limit = Limit(16, most=20)
    limit.play(queue(16), 200)

    assert limit.reasons[0] is LimitReason.LATENCY
    assert limit.rulings[0].level == pytest.approx(16, abs=1)
    assert limit.detector.ceiling is not None
    assert 17 <= limit.detector.ceiling <= 20


@pytest.mark.parametrize("capacity", [2, 4, 8, 16, 32, 100])
def test_the_level_settles_about_what_runs_at_once(capacity: int) -> None:
    """Wherever it begins: below, at or above."""
    for initial in (1, capacity, round(1.5 * capacity)):
        limit = Limit(initial, seed=capacity + initial)
        limit.play(queue(capacity), 3000)

        mean = limit.settled(queue(capacity), 2000)

        assert max(1, 0.85 * capacity - 1) <= mean <= 1.12 * capacity + 1, initial


def test_a_clear_queue_is_found_within_a_few_samples() -> None:
    """Twice the places are a queue of seconds: nobody waits for a full window."""
    limit = Limit(16, most=16)
    limit.play(flat, 40)
    limit.value = 24.0
    for _ in range(8):
        limit.sample(queue(12)(24))

    assert limit.reasons == [LimitReason.LATENCY]
    assert limit.value <= 17


def test_a_small_rise_is_no_queue() -> None:
    """A server that gets a little slower with company is not full."""
    limit = Limit(10)
    limit.play(lambda level: BASE * (level / 10) ** 0.2, 6000)

    assert limit.level > 100


# -- looking beyond a known queue -------------------------------------------------------------------


@pytest.mark.parametrize(("good", "bad"), [(14.8, 16.9), (30.6, 33.0), (7.7, 10.2), (1.6, None)])
def test_the_place_that_may_be_tried_counts_as_growth(good: float, bad: float | None) -> None:
    """A good level is a mean, rarely whole. What does not count is never judged, and never left."""
    limit = Limit(10, most=10)
    limit.play(flat, 200)
    detector = limit.detector
    detector._good, detector._bad, detector._held = good, bad, 10_000

    tried = int(detector.cap + 1e-6)

    assert detector._is_growth(tried)
    assert bad is None or tried < bad + 1


def test_a_known_queue_is_looked_at_again_but_seldom() -> None:
    limit = Limit(10)
    limit.play(queue(16), 3000)
    before = len(limit.rulings)
    limit.play(queue(16), 3000)
    looks = len(limit.rulings) - before

    assert 3 <= looks <= 40
    assert limit.detector.ceiling == pytest.approx(17, abs=1)


@pytest.mark.parametrize("most", [1, 2, 5, 16, 60])
def test_it_is_never_stuck(most: int) -> None:
    """After a hold one place more may be tried, whatever was learned before: capacity grows."""
    limit = Limit(max(1, most // 2))
    limit.play(queue(most), 3000)
    level = limit.value
    limit.play(flat, 6000)

    assert limit.value > 2 * level


def test_whatever_was_seen_a_flat_server_lets_it_grow_in_the_end() -> None:
    dice = Random("spells")
    for _ in range(20):
        limit = Limit(10, sigma=0.05)
        for _ in range(12):
            latency = dice.choice((BASE, 0.6, 1.2, 5.0))
            limit.play(lambda _, latency=latency: latency, dice.randint(1, 60))  # type: ignore[misc]
            if dice.random() < 0.3:
                limit.detector.void()
        limit.play(flat, 600)
        low = limit.value
        limit.play(flat, 1800)

        assert limit.value >= min(low + 1, 256)


def test_what_was_bad_is_forgotten_once_it_is_good() -> None:
    limit = Limit(10)
    ceilings = []
    for latency in (queue(16), flat):
        limit.play(latency, 3000)
        ceilings.append(limit.detector.ceiling)

    assert ceilings == [pytest.approx(17, abs=1), None]
    assert limit.level > 60


# -- a cut as an experiment -------------------------------------------------------------------------


def in_a_test(latency: Latency, *, most: float = 20) -> Limit:
    """Well known at a level of `most`, when latency becomes another."""
    limit = Limit(10, most=most)
    limit.play(flat, 1500)
    limit.detector.void()  # no window holds latencies of before and of after the rise
    assert (limit.level, limit.rulings) == (most, [])
    limit.play(latency, 32)
    assert limit.detector.testing
    return limit


def test_a_sudden_rise_is_tested_with_a_cut() -> None:
    limit = in_a_test(slow)

    assert limit.reasons == [LimitReason.LATENCY]
    assert limit.value <= 0.75 * 20


def test_the_level_holds_still_during_a_test() -> None:
    limit = in_a_test(slow)
    value = limit.value

    assert limit.detector.cap >= value
    limit.play(slow, 7)
    assert limit.detector.testing
    assert limit.value == value


def test_a_test_cuts_from_where_the_limit_is_now() -> None:
    """Push-back took it far below the level of the reference: a cut must not raise it again."""
    limit = Limit(24, most=24)
    limit.play(flat, 600)
    limit.most = 256
    while not limit.rulings:
        limit.play(queue(24), 1)
    limit.detector.void()
    limit.value = limit.most = 6
    limit.play(flat, 32)

    assert all(ruling.level < 6 for ruling in limit.rulings[1:])


def test_foreign_slowness_ends_with_the_level_restored() -> None:
    """And is the new normal: it is not tested again and again."""
    limit = in_a_test(slow)
    limit.play(slow, 2000)

    assert limit.reasons == [LimitReason.LATENCY, LimitReason.RESTORED]
    assert limit.rulings[1].level == pytest.approx(20)
    assert limit.detector.baseline == pytest.approx(4 * BASE * math.exp(1.645 * 0.2), rel=0.2)


def test_when_foreign_slowness_is_over_the_reference_follows() -> None:
    limit = in_a_test(slow)
    limit.play(slow, 500)
    limit.play(flat, 800)

    assert limit.detector.baseline == pytest.approx(BASE * math.exp(1.645 * 0.2), rel=0.2)
    assert limit.level == 20


def test_a_queue_of_our_own_ends_with_the_cut_kept() -> None:
    """Capacity fell from more than 20 to 10: down to there, not to nothing."""
    limit = in_a_test(queue(10))
    limit.play(queue(10), 2000)

    assert 8 <= limit.settled(queue(10), 1000) <= 12
    assert limit.detector.ceiling is not None


def test_a_clear_test_ends_early() -> None:
    for latency in (slow, queue(10)):
        limit = in_a_test(latency)
        limit.sample(latency(limit.level))
        used = 1
        while len(limit.rulings) == 1 and used < 30:
            limit.play(latency, 1)
            used += 1

        assert used <= 12


def test_a_test_with_an_unclear_answer_ends_with_a_full_window() -> None:
    limit = Limit(10, most=20, sigma=1.0, seed=3)
    limit.play(flat, 1500)
    while not limit.detector.testing:
        limit.play(lambda _: 10 * BASE, 1)
    rulings = len(limit.rulings)
    used = 0
    while len(limit.rulings) == rulings and limit.detector.testing:
        limit.play(lambda _: 10 * BASE, 1)
        used += 1

    assert used <= 32


def test_a_test_whose_answers_are_of_another_kind_decides_nothing_and_restores() -> None:
    """Streams before the cut, whole answers after it."""
    limit = in_a_test(slow)
    limit.kinds = (TOTAL,)
    limit.play(lambda _: 30.0, 32)

    assert not limit.detector.testing
    assert limit.reasons[-1] is LimitReason.RESTORED


def test_a_rise_within_the_tolerance_is_not_tested() -> None:
    limits = {}
    for tolerance in (1.5, 4.0):
        limits[tolerance] = Limit(10, most=20, tolerance=tolerance)
        limits[tolerance].play(flat, 1500)
        limits[tolerance].play(lambda _: 3 * BASE, 100)

    assert limits[4.0].rulings == []
    assert limits[1.5].rulings != []


def test_a_level_of_one_cannot_be_cut_for_a_test() -> None:
    limit = Limit(1, most=1)
    limit.play(flat, 100)
    limit.play(slow, 200)

    assert limit.rulings == []
    assert limit.level == 1


def test_a_push_back_ends_a_test_and_the_window() -> None:
    """Answers of after it are another story."""
    limit = in_a_test(slow)
    limit.detector.void()

    assert not limit.detector.testing
    limit.play(slow, 7)
    assert len(limit.rulings) == 1


def test_a_push_back_leaves_the_reference() -> None:
    limit = Limit(10)
    limit.play(flat, 500)
    baseline = limit.detector.baseline
    limit.detector.void()

    assert limit.detector.baseline == baseline is not None


# -- down to the unloaded level ---------------------------------------------------------------------


@pytest.mark.parametrize(("initial", "capacity"), [(10, 4), (20, 10), (40, 20)])
def test_a_queue_that_was_there_from_the_beginning_is_found(initial: int, capacity: int) -> None:
    """The first latencies ever seen are no proof of an empty server."""
    limit = Limit(initial)
    limit.play(queue(capacity), 2500)

    assert limit.settled(queue(capacity), 1000) <= 1.12 * capacity + 1


def test_a_queue_that_came_unnoticed_is_found_by_the_lowest_latency_known() -> None:
    """The level crept up, or capacity fell by a little: never a sudden rise."""
    limit = Limit(10)
    limit.play(queue(16), 3000)
    for capacity in (15.5, 15.0, 14.5, 14.0, 13.5, 13.0, 12.5, 12.0):
        limit.play(lambda level, c=capacity: BASE + SERVICE * max(0, level - c) / c, 600)  # type: ignore[misc]

    assert limit.settled(queue(12), 1000) <= 13.5


# -- a configured target ----------------------------------------------------------------------------


def test_growth_stops_where_the_target_is_missed() -> None:
    """Though latency rises too little with the level to be called a queue."""

    def gentle(level: int) -> float:
        return 0.2 * math.pow(level, 0.3)  # 0.5 s at 21

    free, bound = Limit(10), Limit(10, target=0.5)
    free.play(gentle, 6000)
    bound.play(gentle, 6000)

    assert free.level > 100
    assert 12 <= bound.level <= 24


def test_a_target_that_is_missed_at_the_level_is_tested() -> None:
    limit = Limit(16, most=16, target=1.0)
    limit.play(queue(8), 400)

    assert limit.rulings != []
    assert limit.level < 12


def test_a_target_that_is_met_changes_nothing() -> None:
    limit = Limit(10, most=20, target=10.0)
    limit.play(flat, 2000)

    assert limit.rulings == []


# -- noise and kinds --------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.25, 0.85, 1.2])
def test_noise_at_a_level_is_no_rise(sigma: float) -> None:
    """Two tests in a thousand windows at most, however different prompts are."""
    rulings = 0
    for seed in range(20):
        limit = Limit(24, most=24, sigma=sigma, seed=seed)
        limit.play(flat, 50 * 30)
        rulings += limit.reasons.count(LimitReason.LATENCY)

    assert rulings <= 2


@pytest.mark.parametrize(("sigma", "most"), [(0.25, 6), (0.85, 30), (1.2, 30)])
def test_noise_while_growing_is_rarely_taken_for_a_queue(sigma: float, most: int) -> None:
    """In thirty ways up of some thirty windows each; each costs a look that comes later."""
    rulings = 0
    for seed in range(30):
        limit = Limit(10, sigma=sigma, seed=seed)
        limit.play(flat, 1500)
        rulings += len(limit.rulings)

    assert rulings <= most


def test_a_changing_mix_of_kinds_is_no_rise() -> None:
    """Whole answers take a hundred times as long as first bytes."""
    limit = Limit(24, most=24, kinds=(FIRST, FIRST, FIRST, TOTAL))
    scale = {FIRST: 1.0, TOTAL: 100.0}
    for kinds in ((FIRST, FIRST, FIRST, TOTAL), (FIRST, TOTAL, TOTAL, TOTAL)):
        limit.kinds = kinds
        for _ in range(600):
            kind = limit.kinds[limit.samples % 4]
            limit.sample(BASE * scale[kind] * math.exp(limit._rng.gauss(0, 0.2)))

    assert limit.rulings == []


def test_a_new_kind_of_answers_becomes_the_reference() -> None:
    """There is nothing to compare it with."""
    limit = Limit(24, most=24)
    limit.play(flat, 500)
    limit.detector.void()
    limit.kinds = (TOTAL,)
    limit.play(lambda _: 30.0, 32)

    assert limit.detector.baseline == pytest.approx(30 * math.exp(1.645 * 0.2), rel=0.2)
    assert limit.rulings == []


def test_answers_from_before_a_growth_do_not_spoil_its_window() -> None:
    """They are long under way, and say nothing about the new level."""
    detector = Detector(initial=10, tolerance=2.0, target=None)
    for _ in range(8):
        detector.observe(FIRST, BASE, 10)
    levels = []
    for _ in range(8):
        ruling = detector.observe(FIRST, queue(10)(15), 15)
        levels += [ruling.level] if ruling else []
        detector.observe(FIRST, BASE, 10)

    assert levels == [pytest.approx(10)]


# -- what is always so ------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LatencyKind),
            st.floats(0.001, 100),
            st.integers(1, 100),
            st.integers(1, 40),
        ),
        max_size=40,
    )
)
@settings(deadline=None)
def test_rulings_and_caps_are_levels_that_a_limit_can_have(
    runs: list[tuple[LatencyKind, float, int, int]],
) -> None:
    """Whatever is observed, in whatever order."""
    detector = Detector(initial=10, tolerance=2.0, target=1.0)
    for kind, latency, level, samples in runs:
        for _ in range(samples):
            ruling = detector.observe(kind, latency, level)
            if ruling is not None:
                assert 1 <= ruling.level <= 101
                if detector.testing:
                    assert ruling.reason is LimitReason.LATENCY
        assert 1 <= detector.cap < 300
        assert detector.ceiling is None or 1 <= detector.ceiling <= 101


def test_repr_is_short_and_true() -> None:
    limit = Limit(10)
    assert repr(limit.detector) == "<Detector good at 10.0, no queue>"

    limit.play(queue(10), 500)
    assert repr(limit.detector).startswith("<Detector good at ")
    assert f"bad at {limit.detector.ceiling}" in repr(limit.detector)

    assert repr(in_a_test(slow).detector).endswith("testing>")
