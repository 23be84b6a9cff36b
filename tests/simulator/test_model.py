"""Who runs, who waits, who is turned away: the pure capacity that server and benchmark share."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.outcomes import RejectionKind
from sidecar.simulator.model import Admission, Capacity, Queued, Rejected, Started
from sidecar.simulator.plan import (
    BucketPlan,
    CapacityPlan,
    Outage,
    SlotPlan,
    SlotStep,
    SlowSpell,
)


def plan(*steps: tuple[float, int], queue: int | None = 0, hint: float | None = None) -> SlotPlan:
    """Slots by the time from which they are there."""
    made = tuple(SlotStep(at=at, slots=count) for at, count in steps)
    return SlotPlan(steps=made, queue=queue, retry_after=hint)


def capacity(slots: SlotPlan | None = None, *, now: float = 0.0, **more: object) -> Capacity[int]:
    return Capacity(CapacityPlan(slots=slots, **more), now=now)  # type: ignore[arg-type]


def test_a_provider_without_limits_runs_everything() -> None:
    free = capacity()

    assert {type(free.arrive(work, 0.0)) for work in range(1000)} == {Started}
    assert free.slots(0.0) is None
    assert free.request_figures(0.0) is None
    assert free.llm_token_figures(0.0) is None
    assert free.next_change(0.0) is None


def test_one_too_many_is_429_and_a_place_given_back_can_be_had() -> None:
    one = capacity(plan((0, 1)))

    assert one.arrive(1, 0.0) == Started()
    assert one.arrive(2, 0.0) == Rejected(RejectionKind.RATE, 429)
    assert one.leave(1, 1.0) == []
    assert one.arrive(2, 1.0) == Started()


def test_beyond_slots_and_queue_comes_503() -> None:
    small = capacity(plan((0, 1), queue=1, hint=2.0))

    assert small.arrive(1, 0.0) == Started()
    assert small.arrive(2, 0.0) == Queued(ahead=0)
    assert small.arrive(3, 0.0) == Rejected(RejectionKind.OVERLOAD, 503, 2.0)
    assert (small.running, small.queued) == (1, 1)


def test_a_provider_that_queues_without_end_turns_nobody_away() -> None:
    server = capacity(plan((0, 1), queue=None))

    assert server.arrive(0, 0.0) == Started()
    assert [server.arrive(work, 0.0) for work in (1, 2, 3)] == [Queued(0), Queued(1), Queued(2)]


def test_who_leaves_running_lets_in_the_first_in_the_queue() -> None:
    server = capacity(plan((0, 1), queue=None))
    for work in range(4):
        server.arrive(work, 0.0)

    assert server.leave(0, 1.0) == [1]
    assert server.leave(1, 2.0) == [2]


def test_who_leaves_the_queue_lets_in_nobody() -> None:
    server = capacity(plan((0, 1), queue=None))
    for work in range(3):
        server.arrive(work, 0.0)

    assert server.leave(1, 1.0) == []
    assert server.leave(0, 2.0) == [2]


def test_leaving_twice_or_unknown_is_harmless() -> None:
    server = capacity(plan((0, 1), queue=None))
    for work in range(3):
        server.arrive(work, 0.0)

    assert server.leave(0, 1.0) == [1]
    assert server.leave(0, 1.0) == []
    assert server.leave(99, 1.0) == []
    assert (server.running, server.queued) == (1, 1)


def test_the_same_work_cannot_arrive_twice() -> None:
    server = capacity(plan((0, 1), queue=1))
    server.arrive(1, 0.0)
    server.arrive(2, 0.0)

    with pytest.raises(ValueError, match="1 is here already"):
        server.arrive(1, 0.0)
    with pytest.raises(ValueError, match="2 is here already"):
        server.arrive(2, 0.0)


def test_slots_change_at_their_time_counted_from_the_beginning() -> None:
    changing = capacity(plan((0, 4), (10, 2), (20, 8)), now=1000.0)

    assert [changing.slots(1000.0 + at) for at in (0, 9.9, 10, 19.9, 20, 1e6)] == [4, 4, 2, 2, 8, 8]
    assert changing.slots(999.0) == 4, "before the beginning it is as at the beginning"
    assert changing.next_change(1000.0) == 1010.0
    assert changing.next_change(1010.0) == 1020.0
    assert changing.next_change(1020.0) is None


def test_slots_that_go_away_kill_nobody_but_let_nobody_in() -> None:
    shrinking = capacity(plan((0, 3), (10, 1), queue=None))
    for work in range(4):
        shrinking.arrive(work, 0.0)

    assert shrinking.advance(10.0) == []
    assert shrinking.running == 3
    assert shrinking.leave(0, 11.0) == []
    assert shrinking.leave(1, 12.0) == []
    assert shrinking.leave(2, 13.0) == [3]


def test_slots_that_come_let_in_who_waits_when_the_driver_asks() -> None:
    growing = capacity(plan((0, 0), (10, 2), queue=None))
    for work in range(3):
        growing.arrive(work, 0.0)

    assert growing.advance(9.9) == []
    assert growing.advance(10.0) == [0, 1]


def test_who_arrives_after_the_slots_came_does_not_pass_those_who_wait() -> None:
    """The driver may be late with `advance`: the queue still comes first."""
    growing = capacity(plan((0, 0), (10, 1), queue=None))
    growing.arrive(0, 0.0)

    assert growing.arrive(1, 11.0) == Queued(ahead=1)
    assert growing.advance(11.0) == [0]


def test_an_empty_bucket_rejects_and_says_exactly_when_it_will_not() -> None:
    limited = capacity(requests=BucketPlan(per_minute=60, burst=1))

    assert limited.arrive(1, 0.0) == Started()
    assert limited.arrive(2, 0.25) == Rejected(RejectionKind.RATE, 429, 0.75)
    assert limited.arrive(2, 1.0) == Started()


def test_a_bucket_may_keep_that_to_itself() -> None:
    limited = capacity(requests=BucketPlan(per_minute=60, burst=1, hint=False))
    limited.arrive(1, 0.0)

    assert limited.arrive(2, 0.0) == Rejected(RejectionKind.RATE, 429, None)


def test_the_emptier_of_two_buckets_decides_when() -> None:
    limited = capacity(
        requests=BucketPlan(per_minute=60, burst=1), llm_tokens=BucketPlan(per_minute=60, burst=10)
    )
    assert limited.arrive(1, 0.0, llm_tokens=10) == Started()

    assert limited.arrive(2, 0.0, llm_tokens=5) == Rejected(RejectionKind.RATE, 429, 5.0)
    assert limited.arrive(2, 0.0, llm_tokens=0) == Rejected(RejectionKind.RATE, 429, 1.0)


def test_a_rejected_request_takes_nothing_from_any_bucket() -> None:
    limited = capacity(
        plan((0, 1)),
        requests=BucketPlan(per_minute=60, burst=10),
        llm_tokens=BucketPlan(per_minute=60, burst=10),
    )
    limited.arrive(1, 0.0, llm_tokens=8)
    assert isinstance(limited.arrive(2, 0.0, llm_tokens=1), Rejected), "no slot"
    limited.leave(1, 0.0)
    assert isinstance(limited.arrive(2, 0.0, llm_tokens=8), Rejected), "no LLM tokens"

    requests, tokens = limited.request_figures(0.0), limited.llm_token_figures(0.0)
    assert requests
    assert tokens
    assert (requests.remaining, tokens.remaining) == (9, 2)


def test_a_queued_request_has_paid_already() -> None:
    """As providers do: what is accepted counts when it is accepted."""
    limited = capacity(plan((0, 0), queue=None), requests=BucketPlan(per_minute=60, burst=2))
    limited.arrive(1, 0.0)

    figures = limited.request_figures(0.0)
    assert figures
    assert figures.remaining == 1


def test_an_outage_rejects_from_its_start_until_just_before_its_end() -> None:
    out = capacity(outages=(Outage(start=10, end=20, status=503, retry_after=89.0),), now=100.0)

    assert out.arrive(1, 109.9) == Started()
    assert out.arrive(2, 110.0) == Rejected(RejectionKind.RATE, 503, 89.0)
    assert isinstance(out.arrive(2, 119.9), Rejected)
    assert out.arrive(2, 120.0) == Started()


def test_a_brown_out_hits_the_share_of_requests_it_names() -> None:
    out = capacity(outages=(Outage(start=0, end=1, share=0.25),))

    assert isinstance(out.arrive(1, 0.0, draw=0.24), Rejected)
    assert out.arrive(1, 0.0, draw=0.25) == Started()


def test_an_outage_touches_nobody_who_runs_or_waits() -> None:
    out = capacity(plan((0, 1), queue=None), outages=(Outage(start=10, end=20),))
    out.arrive(1, 0.0)
    out.arrive(2, 0.0)

    assert out.leave(1, 15.0) == [2]


def test_slow_spells_multiply_where_they_overlap() -> None:
    slow = capacity(
        slow_spells=(
            SlowSpell(start=10, end=20, factor=4),
            SlowSpell(start=15, end=30, factor=0.5),
        ),
        now=100.0,
    )

    assert [slow.ttft_factor(100.0 + at) for at in (0, 10, 15, 20, 30)] == [1, 4, 2, 0.5, 1]


def test_a_capacity_shows_how_full_it_is() -> None:
    server = capacity(plan((0, 1), queue=None))
    for work in range(3):
        server.arrive(work, 0.0)

    assert repr(server) == "<Capacity 1 running, 2 queued>"


STEPS = st.lists(st.tuples(st.floats(0, 50), st.integers(0, 5)), max_size=4).map(
    lambda later: ((0.0, 2), *sorted(later))
)
QUEUES = st.one_of(st.none(), st.integers(0, 4))
DEEDS = st.lists(
    st.tuples(st.floats(0, 10), st.sampled_from(["arrive", "leave", "advance"]), st.integers(0)),
    max_size=80,
)


@given(STEPS, QUEUES, DEEDS)
def test_whatever_happens_the_books_balance_and_the_order_is_kept(
    steps: Sequence[tuple[float, int]],
    queue: int | None,
    deeds: Sequence[tuple[float, str, int]],
) -> None:
    """No work starts beyond the slots; none is lost; who came first starts first."""
    server: Capacity[int] = Capacity(CapacityPlan(slots=plan(*steps, queue=queue)), now=0.0)
    now, arrivals, left, rejected = 0.0, 0, 0, 0
    present: list[int] = []
    began: list[int] = []
    admission: Admission = Started()
    for gap, deed, choice in deeds:
        now += gap
        running = server.running
        started: list[int] = []
        if deed == "arrive":
            admission = server.arrive(arrivals, now)
            rejected += isinstance(admission, Rejected)
            if not isinstance(admission, Rejected):
                present.append(arrivals)
            if isinstance(admission, Started):
                started = [arrivals]
            arrivals += 1
        elif deed == "leave" and present:
            work = present.pop(choice % len(present))
            started = server.leave(work, now)
            left += 1
        else:
            started = server.advance(now)
        began += started
        slots = server.slots(now)
        assert slots is not None
        if started:
            assert server.running <= slots
        assert server.running <= max(running, slots)
        assert arrivals == server.running + server.queued + left + rejected
        assert len(present) == server.running + server.queued
        if queue is not None and deed == "arrive" and not isinstance(admission, Rejected):
            assert server.running + server.queued <= slots + queue
    assert all(earlier < later for earlier, later in pairwise(began))
    for work in present:
        server.leave(work, now)
    assert (server.running, server.queued) == (0, 0)


@given(STEPS, st.floats(0, 60))
def test_nothing_changes_before_the_next_change(
    steps: Sequence[tuple[float, int]], now: float
) -> None:
    server: Capacity[int] = Capacity(CapacityPlan(slots=plan(*steps)), now=0.0)

    change = server.next_change(now)

    if change is None:
        assert server.slots(now) == steps[-1][1]
    else:
        assert change > now
        assert server.slots(now) == server.slots((now + change) / 2)
