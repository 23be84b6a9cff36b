"""The learned pacer: it finds a rate, uses all of it, shares it, and lets go of what is none."""

import heapq
import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.control.law import Ticket
from sidecar.control.pacer import Pacer, room_for

LATENCY = 0.3
"""Seconds to the first byte."""


class Provider:
    """A token bucket, slots, or neither."""

    def __init__(
        self, *, rate: float = math.inf, burst: float = 10, slots: float = math.inf
    ) -> None:
        self.rate = rate
        self.burst = burst
        self.slots = slots
        self.level = burst
        self.running = 0
        self.at = 0.0

    def takes(self, now: float) -> bool:
        """Whether one more attempt is admitted."""
        if now > self.at:
            self.level = min(self.burst, self.level + (now - self.at) * self.rate)
            self.at = now
        if self.running >= self.slots or self.level < 1 - 1e-9:
            return False
        self.level -= 1
        self.running += 1
        return True


class App:
    """Asks without end through a pacer and, while that does not pace, the simplest of all limits:
    a place more per round, a fifth less per push-back."""

    def __init__(self, provider: Provider, *, limit: float = 10, answer: float = 4.0) -> None:
        self.pacer = Pacer()
        self.provider = provider
        self.limit = limit
        self.answer = answer
        self.waiting = 1
        self.now = 0.0
        self.alone = False
        self.admitted = 0
        self.rejected = 0
        self._generation = 0
        self._dice = Random(1)
        self._ends: list[tuple[float, int]] = []
        self._firsts: list[tuple[float, int, Ticket]] = []

    def play(self, seconds: float) -> None:
        """For so long."""
        end = self.now + seconds
        while self.now < end:
            self.step()

    def play_starts(self, count: int) -> None:
        """Until so many more were sent."""
        sent = self.admitted + self.rejected
        while self.admitted + self.rejected < sent + count:
            self.step()

    def step(self) -> None:
        """Go to the next moment at which something can start, and start it."""
        while not self.pacer.on and len(self._ends) >= self.limit:
            self.now = max(self.now, self._ends[0][0])
            self._pass()
        self.now += self.pacer.wait(self.now)
        self._pass()
        self.send()

    def send(self) -> None:
        """One attempt, now."""
        in_flight = len(self._ends) + 1
        number = self.pacer.started(in_flight, self.waiting, self.now)
        ticket = Ticket(self._generation, 0.0, in_flight, self.now, sequence=number)
        if self.provider.takes(self.now):
            self.admitted += 1
            self.limit += 1 / self.limit
            length = self._dice.lognormvariate(math.log(self.answer * 0.7), 0.8)
            heapq.heappush(self._ends, (self.now + length, number))
            heapq.heappush(self._firsts, (self.now + min(LATENCY, length), number, ticket))
        else:
            self.reject(ticket)

    def reject(self, ticket: Ticket) -> None:
        """At once, and the next one waits until the bucket would take it."""
        self.rejected += 1
        self.pacer.rejected()
        if not self.pacer.push_back(ticket, alone=self.alone, now=self.now):
            self.limit = max(1.0, 0.8 * self.limit)
        self._generation += 1
        self.now += max(0.05, (1 - self.provider.level) / self.provider.rate)

    def _pass(self) -> None:
        while self._firsts and self._firsts[0][0] <= self.now:
            ticket = heapq.heappop(self._firsts)[2]
            if ticket.generation == self._generation:
                self.pacer.served(ticket)
        while self._ends and self._ends[0][0] <= self.now:
            heapq.heappop(self._ends)
            self.provider.running -= 1


def learned(rate: float = 5.0, **provider: float) -> App:
    """At a bucket of its own for a long time."""
    app = App(Provider(rate=rate, **provider), limit=25, answer=20 / rate)
    app.play(4000 / rate)
    assert app.pacer.on
    return app


# -- is it a rate? ----------------------------------------------------------------------------------


def test_it_stays_off_without_push_back() -> None:
    app = App(Provider())
    app.play_starts(1000)

    assert not app.pacer.on
    assert (app.pacer.pace, app.pacer.wait(app.now)) == (None, 0.0)


def push_backs(app: App, count: int, *, apart: int = 30, gap: float = 0.2) -> list[bool]:
    """So many, with served attempts in between; tells after each whether starts are paced."""
    found = []
    for _ in range(count):
        for _ in range(apart):
            app.now += gap
            app.send()
        number = app.pacer.started(20, app.waiting, app.now)
        app.reject(Ticket(0, 0.0, 20, app.now, sequence=number))
        found.append(app.pacer.on)
    return found


def test_the_third_push_back_begins_a_trial() -> None:
    assert push_backs(App(Provider()), 3) == [False, False, True]


def test_a_trial_paces_a_little_below_what_was_admitted() -> None:
    app = App(Provider())
    push_backs(app, 3)

    pace = app.pacer.pace
    assert pace is not None
    assert 0.9 * 5.0 < pace < 5.0


def test_no_trial_where_the_slots_are_known_to_be_ours() -> None:
    app = App(Provider())
    app.alone = True

    assert not any(push_backs(app, 10))


def test_no_trial_of_a_rate_that_few_attempts_tell_of() -> None:
    assert not any(push_backs(App(Provider()), 6, apart=3))


def test_nobody_waiting_is_no_rate() -> None:
    """What the app asked for by itself says nothing of what the provider would have given."""
    app = App(Provider())
    app.waiting = 0

    assert not any(push_backs(app, 10))


def test_a_push_back_soon_after_a_trial_began_ends_it() -> None:
    app = App(Provider())
    push_backs(app, 3)
    push_backs(app, 1, apart=2)

    assert not app.pacer.on


def fail(app: App) -> None:
    """End a trial, by a push-back that it cannot explain."""
    assert app.pacer.on
    push_backs(app, 1, apart=1)
    assert not app.pacer.on


def test_after_a_failed_trial_many_more_push_backs_are_needed_and_ever_more() -> None:
    """The counts agree as a rate's do, or the next one would take four times as many."""
    app = App(Provider())
    push_backs(app, 3)
    fail(app)

    assert push_backs(app, 48) == [False] * 47 + [True]
    fail(app)
    assert push_backs(app, 96) == [False] * 95 + [True]


def test_where_the_counts_do_not_agree_four_times_as_many_are_needed() -> None:
    app = App(Provider())
    push_backs(app, 3)
    fail(app)
    dice = Random(7)
    needed = 0
    while not app.pacer.on:
        push_backs(app, 1, apart=(20, 30)[needed % 2], gap=(0.1, 0.3)[dice.randrange(2)])
        needed += 1
        if needed % 2:  # another rate than the last two spells
            push_backs(app, 1, apart=25, gap=0.5 + 0.3 * dice.random())
            needed += 1

    assert 48 <= needed <= 193


@pytest.mark.parametrize("slots", [3, 12, 40])
def test_slots_are_no_rate(slots: int) -> None:
    """The pacer tries, and lets go."""
    app = App(Provider(slots=slots), limit=slots)
    app.play(1500)

    paced = 0.0
    for _ in range(2000):
        app.step()
        paced += app.pacer.on
    assert paced < 200


# -- which rate? ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "burst"), [(1.0, 2), (5.0, 10), (5.0, 60), (20.0, 40), (50.0, 10)]
)
def test_all_of_a_bucket_is_used_and_hardly_anything_rejected(rate: float, burst: float) -> None:
    app = learned(rate, burst=burst)
    admitted, rejected, began = app.admitted, app.rejected, app.now
    app.play(1500 / rate)

    assert app.admitted - admitted >= 0.92 * rate * (app.now - began)
    assert app.rejected - rejected <= 0.02 * (app.admitted - admitted)


def test_a_known_rate_costs_one_rejection_in_three_hundred_attempts() -> None:
    app = learned(20.0, burst=40)
    admitted, rejected = app.admitted, app.rejected
    app.play_starts(6000)

    assert (app.rejected - rejected) / (app.admitted - admitted) <= 1 / 270


def test_it_does_not_matter_how_long_answers_take() -> None:
    app = learned()
    app.answer = 20.0
    app.play(200)
    admitted, began = app.admitted, app.now
    app.play(400)

    assert app.admitted - admitted >= 0.97 * 5.0 * (app.now - began)


def test_a_rate_that_falls_is_found_again() -> None:
    app = learned(20.0)
    app.provider.rate = 5.0
    app.play(150)
    rejected, admitted, began = app.rejected, app.admitted, app.now
    app.play(200)

    assert app.admitted - admitted >= 0.93 * 5.0 * (app.now - began)
    assert app.rejected - rejected <= 0.03 * (app.admitted - admitted)


def test_a_rate_that_doubles_is_found_within_a_few_spans() -> None:
    app = learned()
    app.provider.rate = 10.0
    app.play(200)
    admitted, began = app.admitted, app.now
    app.play(200)

    assert app.admitted - admitted >= 0.95 * 10.0 * (app.now - began)


def test_a_limit_that_is_gone_is_let_go() -> None:
    app = learned()
    app.provider.rate = math.inf
    app.play_starts(1500)

    assert not app.pacer.on


def test_a_trial_that_began_far_too_low_rises_to_the_rate() -> None:
    """Far beyond its base without push-back, the base was wrong; the limit is not gone."""
    app = App(Provider())
    push_backs(app, 3, gap=1.0)
    assert app.pacer.on
    app.provider = Provider(rate=20.0)
    app.play(200)
    admitted, began = app.admitted, app.now
    app.play(100)

    assert app.pacer.on
    assert app.admitted - admitted >= 0.9 * 20.0 * (app.now - began)


def test_time_without_demand_teaches_nothing() -> None:
    """Neither does the pace rise meanwhile, nor is what was not asked for missing from the rate."""
    app = learned()
    pace = app.pacer.pace
    assert pace is not None
    app.waiting = 0
    app.send()
    app.now += 300
    app.waiting = 1
    app.send()

    assert app.pacer.pace == pytest.approx(pace, rel=0.02)
    app.play(100)
    assert app.pacer.pace == pytest.approx(5.0, rel=0.15)


def test_after_ten_minutes_without_push_back_a_rate_is_forgotten() -> None:
    app = learned()
    app.waiting = 0
    app.now += 601
    app.send()

    assert not app.pacer.on


def test_nobody_waits_longer_than_ten_seconds_for_something_learned() -> None:
    app = App(Provider())
    push_backs(app, 3, gap=200.0)

    assert app.pacer.on
    assert app.pacer.pace == 0.15
    assert app.pacer.wait(app.now) <= 10.0


def test_after_a_push_back_the_bucket_is_given_time() -> None:
    app = learned()
    rejected = app.rejected
    while app.rejected == rejected:
        app.step()

    assert app.pacer.wait(app.now) + app.provider.level / 5.0 >= 0.05


def test_a_late_timer_is_made_up_for_and_a_minute_is_not() -> None:
    app = learned(50.0)
    app.now += 60
    burst = 0
    while app.pacer.on and app.pacer.wait(app.now) == 0:
        app.send()
        burst += 1

    assert 2 <= burst <= 5


# -- whose rate? ------------------------------------------------------------------------------------


def share(apps: list[App], seconds: float) -> None:
    """Side by side on one clock."""
    end = apps[0].now + seconds
    while (app := min(apps, key=lambda one: one.now + one.pacer.wait(one.now))).now < end:
        app.step()


def test_unequal_shares_of_a_bucket_become_equal() -> None:
    provider = Provider(rate=20.0, burst=40)
    apps = [App(provider, limit=limit) for limit in (5, 80)]
    share(apps, 900)
    before = [app.admitted for app in apps]
    share(apps, 900)
    shares = [app.admitted - one for app, one in zip(apps, before, strict=True)]

    assert all(app.pacer.on for app in apps)
    assert min(shares) / max(shares) > 0.7
    assert sum(shares) > 0.95 * 20.0 * 900


# -- always -----------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("send", "send", "serve", "reject", "reject", "pass")),
        st.integers(0, 100),
        st.sampled_from((0.0, 0.001, 0.1, 1.0, 30.0, 2000.0)),
    ),
    max_size=400,
)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_a_start_is_seconds_away(steps: list[tuple[str, int, float]]) -> None:
    pacer, now = Pacer(), 0.0
    for what, count, gap in steps:
        number = 0
        for _ in range(count if what == "send" else 1):
            number = pacer.started(1 + count, count % 3, now)
            now += gap / (1 + count)
        ticket = Ticket(0, 0.0, 1 + count, now, sequence=number)
        if what == "serve":
            pacer.served(ticket)
        elif what == "reject":
            pacer.rejected()
            pacer.push_back(ticket, alone=count > 90, now=now)
        now += max(gap, pacer.wait(now))

        assert pacer.wait(now) <= 1e-9
        assert pacer.pace is None or pacer.pace >= 0.15


def test_room_is_left_above_what_is_in_flight() -> None:
    assert [room_for(in_flight) for in_flight in (1, 10, 100)] == [3.5, 17.0, 152.0]


def test_its_repr_is_short_and_true() -> None:
    app = App(Provider())
    assert repr(app.pacer) == "<Pacer off, <PushBacks 0>>"
    push_backs(app, 3)

    assert repr(app.pacer).startswith("<Pacer 4.")
    assert repr(app.pacer).endswith("/s, <Evidence on trial, 0.0>>")
