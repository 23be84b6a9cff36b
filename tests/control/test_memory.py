"""What push-back taught: a ceiling, how long to hold below it, and whether anybody shares it."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.memory import Memory


def remember(levels: Iterable[float]) -> Memory:
    memory = Memory()
    for level in levels:
        memory.push_back(level)
    return memory


def plateaus(levels: Iterable[float]) -> list[float]:
    memory, found = Memory(), []
    for level in levels:
        memory.push_back(level)
        found.append(memory.plateau)
    return found


def test_before_the_first_push_back_nothing_is_known() -> None:
    memory = Memory()

    assert memory.ceiling is None
    assert memory.hold == 1
    assert not memory.alone


@pytest.mark.parametrize(("ceiling", "hold"), [(25.0, 24.0), (2.0, 1.0), (1.0, 1.0), (1.4, 1.0)])
def test_one_below_the_ceiling_is_served_and_one_always(ceiling: float, hold: float) -> None:
    memory = remember([ceiling])

    assert (memory.ceiling, memory.hold) == (ceiling, hold)


def test_a_confirmed_ceiling_doubles_the_plateau() -> None:
    first, second, third = plateaus([25, 25, 25])

    assert second == 2 * first
    assert third == 2 * second


def test_a_plateau_has_an_end() -> None:
    """New capacity must be found some day."""
    found = plateaus([25] * 20)

    assert found == sorted(found)
    assert found[-1] == found[10] <= 20


@pytest.mark.parametrize("close", [24.0, 26.0, 23.5, 27.0])
def test_a_ceiling_close_to_the_last_one_is_the_same(close: float) -> None:
    first, second = plateaus([25, close])

    assert second > first


@pytest.mark.parametrize(("last", "moved"), [(4.0, 6.0), (4.0, 2.0), (100.0, 89.0), (25.0, 28.0)])
def test_a_ceiling_that_moved_begins_again(last: float, moved: float) -> None:
    found = plateaus([last, last, moved])

    assert found[2] == found[0] < found[1]


def test_few_places_are_held_for_more_rounds() -> None:
    """Their rounds are short: a probe costs a rejection per so many answers, not per round."""
    few, many = plateaus([6] * 10)[-1], plateaus([60] * 10)[-1]

    assert few > many


def test_capacity_that_fell_is_expected_back_sooner() -> None:
    fallen, never_more = plateaus([24, *[8] * 10])[-1], plateaus([8] * 10)[-1]

    assert fallen < never_more


def test_what_it_fell_from_is_forgotten_in_time() -> None:
    fallen, forgotten = plateaus([24, *[8] * 10])[-1], plateaus([24, *[8] * 100])[-1]

    assert forgotten > fallen


def test_places_found_free_again_and_again_prove_that_we_are_alone() -> None:
    memory = remember([25])
    found = []
    for _ in range(20):
        memory.gave_up(1, regained=True)
        found.append(memory.alone)

    assert not found[0], "once is chance"
    assert found[-1]
    assert found == sorted(found), "a proof is not lost by more of it"


def test_many_places_prove_it_at_once() -> None:
    """Whoever shares would have taken some of a hundred free ones."""
    memory = remember([200])
    memory.gave_up(100, regained=True)

    assert memory.alone


def test_one_place_gone_proves_that_we_share() -> None:
    memory = remember([25])
    for _ in range(20):
        memory.gave_up(5, regained=True)
    memory.gave_up(5, regained=False)

    assert not memory.alone

    memory.gave_up(1, regained=True)
    assert not memory.alone, "the proof begins again"


@given(st.lists(st.floats(1, 256), max_size=60))
def test_it_holds_at_least_one_place_and_never_for_ever(levels: list[float]) -> None:
    memory = remember(levels)

    assert 1 <= memory.hold <= max([1.0, *levels])
    assert 1 <= memory.plateau <= 30


def test_repr_is_short_and_true() -> None:
    memory = Memory()
    assert repr(memory) == f"<Memory ceiling None, plateau {memory.plateau:g}, shared>"

    memory.push_back(25.0)
    memory.gave_up(100, regained=True)

    assert repr(memory) == f"<Memory ceiling 25.0, plateau {memory.plateau:g}, alone>"
