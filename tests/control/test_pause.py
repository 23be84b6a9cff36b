"""Pauses: hold a key after rejections, but never long, and let one attempt test the water."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.law import Ticket
from sidecar.control.pause import Pause

LONG_HINT = 89.0


def send(pause: Pause, now: float) -> Ticket:
    """An attempt, which may start."""
    assert pause.wait(now) == 0
    return Ticket(0, 10, 1, now, probe=pause.started())


def reject(pause: Pause, now: float, *, hint: float | None = None, draw: float = 0.0) -> float:
    """One attempt is sent and rejected at once; returns the seconds to wait then."""
    pause.rejected(send(pause, now), hint, now=now, draw=draw)
    return pause.wait(now)


def held(pause: Pause, now: float = 0.0, *, hint: float | None = None) -> float:
    """Three rejections in a row; returns the time when the pause is over."""
    for _ in range(3):
        now += reject(pause, now, hint=hint)
    return now


def test_nothing_is_held_before_a_rejection() -> None:
    pause = Pause()

    assert not send(pause, 0.0).probe
    assert pause.wait(0.0) == 0


# -- short hints ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hint", [0.0, 0.2, 1.0])
def test_a_short_hint_pauses_that_long(hint: float) -> None:
    pause = Pause()

    assert reject(pause, 5.0, hint=hint) == pytest.approx(hint)
    assert pause.wait(5.0 + hint / 2) == pytest.approx(hint / 2)
    assert pause.wait(5.0 + hint) == 0


def test_after_a_short_hint_all_may_start() -> None:
    pause = Pause()
    reject(pause, 0.0, hint=0.5)

    assert [send(pause, 0.5).probe for _ in range(3)] == [False, False, False]


def test_a_shorter_hint_does_not_shorten_a_pause() -> None:
    pause = Pause()
    tickets = [send(pause, 0.0) for _ in range(2)]
    pause.rejected(tickets[0], 1.0, now=0.0, draw=0.0)
    pause.rejected(tickets[1], 0.1, now=0.0, draw=0.0)

    assert pause.wait(0.0) == 1.0


# -- three in a row ---------------------------------------------------------------------------------


@pytest.mark.parametrize("hint", [None, 1.1, LONG_HINT, 86400.0])
def test_one_or_two_rejections_pause_nobody_and_three_do(hint: float | None) -> None:
    """A limit is found by being rejected now and then."""
    pause = Pause()

    assert reject(pause, 0.0, hint=hint) == 0
    assert reject(pause, 1.0, hint=hint) == 0
    assert 0 < reject(pause, 2.0, hint=hint) <= 1


def test_a_success_in_between_begins_the_row_again() -> None:
    pause = Pause()
    for now in range(10):
        assert reject(pause, now, hint=LONG_HINT) == 0
        assert reject(pause, now + 0.1, hint=LONG_HINT) == 0
        pause.accepted(send(pause, now + 0.2))


def test_what_was_sent_before_a_rejection_proves_nothing() -> None:
    """Its answer was under way already when the provider changed its mind."""
    pause = Pause()
    old = send(pause, 0.0)
    assert reject(pause, 1.0) == 0
    assert reject(pause, 2.0) == 0
    pause.accepted(old)

    assert reject(pause, 3.0) > 0


def test_rejections_of_one_burst_count_once() -> None:
    pause = Pause()
    burst = [send(pause, 0.0) for _ in range(50)]
    for number, ticket in enumerate(burst):
        pause.rejected(ticket, LONG_HINT, now=0.05 + number / 1000, draw=0.0)

    assert pause.wait(0.1) == 0


# -- how long ---------------------------------------------------------------------------------------


def lengths(hint: float | None, *, draw: float = 0.0, count: int = 12) -> list[float]:
    """Of so many pauses in a row."""
    pause, now = Pause(), 0.0
    found: list[float] = []
    while len(found) < count:
        length = reject(pause, now, hint=hint, draw=draw)
        if length:
            found.append(length)
        now += length + 1e-6
    return found


def test_each_further_pause_is_twice_as_long_up_to_five_seconds() -> None:
    assert lengths(None, count=7) == pytest.approx([0.5, 1, 2, 4, 5, 5, 5])


@pytest.mark.parametrize("hint", [None, 12.0, LONG_HINT, 86400.0, math.inf])
def test_no_hint_makes_a_pause_longer_than_five_seconds_and_a_tenth(hint: float | None) -> None:
    assert max(lengths(hint, draw=0.999)) <= 5.5


def test_a_hint_shortens_a_pause() -> None:
    assert max(lengths(3.0)) == pytest.approx(3)


def test_chance_spreads_the_ends_of_pauses_by_a_tenth() -> None:
    earliest, latest = lengths(None, draw=0.0), lengths(None, draw=1.0)

    assert latest == pytest.approx([1.1 * length for length in earliest])


def test_it_can_go_on_for_days() -> None:
    """A power of two must not overflow."""
    assert max(lengths(None, count=2000)) == pytest.approx(5)


# -- half open --------------------------------------------------------------------------------------


def test_after_a_pause_one_attempt_tests_the_water() -> None:
    pause = Pause()
    now = held(pause)

    assert send(pause, now).probe
    assert pause.wait(now) == math.inf
    assert pause.wait(now + 1e6) == math.inf, "until it has an answer"


def test_an_accepted_probe_opens_for_all() -> None:
    pause = Pause()
    now = held(pause)
    pause.accepted(send(pause, now))

    assert [send(pause, now).probe for _ in range(3)] == [False, False, False]


def test_an_accepted_probe_begins_again_with_short_pauses() -> None:
    pause, now = Pause(), 0.0
    for _ in range(8):
        now += reject(pause, now)
    pause.accepted(send(pause, now))

    assert held(pause, now) - now == pytest.approx(0.5)


def test_a_rejected_probe_pauses_longer() -> None:
    pause = Pause()
    now = held(pause)

    assert reject(pause, now) == pytest.approx(1.0)
    assert send(pause, now + 1).probe, "one attempt again"


def test_a_probe_that_tells_nothing_leaves_the_door_half_open_for_the_next() -> None:
    pause = Pause()
    now = held(pause)
    pause.told_nothing(send(pause, now))

    assert send(pause, now).probe
    assert pause.wait(now) == math.inf


def test_others_that_tell_nothing_do_not_let_a_second_probe_go() -> None:
    pause = Pause()
    other = send(pause, 0.0)
    now = held(pause)
    send(pause, now)
    pause.told_nothing(other)

    assert pause.wait(now) == math.inf


def test_late_answers_of_before_the_pause_change_nothing_while_a_probe_is_under_way() -> None:
    pause = Pause()
    old = [send(pause, 0.0) for _ in range(3)]
    now = held(pause, 1.0)
    send(pause, now)
    pause.accepted(old[0])
    pause.rejected(old[1], LONG_HINT, now=now, draw=0.0)
    pause.told_nothing(old[2])

    assert pause.wait(now) == math.inf


@pytest.mark.parametrize("end", ["accepted", "told_nothing"])
def test_a_probe_of_an_earlier_pause_says_nothing_about_this_one(end: str) -> None:
    """A stream opened the door with its first byte; it ends while the provider is gone again."""
    pause = Pause()
    stream = send(pause, held(pause))
    pause.accepted(stream)
    now = held(pause, 10.0)
    probe = send(pause, now)
    assert (stream.probe, probe.probe) == (True, True)

    if end == "accepted":
        pause.accepted(stream)
    else:
        pause.told_nothing(stream)

    assert pause.wait(now) == math.inf, "the probe of this pause is still under way"
    pause.accepted(probe)
    assert pause.wait(now) == 0


def test_an_attempt_of_the_pauses_first_moment_cannot_keep_the_door_shut() -> None:
    """Sent in the tick of the third rejection, it is rejected itself while the probe is away."""
    pause = Pause()
    reject(pause, 0.0)
    reject(pause, 1.0)
    twins = [send(pause, 2.0) for _ in range(2)]
    pause.rejected(twins[0], None, now=2.0, draw=0.0)
    probe = send(pause, 3.0)
    pause.rejected(twins[1], None, now=3.5, draw=0.0)
    pause.accepted(probe)

    assert pause.wait(100.0) == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "accept", "reject", "nothing", "pass"]),
        st.integers(0, 20),
        st.none() | st.floats(0, 100),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_a_pause_ends_and_one_probe_at_most_is_under_way(
    steps: list[tuple[str, int, float | None]],
) -> None:
    pause, now = Pause(), 0.0
    open_tickets: list[Ticket] = []
    for what, number, hint in steps:
        wait = pause.wait(now)
        assert 0 <= wait <= 11 or wait == math.inf
        if what == "pass":
            now += number / 4
        elif what == "send" and wait == 0:
            open_tickets.append(send(pause, now))
        elif what != "send" and open_tickets:
            ticket = open_tickets.pop(number % len(open_tickets))
            match what:
                case "accept":
                    pause.accepted(ticket)
                case "reject":
                    pause.rejected(ticket, hint, now=now, draw=0.5)
                case _:
                    pause.told_nothing(ticket)

    for ticket in open_tickets:
        pause.told_nothing(ticket)
    assert pause.wait(now + 100) == 0


def test_repr_is_short_and_true() -> None:
    pause = Pause()
    assert repr(pause) == "<Pause open, until -inf s, 0 rejections in a row>"

    held(pause)

    assert repr(pause) == "<Pause half-open, until 0.5 s, 3 rejections in a row>"
