"""The order of a queue: classes by their shares, in each retries first, then arrivals."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.admission.fair_share import CLASSES, FairShare
from sidecar.admission.waiting_line import Waiter, WaitingLine
from sidecar.outcomes import Priority

HIGH, NORMAL, LOW = CLASSES


def make_waiter(priority: Priority = NORMAL, *, again: bool = False) -> Waiter[None]:
    return Waiter(asyncio.get_running_loop().create_future(), priority, 0, again)


def make_line(*waiters: Waiter[None]) -> WaitingLine[None]:
    line: WaitingLine[None] = WaitingLine(FairShare())
    for waiter in waiters:
        line.join(waiter, 0.0)
    return line


def emptied(line: WaitingLine[None]) -> list[Waiter[None]]:
    """Everybody, in the order in which they go while nothing takes any time."""
    order = []
    while (head := line.head(0.0)) is not None:
        order.append(head)
        line.take(head, 0.0)
    return order


async def test_nobody_is_the_head_of_an_empty_line() -> None:
    line = make_line()

    assert line.head(0.0) is None
    assert line.total == 0


async def test_retries_go_before_arrivals_and_both_in_order() -> None:
    one, two, three, four = (make_waiter(again=again) for again in (False, True, False, True))

    assert emptied(make_line(one, two, three, four)) == [two, four, one, three]


async def test_a_retry_passes_no_higher_class() -> None:
    retry, high = make_waiter(NORMAL, again=True), make_waiter(HIGH)

    assert emptied(make_line(retry, high)) == [high, retry]


async def test_the_head_is_of_the_class_whose_turn_it_is() -> None:
    share = FairShare()
    line: WaitingLine[None] = WaitingLine(share)
    high, low = make_waiter(HIGH), make_waiter(LOW)
    line.join(low, 0.0)
    line.join(high, 0.0)
    assert line.head(0.0) is high

    share.started(HIGH, 0.0)

    assert line.head(100.0) is low


async def test_the_first_waiter_begins_the_shares_anew() -> None:
    share = FairShare()
    share.started(NORMAL, 0.0)
    share.ended(NORMAL, 100.0)
    line: WaitingLine[None] = WaitingLine(share)
    low, normal = make_waiter(LOW), make_waiter(NORMAL)

    line.join(low, 100.0)
    line.join(normal, 100.0)

    assert line.head(100.0) is normal


async def test_a_class_that_begins_to_wait_is_level_with_the_last_turn() -> None:
    """What it did not have while it was away, it cannot claim now."""
    share = FairShare()
    line: WaitingLine[None] = WaitingLine(share)
    first, low, normal = make_waiter(LOW), make_waiter(LOW), make_waiter(NORMAL)
    line.join(first, 0.0)
    line.join(low, 0.0)
    share.started(LOW, 0.0)
    share.ended(LOW, 100.0)
    line.take(first, 100.0)
    line.join(normal, 100.0)
    assert line.head(100.0) is normal

    share.started(NORMAL, 100.0)
    share.ended(NORMAL, 104.0)

    assert line.head(104.0) is low


async def test_whoever_left_is_counted_no_more_and_not_missed_twice() -> None:
    one, two = make_waiter(HIGH), make_waiter(HIGH, again=True)
    line = make_line(one, two)
    assert (line.total, line.count(HIGH), line.count(LOW)) == (2, 2, 0)

    line.leave(two)
    line.leave(two)

    assert (line.total, line.count(HIGH)) == (1, 1)
    assert line.head(0.0) is one


@pytest.mark.parametrize("again", [False, True])
async def test_who_was_cancelled_is_never_the_head(again: bool) -> None:
    gone, gone_too, there = make_waiter(again=again), make_waiter(again=again), make_waiter()
    line = make_line(gone, gone_too, there)
    gone.future.cancel()
    gone_too.future.cancel()

    assert line.head(0.0) is there
    assert line.total == 1


async def test_a_line_of_cancelled_ones_has_no_head() -> None:
    gone = make_waiter(LOW)
    line = make_line(gone)
    gone.future.cancel()

    assert line.head(0.0) is None
    assert line.total == 0


async def test_the_last_of_the_lowest_class_gives_way() -> None:
    first, last, normal = make_waiter(LOW), make_waiter(LOW), make_waiter(NORMAL)
    line = make_line(first, last, normal)

    assert line.last_below(HIGH) is last
    assert line.last_below(NORMAL) is last
    line.leave(last)
    line.leave(first)
    assert line.last_below(HIGH) is normal


async def test_nobody_gives_way_to_an_equal_or_a_lower_one() -> None:
    line = make_line(make_waiter(HIGH), make_waiter(NORMAL))

    assert line.last_below(NORMAL) is None
    assert line.last_below(LOW) is None


async def test_a_retry_gives_way_when_no_arrival_of_its_class_is_left() -> None:
    arrival, older, newer = (
        make_waiter(LOW),
        make_waiter(LOW, again=True),
        make_waiter(LOW, again=True),
    )
    line = make_line(older, arrival, newer)
    assert line.last_below(NORMAL) is arrival

    line.leave(arrival)

    assert line.last_below(NORMAL) is newer


async def test_it_says_its_state_in_one_line() -> None:
    line = make_line(make_waiter(HIGH), make_waiter(LOW), make_waiter(LOW, again=True))

    assert repr(line) == "<WaitingLine 1 high, 0 normal, 2 low>"


@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.booleans(), st.booleans()), max_size=30))
def test_inside_a_class_the_order_is_kept_whoever_leaves(
    callers: list[tuple[Priority, bool, bool]],
) -> None:
    """A caller is: its class, whether it is a retry, whether it leaves before it is served."""

    async def scenario() -> None:
        waiters = [make_waiter(priority, again=again) for priority, again, _ in callers]
        line = make_line(*waiters)
        stay = []
        for waiter, (_, _, leaves) in zip(waiters, callers, strict=True):
            if leaves:
                line.leave(waiter)
            else:
                stay.append(waiter)
        order = emptied(line)
        for priority in CLASSES:
            mine = [waiter for waiter in stay if waiter.priority is priority]
            expected = sorted(mine, key=lambda waiter: not waiter.again)
            assert [waiter for waiter in order if waiter.priority is priority] == expected

    asyncio.run(scenario())
