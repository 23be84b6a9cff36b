"""A maker of limiters, all of which must be empty when the test ends."""

import asyncio
from collections.abc import Iterator

import pytest

from sidecar.admission import LimitKey
from sidecar.admission.limiter import Limiter
from tests.fakes.law import ScriptedLaw
from tests.fakes.observer import RecordingObserver
from tests.fakes.rates import ScriptedRates

DRAW = 0.25


class MakeLimiter:
    """Makes limiters inside the running loop."""

    def __init__(self) -> None:
        self.made: list[Limiter] = []
        self.observer = RecordingObserver()

    def __call__(
        self, law: ScriptedLaw, rates: ScriptedRates | None = None, *, max_waiting: int = 100
    ) -> Limiter:
        limiter = Limiter(
            LimitKey("openai", "gpt"),
            law,
            rates or ScriptedRates(),
            max_waiting=max_waiting,
            loop=asyncio.get_running_loop(),
            observer=self.observer,
            draw=lambda: DRAW,
        )
        self.made.append(limiter)
        return limiter


@pytest.fixture
def make_limiter() -> Iterator[MakeLimiter]:
    """Nothing is in flight or waiting in what it made, once the test is over."""
    make = MakeLimiter()
    yield make
    for limiter in make.made:
        assert limiter.in_flight + limiter.waiting == 0, f"left behind: {limiter!r}"
        assert isinstance(limiter.law, ScriptedLaw)
        assert not limiter.law.open
        assert isinstance(limiter.rates, ScriptedRates)
        assert not limiter.rates.open
