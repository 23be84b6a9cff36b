"""Answers have the length and the times that were drawn for them, or asked for."""

import asyncio
import random

import pytest

from sidecar.clock import LoopClock
from sidecar.simulator.composition import answer, compose
from sidecar.simulator.directive import Directive, parse
from sidecar.simulator.protocol.ask import Ask
from sidecar.simulator.protocol.text import prompt
from sidecar.simulator.reception import Stay
from sidecar.simulator.service import Service, ServicePlan, ServiceTimes
from sidecar.simulator.stamps import Stamps


@pytest.fixture
def stamps() -> Stamps:
    loop = asyncio.new_event_loop()
    loop.close()  # only asked for the time
    return Stamps(LoopClock(loop), random.Random(1), deterministic=True)


def _stay() -> Stay:
    times = ServiceTimes(ServicePlan(), random.Random(1))
    return Stay(times, began=100.0, service=Service(ttft=1.0, total=5.0, output_tokens=8))


def _ask(max_tokens: int | None = None) -> Ask:
    return Ask(model="m", prompt=prompt("Hello"), max_tokens=max_tokens)


@pytest.mark.parametrize(
    ("most", "directive", "words", "cut", "total"),
    [
        (None, "", 8, False, 5.0),
        (2, "", 2, True, 2.0),  # a quarter of the words takes a quarter of the time
        (8, "", 8, False, 5.0),
        (None, "tokens=16", 16, False, 9.0),
        (4, "tokens=16", 4, True, 3.0),
        (None, "total=2.5", 8, False, 2.5),
        (None, "ttft=3; total=2", 8, False, 3.0),  # no answer ends before it begins
        (0, "", 0, True, 1.0),
    ],
)
def test_length_and_times(
    stamps: Stamps, most: int | None, directive: str, words: int, cut: bool, total: float
) -> None:
    made, times = compose(_ask(most), _stay(), parse(directive), stamps)

    assert (len(made.words), made.cut) == (words, cut)
    assert (times.began, times.total) == (100.0, total)


def test_the_same_prompt_has_the_same_answer(stamps: Stamps) -> None:
    one, _ = compose(_ask(), _stay(), Directive(), stamps)
    other, _ = compose(_ask(), _stay(), Directive(), stamps)

    assert one == other


def test_an_answer_may_have_no_words(stamps: Stamps) -> None:
    assert answer(_ask(), stamps).text == ""
