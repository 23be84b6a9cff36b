"""Places are taken and given back, and everything is counted."""

import asyncio
from random import Random

import pytest

from sidecar.simulator.plan import CapacityPlan, SlowSpell
from sidecar.simulator.protocol.ask import Ask
from sidecar.simulator.protocol.text import Prompt
from sidecar.simulator.reception import Ending, NoPlaceError, Reception
from sidecar.simulator.scenario import ModelPlan
from sidecar.simulator.service import ServicePlan
from tests.simulator.providing import QUICK, slots
from tests.support import virtual_time

_ASK = Ask(model="m", prompt=Prompt(1, 3))


def _reception(plan: ModelPlan) -> Reception:
    loop = asyncio.get_running_loop()
    return Reception(plan, Random(1), loop, origin=loop.time())


async def test_places_are_counted_to_the_end() -> None:
    reception = _reception(ModelPlan(capacity=slots(1, queue=1), service=QUICK))

    first = reception.arrive(_ASK, seed=None)
    second = reception.arrive(_ASK, seed=None)
    with pytest.raises(NoPlaceError):
        reception.arrive(_ASK, seed=None)

    assert first.turn is None
    assert second.turn
    assert not second.turn.done()
    assert repr(reception) == "<Reception 1 running, 1 waiting>"
    reception.leave(first, Ending.FINISHED)
    assert second.turn.done()
    assert second.service.output_tokens == 8
    reception.leave(second, Ending.BROKEN)
    state = reception.state()
    assert (state["accepted"], state["finished"], state["broken"], state["peak"]) == (2, 1, 1, 1)
    assert (state["in_flight"], state["waiting"]) == (0, 0)
    assert state["accepted_llm_tokens"] == 2 * (3 + QUICK.answer_median * QUICK.tokens_per_second)


async def test_a_place_given_to_someone_who_just_left_is_no_error() -> None:
    """The turn is cancelled, then the place comes before the stay could be given back."""
    reception = _reception(ModelPlan(capacity=slots(1, queue=None), service=QUICK))
    first = reception.arrive(_ASK, seed=None)
    second = reception.arrive(_ASK, seed=None)
    assert second.turn

    second.turn.cancel()
    reception.leave(first, Ending.FINISHED)
    reception.leave(second, Ending.CANCELLED)

    assert reception.state()["in_flight"] == 0


async def test_with_a_seed_the_times_depend_on_nothing_else() -> None:
    reception = _reception(ModelPlan(service=ServicePlan()))

    seeded = [reception.arrive(_ASK, seed=5).service for _ in range(2)]
    free = [reception.arrive(_ASK, seed=None).service for _ in range(2)]

    assert seeded[0] == seeded[1]
    assert free[0] != free[1]


@virtual_time
async def test_slowness_for_everybody_counts_when_service_begins() -> None:
    spell = SlowSpell(start=10, end=20, factor=3)
    reception = _reception(ModelPlan(capacity=CapacityPlan(slow_spells=(spell,)), service=QUICK))
    before = reception.arrive(_ASK, seed=None)
    await asyncio.sleep(15)
    during = reception.arrive(_ASK, seed=None)

    assert during.service.ttft == pytest.approx(3 * before.service.ttft)
