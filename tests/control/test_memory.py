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


# -- where to go ------------------------------------------------------------------------------------


def alone_at(ceiling: float) -> Memory:
    memory = remember([ceiling])
    memory.gave_up(1000, regained=True)
    return memory


@pytest.mark.parametrize(
    ("taken", "draw", "target"), [(False, 0.9, 24.0), (False, 0.1, 22.5), (True, 0.9, 22.5)]
)
def test_alone_a_rejected_probe_gives_its_place_back_and_now_and_then_more(
    taken: bool, draw: float, target: float
) -> None:
    """More where a place is gone that was held, or where chance has it checked."""
    assert alone_at(25).target(25, 0.9, taken=taken, draw=draw) == target


def test_among_sharers_a_cut_is_twice_as_deep() -> None:
    assert remember([25]).target(25, 0.9, taken=False, draw=0.9) == pytest.approx(25 * 0.81)


def test_of_few_places_a_whole_one_is_given_up_unless_others_took_it_last_time() -> None:
    memory = remember([4])
    uncontested = memory.target(4, 0.9, taken=False, draw=0.9)
    memory.gave_up(1, regained=False)

    assert uncontested == pytest.approx(4 * 0.81 - 1)
    assert memory.target(4, 0.9, taken=False, draw=0.9) == pytest.approx(4 * 0.81)
    assert memory.target(4, 0.9, taken=False, draw=0.0) == pytest.approx(4 * 0.81 - 1)


def test_growth_beyond_the_ceiling_accelerates_up_to_a_point() -> None:
    memory = alone_at(25)
    at_the_ceiling = memory.growth(25, 1.0)

    assert memory.growth(20, 1.0) == at_the_ceiling
    assert memory.growth(27, 1.0) == pytest.approx(at_the_ceiling * 2.5**2)
    assert memory.growth(100, 1.0) == pytest.approx(at_the_ceiling * 2.5**4)
    assert memory.growth(20, 2.0) == pytest.approx(at_the_ceiling / 2)


def test_places_that_were_regained_prove_that_we_are_alone() -> None:
    memory = remember([25])
    for _ in range(4):
        memory.given_up = 2.0
        assert not memory.learn(25, rounds=3, climbed=False)

    assert memory.alone


@pytest.mark.parametrize(("rounds", "climbed"), [(0.5, False), (3.0, True)])
def test_a_push_back_too_soon_or_after_a_climb_proves_nothing(rounds: float, climbed: bool) -> None:
    memory = remember([25])
    for _ in range(20):
        memory.given_up = 2.0
        memory.learn(25, rounds=rounds, climbed=climbed)

    assert not memory.alone


def test_a_push_back_below_the_level_held_tells_that_a_place_is_gone() -> None:
    assert remember([25]).learn(24, rounds=3, climbed=False)
    assert not remember([25]).learn(25, rounds=3, climbed=False)
    assert Memory().learn(25, rounds=3, climbed=True)
