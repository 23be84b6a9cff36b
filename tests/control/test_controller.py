"""The adaptive limit: one cut per push-back, growth only by proof, and a memory of both."""

import itertools
import math
from collections.abc import Callable
from random import Random

import pytest

from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind, Ticket, Verdict
from sidecar.outcomes import LimitReason, Outcome, RejectionKind, WaitReason
from tests.control.calls import LATENCY, Calls

DRAWS = (0.0, 0.3, 0.49, 0.5, 0.7, 0.999)
ENOUGH = 3000
"""Answers after which everything about a ceiling is known."""
NO_CHECK = 0.9
"""A draw at which a rejected probe is not used to check whether we are alone."""
CHECK = 0.0

Make = Callable[[int], LimitController]


def law(initial: int = 10, **changed: float) -> LimitController:
    return LimitController(
        LimitConfig(
            initial=initial,
            minimum=int(changed.get("minimum", 1)),
            maximum=int(changed.get("maximum", 256)),
            latency_target=changed.get("latency_target"),
        ),
        now=0.0,
    )


def fresh(limit: int) -> LimitController:
    """Nothing is known of the provider."""
    return law(limit)


def alone(limit: int) -> LimitController:
    """The place after `limit` was rejected before, and nobody wants those that we give up."""
    made = sharing(limit)
    made._memory.gave_up(1000, regained=True)
    return made


def sharing(limit: int) -> LimitController:
    """The place after `limit` was rejected before."""
    made = law(limit)
    made._memory.push_back(limit + 1)
    made.last_push_back_at = 0.0
    return made


def experienced(slots: int = 24, answers: int = ENOUGH) -> Calls:
    """Alone at a provider for a long time."""
    calls = Calls(law())
    calls.play(slots, answers)
    calls.changes.clear()
    calls.rejections = 0
    return calls


def at_the_wall(slots: int = 24) -> Calls:
    """The same, at the moment in which a probe may start: `slots` in flight, one more allowed."""
    calls = experienced(slots)
    while not (len(calls.open) == slots and calls.room):
        calls.play(slots, 1)
        if len(calls.open) == slots - 1:
            calls.measure(calls.send())
    calls.changes.clear()
    calls.rejections = 0
    return calls


def cut(calls: Calls, draw: float = 0.5) -> int:
    """A success, then a rejection at the limit; gives the new limit."""
    calls.serve(calls.send())
    calls.reject(calls.fill()[-1], draw=draw)
    for ticket in list(calls.open):
        calls.settle(ticket, IGNORED)
    return calls.law.limit


# -- push-back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [fresh, alone, sharing])
def test_a_burst_of_rejections_cuts_once(make: Make) -> None:
    """All were sent before the provider said the first word."""
    calls = Calls(make(40))
    burst = calls.fill()
    first = calls.reject(burst[0])
    after_one = calls.law.limit
    for ticket in burst[1:]:
        assert calls.reject(ticket) is None

    assert first is not None
    assert len(burst) == 40
    assert calls.law.limit == after_one < 40


def test_a_rejection_from_before_the_last_cut_is_the_same_event() -> None:
    """However late its answer comes."""
    calls = experienced()
    old = calls.fill()
    calls.reject(calls.open[-1])
    limit = calls.law.limit
    calls.now += 30
    for ticket in old[:-1]:
        calls.reject(ticket)

    assert calls.law.limit == limit


def test_a_rejection_under_the_new_limit_cuts_again() -> None:
    calls = Calls(law(40))
    calls.reject(calls.fill()[-1])
    lower = calls.law.limit
    for ticket in list(calls.open):
        calls.settle(ticket, SUCCESS)
    calls.now += 60
    calls.reject(calls.fill()[-1])

    assert calls.law.limit < lower


@pytest.mark.parametrize("make", [fresh, alone, sharing])
@pytest.mark.parametrize("draw", DRAWS)
def test_every_cut_takes_a_place_at_least(make: Make, draw: float) -> None:
    """From every limit but the lowest: a factor alone would be stuck at small ones."""
    for limit in range(1, 257):
        made = make(limit)
        ticket = made.start(in_flight=limit, waiting=1, now=0.0)
        made.settle(
            ticket,
            Verdict(Outcome.OVERLOAD, RejectionKind.RATE),
            in_flight=limit,
            waiting=1,
            now=0.1,
            draw=draw,
        )

        assert made.limit <= max(1, limit - 1), limit
        assert made.limit >= 1


@pytest.mark.parametrize("make", [fresh, alone, sharing])
@pytest.mark.parametrize("draw", DRAWS)
def test_cuts_in_a_row_reach_the_minimum_and_stay_there(make: Make, draw: float) -> None:
    calls = Calls(make(256))
    seen = [256]
    while seen[-1] > 1 or len(seen) < 300:
        seen.append(cut(calls, draw))

    assert all(after < before or after == 1 for before, after in itertools.pairwise(seen))


def test_a_configured_minimum_is_not_undercut() -> None:
    calls = Calls(law(10, minimum=8))
    assert [cut(calls) for _ in range(5)] == [8] * 5


def test_the_level_that_counts_is_what_was_in_flight() -> None:
    """A limit of 100 says nothing when the twelfth attempt is rejected."""
    made = law(100)
    calls = Calls(made)
    calls.reject(calls.fill(most=12)[-1])

    assert made.ceiling == 12
    assert made.limit < 12


def test_the_level_that_counts_is_the_limit_where_a_higher_one_drains() -> None:
    made = law(40)
    calls = Calls(made)
    calls.reject(calls.fill()[-1])
    lower = made.limit
    ticket = made.start(in_flight=38, waiting=1, now=1.0)
    calls.open.append(ticket)
    calls.now = 1.0
    calls.reject(ticket)

    assert made.ceiling is not None
    assert lower <= made.ceiling < lower + 1


@pytest.mark.parametrize("kind", [RejectionKind.RATE, RejectionKind.RAMP, RejectionKind.OVERLOAD])
def test_a_change_tells_its_reason(kind: RejectionKind) -> None:
    calls = Calls(law(40))
    change = calls.reject(calls.fill()[-1], kind)

    assert change is not None
    assert (change.before, change.after) == (40, calls.law.limit)
    assert change.reason == str(kind)


def test_the_first_cut_is_deeper() -> None:
    """It follows fast growth: the level is further above capacity than later ones."""
    first, later = Calls(fresh(100)), Calls(sharing(100))
    first.reject(first.fill()[-1])
    later.reject(later.fill()[-1])

    assert first.law.limit <= 75 < later.law.limit


@pytest.mark.parametrize("verdict", [FAILED, IGNORED])
def test_accidents_and_quota_cut_nothing(verdict: Verdict) -> None:
    made = law(40)
    calls = Calls(made)
    for ticket in calls.fill():
        assert calls.settle(ticket, verdict) is None

    assert made.limit == 40
    assert (made.ceiling, made.last_push_back_at) == (None, None)


# -- growth needs use -------------------------------------------------------------------------------


def test_slow_start_grows_with_first_bytes_not_with_last_ones() -> None:
    """Streams take a minute; their first bytes tell within a second that they are served."""
    calls = Calls(law())
    for _ in range(300):
        for ticket in calls.fill():
            calls.measure(ticket)
        assert calls.settle(calls.open[0], SUCCESS) is None

    assert calls.law.limit > 20
    assert {change.reason for change in calls.changes} == {LimitReason.SLOW_START}
    assert all(change.after > change.before for change in calls.changes)


def test_slow_start_waits_for_the_detector() -> None:
    """Nothing beyond the initial limit before there is a reference, and half as much again until
    growth was looked at."""
    made = law()
    calls = Calls(made)
    for _ in range(200):
        calls.fill()
        calls.settle(calls.open[0], SUCCESS)
    for ticket in calls.fill() + calls.open[:6]:
        calls.measure(ticket)
    assert (made.limit, made.baseline) == (10, None)

    beyond = 0
    for _ in range(300):
        calls.settle(calls.open[0], SUCCESS)
        for ticket in calls.fill():
            beyond += ticket.limit >= 11
            if beyond < 8:
                calls.measure(ticket)

    assert made.baseline is not None
    assert 11 < made.limit <= 15


def test_the_limit_never_rises_above_the_maximum() -> None:
    calls = Calls(law(maximum=30))
    calls.play(1000, 3000)

    assert calls.law.limit == 30


@pytest.mark.parametrize("demand", [1, 5, 9])
def test_a_limit_that_is_not_used_does_not_grow(demand: int) -> None:
    """Latency is fine because nobody asks."""
    calls = Calls(law())
    calls.play(1000, 3000, most=demand)

    assert calls.changes == []


def test_a_crowd_now_and_then_is_no_use() -> None:
    """A limit that nobody needs would meet the provider's wall some day at full speed."""
    calls = Calls(law())
    rng = Random("crowd")
    calls.play(1000, 3000, most=lambda: 12 if rng.random() < 0.02 else 5)

    assert calls.changes == []


def test_a_limit_that_is_not_used_does_not_recover_nor_probe() -> None:
    """Neither after the first cut nor after the hundredth."""
    for answers in (100, ENOUGH):
        calls = experienced(answers=answers)
        calls.play(1000, 200, most=5)  # the last crowd is forgotten
        limit = calls.law.limit
        calls.play(1000, 3000, most=limit - 2)

        assert calls.law.limit == limit


def test_a_limit_that_is_used_again_grows_again() -> None:
    calls = experienced()
    calls.play(1000, 1000, most=5)
    calls.play(1000, 1000)

    assert calls.law.limit > 100


def test_time_alone_changes_nothing() -> None:
    for calls in (Calls(law()), experienced()):
        limit = calls.law.limit
        calls.now += 1e6

        assert calls.law.wait(0, calls.now) == 0
        assert calls.law.wait(limit, calls.now) == math.inf
        assert calls.law.limit == limit


def test_asking_changes_nothing() -> None:
    calls = at_the_wall()
    before = repr(calls.law), calls.law.limit
    for in_flight in range(50):
        calls.law.wait(in_flight, calls.now)

    assert (repr(calls.law), calls.law.limit) == before


def test_successes_of_streams_that_outlived_a_cut_drain_and_admit_nobody() -> None:
    calls = Calls(law(40))
    calls.reject(calls.fill()[-1])

    assert len(calls.open) == 39 > calls.law.limit
    while len(calls.open) >= calls.law.limit:
        assert not calls.room
        calls.settle(calls.open[0], SUCCESS)
    assert calls.room


# -- memory: plateaus and probes --------------------------------------------------------------------


def gaps(calls: Calls, slots: int, answers: int) -> list[int]:
    """Answers between two rejections, as long as the provider has so many slots."""
    found, last = [], 0
    for number in range(answers):
        before = calls.rejections
        calls.play(slots, 1, draw=lambda: 0.5)
        if calls.rejections > before:
            found.append(number - last)
            last = number
    return found


def test_the_plateau_grows_while_a_ceiling_is_confirmed() -> None:
    """The first gaps are those of the fast growth, and of the trial of a pace."""
    found = gaps(Calls(law()), 24, ENOUGH)

    assert found[-1] > 3 * found[1]
    assert found[6:] == sorted(found[6:])


def test_the_plateau_does_not_grow_for_ever() -> None:
    """New capacity is found within some twenty rounds."""
    found = gaps(experienced(), 24, 6000)

    assert len(set(found[1:])) == 1
    assert found[-1] <= 20 * 24


def test_the_plateau_begins_again_where_the_ceiling_moved() -> None:
    found = gaps(experienced(24), 60, 6000)
    later = found[1:]

    assert later[0] < later[-1] / 3


def test_steady_probing_costs_a_rejection_in_two_hundred_answers_at_most() -> None:
    calls = experienced(24)
    calls.play(24, 2400)

    assert 0 < calls.rejections <= 12
    assert calls.law.limit in (24, 25)


@pytest.mark.parametrize(
    ("slots", "rejections"),
    [(1, 200), (2, 80), (3, 60), (7, 30), (24, 12), (100, 2), (255, 1), (256, 0)],
)
def test_it_finds_and_keeps_any_number_of_slots(slots: int, rejections: int) -> None:
    """At the price of so many rejections in a thousand answers; few slots make short rounds."""
    calls = experienced(slots)
    limits = set()
    for _ in range(1000):
        calls.play(slots, 1, draw=lambda: NO_CHECK)
        limits.add(len(calls.open) + 1)

    assert limits <= {slots, slots + 1}
    assert calls.rejections <= rejections


def test_a_served_probe_is_followed_by_larger_steps_and_then_by_free_growth() -> None:
    """Capacity that came back is found in a few rounds."""
    calls = at_the_wall(24)
    calls.play(1000, 30)
    steps = [change.after - change.before for change in calls.changes]

    assert steps[:4] == [1, 2, 3, 4]
    assert calls.law.limit > 50
    assert {change.reason for change in calls.changes} == {LimitReason.PROBE}


def test_a_probe_is_served_only_when_several_were() -> None:
    """One place more may have been free by chance."""
    calls = at_the_wall(40)
    limit = calls.law.limit
    calls.measure(calls.send())
    assert calls.law.limit == limit

    for _ in range(8):
        calls.settle(calls.open[0], IGNORED)
        calls.measure(calls.send())

    assert calls.law.limit == limit + 1


def test_a_failure_voids_the_proof_of_a_probe() -> None:
    """An accident while one place more is tried: what was served so far does not count."""
    calls = at_the_wall(40)
    needed = 0
    twin = at_the_wall(40)
    twin.measure(twin.send())
    while not twin.changes:
        needed += 1
        twin.settle(twin.open[0], IGNORED)
        twin.measure(twin.send())
    calls.measure(calls.send())
    for _ in range(needed - 1):
        calls.settle(calls.open[0], IGNORED)
        calls.measure(calls.send())
    calls.settle(calls.open[0], FAILED)
    calls.measure(calls.send())

    assert calls.changes == []
    for _ in range(needed):
        calls.settle(calls.open[0], IGNORED)
        calls.measure(calls.send())
    assert len(calls.changes) == 1


def test_a_rejected_probe_gives_only_its_own_place_back_when_alone() -> None:
    """A cut would be wasted capacity: nobody else wants the places."""
    calls = at_the_wall(24)
    calls.reject(calls.send(), draw=NO_CHECK)

    assert calls.law.limit == 24


def test_now_and_then_it_is_checked_whether_we_are_still_alone() -> None:
    calls = at_the_wall(24)
    calls.reject(calls.send(), draw=CHECK)
    lower = calls.law.limit
    assert lower < 24

    calls.play(24, 2 * 24 + 2 * (24 - lower))
    assert calls.law.limit == 24, "asked back within a round or two"
    assert calls.changes[1].reason is LimitReason.RECOVERY
    assert calls.rejections == 1
    assert "alone" in repr(calls.law)


def test_recovery_asks_back_what_was_given_up_and_no_more() -> None:
    calls = at_the_wall(24)
    calls.reject(calls.send(), draw=CHECK)
    seen = []
    for _ in range(120):
        calls.play(1000, 1)
        seen.append(calls.law.limit)

    assert max(seen) == 24
    assert seen == sorted(seen)


def test_recovery_needs_use() -> None:
    calls = at_the_wall(24)
    calls.reject(calls.send(), draw=CHECK)
    calls.play(24, 150, most=5)
    lower = calls.law.limit
    calls.play(24, 1000, most=5)

    assert calls.law.limit == lower


def test_a_place_that_is_gone_costs_a_cut_though_we_were_alone() -> None:
    """What we held is held by somebody else: give way."""
    calls = experienced(24)
    while len(calls.open) < 23:
        calls.play(24, 1)
    calls.reject(calls.fill(most=24)[-1], draw=NO_CHECK)

    assert calls.law.limit < 23


def test_without_proof_the_provider_is_taken_for_shared() -> None:
    """A push-back costs several places, so that the shares become equal."""
    ours, theirs = Calls(alone(40)), Calls(sharing(40))
    for calls in (ours, theirs):
        calls.reject(calls.fill()[-1], draw=NO_CHECK)

    assert theirs.law.limit < ours.law.limit - 1


def test_among_sharers_who_has_more_gives_more() -> None:
    """Otherwise shares stay as unequal as chance made them."""
    given = []
    for limit in (10, 20, 40, 80):
        calls = Calls(sharing(limit))
        calls.reject(calls.fill()[-1])
        given.append(limit - calls.law.limit)

    assert given == sorted(set(given))


def test_among_sharers_places_come_back_slowly() -> None:
    """Alone they are asked back within a round."""
    rounds = []
    for make in (alone, sharing):
        calls = Calls(make(40))
        calls.play(40, 41)  # in use
        calls.reject(calls.fill()[-1], draw=CHECK)
        lower = calls.law.limit
        calls.now += 1
        answers = 0
        while calls.law.limit < 38:
            calls.play(1000, 1)
            answers += 1
        rounds.append(answers / lower)

    assert rounds[0] < 2 < rounds[1]


def test_who_finds_places_gone_again_and_again_knows_that_it_shares() -> None:
    calls = experienced(24)
    assert "alone" in repr(calls.law)

    while calls.rejections < 10:
        calls.play(lambda: 24 - calls.rejections, 1)

    assert "shared" in repr(calls.law)


def test_growth_is_faster_the_further_it_is_beyond_the_ceiling() -> None:
    """A place beyond it may be luck, two in a row are capacity: whether or not we are alone."""
    calls = Calls(sharing(24))
    calls.play(24, 50)
    assert calls.law.ceiling == 25  # type: ignore[attr-defined]
    needed = []
    for level in (25, 26, 27, 28):
        answers = 0
        while calls.law.limit < level:
            calls.play(1000, 1)
            answers += 1
        needed.append(answers)

    assert needed[1] > 1.5 * needed[2] > 2 * needed[3]


# -- ramp -------------------------------------------------------------------------------------------


def grown(kind: RejectionKind, answers: int, *, later: float = 0.0) -> int:
    """Places grown after a push-back of this kind."""
    calls = Calls(law(40))
    calls.play(1000, 50, most=40)
    calls.reject(calls.open[-1], kind)
    lower = calls.law.limit
    calls.now += later
    calls.play(1000, answers)
    return calls.law.limit - lower


def test_growth_found_too_fast_is_slower_for_a_minute() -> None:
    """About ten seconds at forty in flight."""
    assert grown(RejectionKind.RAMP, 150) < grown(RejectionKind.RATE, 150) / 2


def test_after_that_minute_it_is_as_fast_as_ever() -> None:
    after = grown(RejectionKind.RAMP, 150, later=61)

    assert after == grown(RejectionKind.RATE, 150, later=61) > 3


def test_even_a_late_word_about_the_ramp_slows_growth() -> None:
    """It came with the old generation: no second cut, but no quick growth either."""
    needed = []
    for kind in (RejectionKind.RATE, RejectionKind.RAMP):
        calls = at_the_wall(24)
        calls.settle(calls.open[0], SUCCESS)
        stale = calls.send()
        calls.reject(calls.send(), draw=NO_CHECK)
        assert calls.reject(stale, kind) is None
        answers = 0
        while calls.law.limit == 24:
            calls.play(1000, 1)
            answers += 1
        needed.append(answers)

    assert needed[1] > 1.5 * needed[0]


# -- pauses -----------------------------------------------------------------------------------------


def in_a_row(calls: Calls, count: int, *, hint: float | None = None, draw: float = 0.0) -> float:
    """So many attempts, each rejected at once; the seconds to wait then."""
    for _ in range(count):
        calls.now += calls.law.wait(len(calls.open), calls.now)
        calls.reject(calls.send(), hint=hint, draw=draw)
    return calls.law.wait(len(calls.open), calls.now)


def test_a_short_hint_pauses_that_long() -> None:
    assert in_a_row(Calls(law()), 1, hint=0.8) == pytest.approx(0.8)


def test_a_long_hint_paces_that_request_and_nobody_else() -> None:
    """One freezes nobody, three in a row do."""
    assert in_a_row(Calls(law()), 2, hint=89.0) == 0
    assert 0 < in_a_row(Calls(law()), 3, hint=89.0) <= 0.55


@pytest.mark.parametrize("hint", [None, 89.0, 86400.0])
def test_no_pause_is_longer_than_five_seconds_and_a_tenth(hint: float | None) -> None:
    calls = Calls(law())
    waits = [in_a_row(calls, 1, hint=hint, draw=0.999) for _ in range(30)]

    assert max(waits) == pytest.approx(5.5, abs=0.01)


def test_after_a_pause_one_attempt_goes_and_its_first_byte_opens_for_all() -> None:
    calls = Calls(law())
    calls.now += in_a_row(calls, 3)
    probe = calls.send()
    assert probe.probe
    assert calls.law.wait(0, calls.now + 60) == math.inf

    calls.measure(probe)

    assert calls.law.wait(0, calls.now) == 0


@pytest.mark.parametrize("verdict", [SUCCESS, FAILED, IGNORED])
def test_however_a_probe_ends_the_next_may_go(verdict: Verdict) -> None:
    calls = Calls(law())
    calls.now += in_a_row(calls, 3)
    calls.settle(calls.send(), verdict)

    assert calls.send().probe is (verdict is not SUCCESS)


def test_a_rejected_probe_pauses_longer_and_cuts_nothing() -> None:
    """With one in flight, the limit cannot be what was exceeded."""
    calls = Calls(law(100))
    first = in_a_row(calls, 3)
    limit = calls.law.limit
    second = in_a_row(calls, 1)

    assert second == pytest.approx(2 * first)
    assert calls.law.limit == limit


def test_an_outage_costs_few_attempts_and_the_limit_comes_back() -> None:
    calls = experienced(24)
    until = calls.now + 120
    while calls.now < until:
        calls.play(lambda: 0 if calls.now < until else 24, 1)
    assert calls.rejections < 60

    calls.play(24, 20 * 24)
    assert calls.law.limit in (23, 24, 25)


# -- latency ----------------------------------------------------------------------------------------


def queueing(calls: Calls, capacity: int) -> Callable[[], float]:
    """First bytes of a server that runs so many at once and lets the rest wait."""
    rng = Random("queueing")

    def latency() -> float:
        excess = max(0, len(calls.open) - capacity)
        return LATENCY * math.exp(rng.gauss(0, 0.1)) + 3.0 * excess / capacity

    return latency


def test_a_queue_at_the_provider_moves_limit_and_generation() -> None:
    """A server that never says no: without latency the limit would run away."""
    made = law()
    calls = Calls(made)
    latency = queueing(calls, 16)
    while not any(change.reason is LimitReason.LATENCY for change in calls.changes):
        calls.play(1000, 1, latency=latency)
    change = calls.changes[-1]
    assert change.after < change.before
    limit = made.limit

    calls.reject(calls.open[0])

    assert made.limit == limit, "it was sent under the old limit"


def test_the_limit_stays_about_what_such_a_server_runs_at_once() -> None:
    calls = Calls(law())
    calls.play(1000, 4000, latency=queueing(calls, 16))
    limits = []
    for _ in range(2000):
        calls.play(1000, 1, latency=queueing(calls, 16))
        limits.append(calls.law.limit)

    assert 14 <= sum(limits) / len(limits) <= 18
    assert calls.law.last_push_back_at is None  # type: ignore[attr-defined]


def test_nothing_grows_while_latency_is_tested() -> None:
    """And foreign slowness ends with the limit restored."""
    made = law()
    calls = Calls(made)
    calls.play(40, ENOUGH)
    limit, tested = made.limit, set()
    for _ in range(2000):
        calls.play(40, 1, latency=4 * LATENCY, draw=lambda: NO_CHECK)
        if made._detector.testing:
            tested.add(made.limit)

    assert len(tested) == 1
    assert tested.pop() < limit
    assert LimitReason.RESTORED in {change.reason for change in calls.changes}
    assert made.limit in (limit - 1, limit, limit + 1)


def test_neither_first_bytes_nor_last_ones_raise_the_limit_during_a_test() -> None:
    made = law()
    calls = Calls(made)
    calls.play(40, ENOUGH)
    while not made._detector.testing:
        calls.play(40, 1, latency=4 * LATENCY, draw=lambda: NO_CHECK)
    limit = made.limit
    for ticket in list(calls.open):
        calls.settle(ticket, SUCCESS)
    sent = calls.fill()
    for ticket in sent[:7]:
        calls.measure(ticket, 4 * LATENCY)
    for ticket in sent[7:]:
        calls.settle(ticket, SUCCESS)

    assert made._detector.testing
    assert made.limit == limit


def test_a_push_back_ends_a_test() -> None:
    made = law()
    calls = Calls(made)
    calls.play(40, ENOUGH)
    while not made._detector.testing:
        calls.play(40, 1, latency=4 * LATENCY, draw=lambda: NO_CHECK)
    for ticket in list(calls.open):
        calls.settle(ticket, SUCCESS)
    calls.reject(calls.fill()[-1])

    assert not made._detector.testing


def test_latencies_of_before_the_last_cut_are_exported_but_not_judged() -> None:
    made = law(40)
    calls = Calls(made)
    old = calls.fill()
    calls.reject(old[-1])
    for ticket in old[:-1]:
        calls.measure(ticket)

    assert made.p95 == LATENCY
    assert made.baseline is None
    assert calls.changes[1:] == []


def test_a_latency_target_holds_the_limit_down() -> None:
    """Where latency rises too little with the level to be called a queue, and yet too much."""
    limits = []
    for target in (None, 0.5):
        made = LimitController(LimitConfig(latency_target=target), now=0.0)
        calls, rng = Calls(made), Random("target")

        def latency(calls: Calls = calls, rng: Random = rng) -> float:
            return 0.2 * math.pow(len(calls.open), 0.3) * math.exp(rng.gauss(0, 0.05))

        calls.play(1000, 10_000, latency=latency)
        limits.append(made.limit)

    assert limits[0] > 200
    assert 12 <= limits[1] <= 26  # 21 in flight take 0.5 s


# -- what is exported -------------------------------------------------------------------------------


def test_nothing_is_exported_before_it_is_known() -> None:
    made = law()

    assert (made.p95, made.baseline, made.ceiling, made.last_push_back_at) == (None,) * 4


def test_latency_and_its_baseline_are_exported_in_seconds() -> None:
    made = law()
    calls = Calls(made)
    rng = Random("p95")
    calls.play(24, 500, latency=lambda: LATENCY * math.exp(rng.gauss(0, 0.25)))

    assert made.p95 == pytest.approx(LATENCY * math.exp(1.645 * 0.25), rel=0.2)
    assert made.baseline == pytest.approx(LATENCY * math.exp(1.645 * 0.25), rel=0.2)


def test_every_kind_of_latency_is_measured() -> None:
    for kind in LatencyKind:
        made = law()
        calls = Calls(made)
        calls.measure(calls.send(), 2.0, kind)

        assert made.p95 == 2.0


def test_the_ceiling_is_where_the_provider_pushed_back() -> None:
    calls = experienced(24)

    assert calls.law.ceiling == 25  # type: ignore[attr-defined]


def test_the_ceiling_is_the_lower_of_push_back_and_queue() -> None:
    made = law()
    calls = Calls(made)
    calls.play(1000, 4000, latency=queueing(calls, 16))
    queue = made.ceiling
    assert queue is not None
    assert 16 < queue < 24

    for ticket in list(calls.open):
        calls.settle(ticket, SUCCESS)
    calls.reject(calls.fill(most=8)[-1])

    assert made.ceiling == 8


def test_the_last_push_back_is_the_last_cut() -> None:
    """Rejections that cut nothing are the same event, and not a new one."""
    made = law(40)
    calls = Calls(made)
    burst = calls.fill()
    calls.now = 5.0
    calls.reject(burst[0])
    calls.now = 6.0
    calls.reject(burst[1])

    assert made.last_push_back_at == 5.0


def test_repr_is_short_and_true() -> None:
    made = law()
    assert repr(made) == f"<LimitController 10.0 in start, {made._memory!r}>"

    calls = Calls(made)
    calls.reject(calls.fill()[-1])

    assert repr(made) == f"<LimitController {made._value:.1f} in growth, {made._memory!r}>"
    assert len(repr(made)) < 100


@pytest.mark.parametrize("slots", [2, 3, 4])
def test_a_few_places_are_found_to_be_ours_alone(slots: int) -> None:
    """Of few places a part is none: a whole one is given up, or nothing would ever be learned."""
    calls = Calls(LimitController(LimitConfig(initial=2), now=0.0))
    calls.play(slots, 400)
    found = calls.rejections
    calls.play(slots, 1000)

    assert "alone" in repr(calls.law)
    assert calls.law.limit in (slots, slots + 1)
    assert calls.rejections - found <= 20


@pytest.mark.parametrize(("contested", "left"), [(False, 2), (True, 3)])
def test_of_few_places_one_is_given_up_unless_others_want_it(contested: bool, left: int) -> None:
    """Else sharers with a handful each would never be equal."""
    law = LimitController(LimitConfig(initial=4), now=0.0)
    law._memory.push_back(4)
    law._memory.contested = contested
    law.last_push_back_at = 0.0
    calls = Calls(law)
    calls.reject(calls.fill()[-1])

    assert law.limit == left


# -- where the provider limits a rate ---------------------------------------------------------------


def paced(rate: float = 5.0, *, seconds: float = 400.0) -> Calls:
    """At a provider's bucket of ten for a while; answers take 2 to 6 s."""
    calls, dice = Calls(law()), Random(3)
    ends: list[tuple[float, Ticket]] = []
    level, filled = 10.0, 0.0
    while calls.now < seconds:
        wait = calls.law.wait(len(calls.open), calls.now)
        calls.now = min(calls.now + wait, min((end for end, _ in ends), default=math.inf))
        for end, ticket in [one for one in ends if one[0] <= calls.now]:
            ends.remove((end, ticket))
            calls.settle(ticket, SUCCESS)
        while calls.room:
            ticket = calls.send()
            level, filled = min(10.0, level + (calls.now - filled) * rate), calls.now
            if level < 1:
                calls.now += 1e-3
                calls.reject(ticket, hint=(1 - level) / rate)
                break
            level -= 1
            calls.measure(ticket)
            ends.append((calls.now + dice.uniform(2.0, 6.0), ticket))
    assert exported(calls).pace is not None
    return calls


def exported(calls: Calls) -> LimitController:
    assert isinstance(calls.law, LimitController)
    return calls.law


def test_a_learned_rate_is_nearly_the_providers() -> None:
    assert exported(paced()).pace == pytest.approx(5.0, rel=0.12)


def test_while_starts_are_paced_a_push_back_cuts_nothing() -> None:
    calls = paced()
    calls.now += 1.0
    limit, pace = calls.law.limit, exported(calls).pace
    assert pace is not None
    change = calls.reject(calls.send())

    assert change is None
    assert calls.law.limit == limit
    assert (exported(calls).pace or 0) < pace
    assert exported(calls).last_push_back_at == calls.now


def test_the_limit_does_not_bind_while_starts_are_paced() -> None:
    calls = paced()

    assert calls.law.limit > 1.2 * len(calls.open)


def test_a_provider_without_capacity_is_cut_though_starts_are_paced() -> None:
    """A rate says nothing about that."""
    calls = paced()
    calls.now += 1.0
    limit = calls.law.limit
    change = calls.reject(calls.send(), RejectionKind.OVERLOAD)

    assert change is not None
    assert calls.law.limit < limit


def test_a_queue_of_ours_is_cut_though_starts_are_paced() -> None:
    calls = paced()
    for _ in range(60):
        calls.now += 1.0
        ticket = calls.send()
        calls.measure(ticket, 5.0)
        calls.settle(ticket, SUCCESS)

    assert LimitReason.LATENCY in {change.reason for change in calls.changes}


def test_what_holds_a_request_back_is_told() -> None:
    calls = Calls(law(3))
    calls.fill()
    assert exported(calls).wait_reason(calls.now) is WaitReason.LIMIT
    calls.reject(calls.open[0], hint=0.5)
    assert exported(calls).wait_reason(calls.now) is WaitReason.PAUSE

    calls = paced()
    calls.now += 1.0
    calls.fill()
    assert exported(calls).wait_reason(calls.now) is WaitReason.LEARNED_RATE


def test_tickets_are_numbered() -> None:
    calls = Calls(law())

    assert [calls.send().sequence for _ in range(3)] == [0, 1, 2]
