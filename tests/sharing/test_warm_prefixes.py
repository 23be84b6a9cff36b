"""Who goes ahead, who waits, and who is set free when."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sidecar.sharing.prompt_prefix import PromptPrefix
from sidecar.sharing.warm_prefixes import Turn, WarmPrefixes
from tests.support import settle, virtual_time

LIFE = 300.0
PATIENCE = 10.0


def prefixes(*names: str, life: float = LIFE) -> tuple[PromptPrefix, ...]:
    return tuple(PromptPrefix(name.encode(), life) for name in names)


A, B, AB = prefixes("a"), prefixes("b"), prefixes("ab", "a")


class House:
    """Warm prefixes, and what those who wait were given, in order."""

    def __init__(self, group: asyncio.TaskGroup, *, most: int = 4096) -> None:
        self.loop = asyncio.get_running_loop()
        self.warm = WarmPrefixes(max_wait=PATIENCE, loop=self.loop, most=most)
        self.tasks: list[asyncio.Task[None]] = []
        self.given: list[tuple[str, Turn]] = []
        self._group = group

    def go(self, wanted: tuple[PromptPrefix, ...] = A) -> Turn:
        """A turn that must be given at once."""
        turn = self.warm.turn(wanted)
        assert turn is not None
        return turn

    async def wait(
        self, name: str, wanted: tuple[PromptPrefix, ...] = A, longest: float = PATIENCE
    ) -> None:
        """Somebody who has to wait."""
        assert self.warm.turn(wanted) is None

        async def wait() -> None:
            turn = await self.warm.wait(wanted, longest=longest)
            self.given.append((name, turn))

        self.tasks.append(self._group.create_task(wait()))
        await settle()

    async def names(self) -> str:
        """Who was set free until now, in order."""
        await settle()
        return "".join(name for name, _ in self.given)

    def finish(self) -> None:
        """Everybody has an answer and leaves; nothing may be left then."""
        for _, turn in self.given:
            turn.ended()
        assert self.warm.led == 0


def case(test: Callable[[House], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run with a house, under virtual time."""

    @virtual_time
    async def run() -> None:
        async with asyncio.timeout(100_000), asyncio.TaskGroup() as group:
            house = House(group)
            await test(house)
            house.finish()

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@case
async def test_the_first_one_goes_and_the_rest_follow_in_order_at_its_first_byte(at: House) -> None:
    leader = at.go()
    for name in "123":
        await at.wait(name)
    assert await at.names() == ""

    leader.began()

    assert await at.names() == "123"
    assert at.warm.led == 0
    leader.ended()


@case
async def test_a_warm_prefix_holds_nobody_up(at: House) -> None:
    at.go().began()

    assert at.go() is not at.go()


@case
async def test_other_prefixes_do_not_wait(at: House) -> None:
    one, other = at.go(A), at.go(B)

    assert at.warm.led == 2
    one.ended()
    other.ended()


@case
async def test_an_end_without_a_byte_hands_the_lead_to_the_next_one_alone(at: House) -> None:
    leader = at.go()
    for name in "123":
        await at.wait(name)

    leader.ended()
    assert await at.names() == "1"
    at.given[0][1].ended()
    assert await at.names() == "12"
    at.given[1][1].began()
    assert await at.names() == "123"


@case
async def test_who_comes_while_the_lead_is_handed_over_does_not_overtake(at: House) -> None:
    leader = at.go()
    await at.wait("1")

    leader.ended()

    assert at.warm.turn(A) is None
    assert await at.names() == "1"


@case
async def test_the_last_to_end_leaves_it_to_anybody(at: House) -> None:
    at.go().ended()

    at.go().ended()


@case
async def test_endings_may_be_told_twice_and_after_each_other(at: House) -> None:
    first = at.go()
    first.ended()
    second = at.go()
    first.ended()
    assert at.warm.turn(A) is None
    first.began()  # late, but true

    at.go()
    second.began()
    second.ended()


@case
async def test_a_prefix_stays_warm_for_its_life_since_its_last_use(at: House) -> None:
    at.go().began()
    await asyncio.sleep(LIFE - 1)
    at.go().began()
    await asyncio.sleep(LIFE - 1)
    at.go()
    assert at.warm.led == 0

    await asyncio.sleep(1)
    leader = at.go()

    assert at.warm.led == 1
    leader.ended()


@case
async def test_a_use_with_a_shorter_life_does_not_end_a_longer_one(at: House) -> None:
    at.go(prefixes("a", life=3600.0)).began()
    at.go(A).began()
    await asyncio.sleep(3599)

    at.go()

    assert at.warm.led == 0


@case
async def test_who_shares_only_the_shorter_prefix_waits_for_it_and_then_leads_its_own(
    at: House,
) -> None:
    leader = at.go(AB)
    await at.wait("1", prefixes("ac", "a"))
    await at.wait("2", prefixes("ac", "a"))
    await at.wait("3", A)

    leader.began()

    assert await at.names() == "13"
    assert at.warm.turn(prefixes("ac", "a")) is None
    at.given[0][1].began()
    assert await at.names() == "132"


@case
async def test_who_has_a_longer_prefix_waits_for_the_leader_of_the_shorter(at: House) -> None:
    leader = at.go(A)
    await at.wait("1", AB)

    leader.began()

    assert await at.names() == "1"
    assert at.warm.led == 1


@case
async def test_a_warm_longest_prefix_is_enough(at: House) -> None:
    at.go(prefixes("ab")).began()
    leader = at.go(A)

    at.go(AB).began()

    assert at.warm.turn(A) is not None  # and its use warmed the shorter one
    leader.ended()


@case
async def test_some_of_a_line_may_go_and_some_stay(at: House) -> None:
    """A second leader's answer brings one of the prefixes that the first one leads."""
    warm_a = at.go(A)
    warm_a.began()
    await asyncio.sleep(LIFE - 1)
    use = at.go(A)  # sent while warm
    await asyncio.sleep(2)
    leader = at.go(AB)
    await at.wait("1", A)
    await at.wait("2", AB)

    use.began()

    assert await at.names() == "1"
    leader.began()
    assert await at.names() == "12"


@case
async def test_nobody_waits_longer_than_it_wants_to(at: House) -> None:
    leader = at.go()
    await at.wait("1", longest=3)
    await at.wait("2", longest=5)
    await asyncio.sleep(3.5)
    assert await at.names() == "1"
    assert at.warm.turn(A) is None  # the leader still leads

    leader.began()

    assert await at.names() == "12"
    assert at.loop.time() < 5


@case
async def test_a_silent_leader_is_replaced_and_its_line_follows_the_next_one(at: House) -> None:
    leader = at.go()
    await at.wait("1")
    await asyncio.sleep(6)
    await at.wait("2")
    await asyncio.sleep(PATIENCE - 6 + 1)

    assert await at.names() == "1"
    assert at.warm.turn(A) is None  # the second leads
    at.given[0][1].began()

    assert await at.names() == "12"
    assert at.loop.time() < 6 + PATIENCE
    leader.ended()


@case
async def test_a_silent_leader_that_begins_after_all_sets_everybody_free(at: House) -> None:
    leader = at.go()
    await at.wait("1")
    await asyncio.sleep(6)
    await at.wait("2")
    await asyncio.sleep(PATIENCE - 6 + 1)
    await at.wait("3")

    leader.began()

    assert await at.names() == "123"
    assert at.warm.led == 0


@case
async def test_of_many_that_have_waited_long_enough_just_one_leads(at: House) -> None:
    leader = at.go()
    for name in "123":
        await at.wait(name)
    await asyncio.sleep(PATIENCE + 0.1)

    assert await at.names() == "123"
    assert at.warm.led == 1
    leader.ended()
    assert at.warm.turn(A) is None


@case
async def test_a_silent_leader_does_not_hold_up_who_comes_later(at: House) -> None:
    leader = at.go()
    await asyncio.sleep(PATIENCE)

    second = at.go()

    leader.ended()
    assert at.warm.turn(A) is None
    second.ended()


@case
async def test_who_leaves_the_line_is_passed_over(at: House) -> None:
    leader = at.go()
    for name in "123":
        await at.wait(name)
    at.tasks[0].cancel()
    await settle()
    assert len(leader.line) == 2
    at.tasks[1].cancel()  # in the tick in which the lead would be its

    leader.ended()

    assert await at.names() == "3"
    assert leader.line == {}


@pytest.mark.parametrize("freed", [Turn.ended, Turn.began])
def test_who_is_cancelled_in_the_tick_it_was_served_passes_its_turn_on(
    freed: Callable[[Turn], None],
) -> None:
    @case
    async def run(at: House) -> None:
        leader = at.go()
        await at.wait("1")
        await at.wait("2")

        freed(leader)
        at.tasks[0].cancel()

        assert await at.names() == "2"
        leader.ended()

    run()


@virtual_time
async def test_what_was_used_the_longest_ago_is_forgotten_first() -> None:
    async with asyncio.TaskGroup() as group:
        at = House(group, most=2)
        at.go(A).began()
        at.go(B).began()
        at.go(A).began()
        at.go(prefixes("c")).began()

        at.go(A)
        assert at.warm.led == 0
        at.go(B).ended()
        assert repr(at.warm) == "<WarmPrefixes 2 warm, 0 led>"


@case
async def test_failure_after_failure_lets_one_at_a_time_through(at: House) -> None:
    leader = at.go()
    for _ in range(200):
        await at.wait("x")

    leader.ended()

    for number in range(200):
        await settle()
        assert len(at.given) == number + 1
        at.given[number][1].ended()
