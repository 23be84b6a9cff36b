"""Where requests of one model get their place: the pure capacity, driven by a running loop.

A stay is one request's time here: it arrives, perhaps waits, runs, and leaves, exactly once.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from sidecar.simulator.books import Bill, Books
from sidecar.simulator.bucket import Figures
from sidecar.simulator.model import Capacity, Queued, Rejected
from sidecar.simulator.prompt_cache import PromptCache
from sidecar.simulator.protocol.ask import Ask
from sidecar.simulator.protocol.style import Allowance
from sidecar.simulator.scenario import ModelPlan
from sidecar.simulator.service import Service, ServiceTimes


class Ending(StrEnum):
    """How a stay ends; the values are keys of the state."""

    FINISHED = "finished"
    """A whole answer went out."""
    CANCELLED = "cancelled"
    """The client left, or the server stopped."""
    BROKEN = "broken"
    """A fault was injected on the way."""


class NoPlaceError(Exception):
    """The capacity turned a request away."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(rejected.kind.value)
        self.rejected = rejected


@dataclass(slots=True, eq=False)
class Stay:
    """One request's time with the provider."""

    times: ServiceTimes
    began: float = 0.0
    """Loop seconds when it began to run."""
    service: Service = field(default_factory=lambda: Service(0.0, 0.0, 1))
    """Known once it runs."""
    turn: asyncio.Future[None] | None = None
    """Done when it begins to run; None where it ran at once."""
    bill: Bill | None = None
    """Known once it is known what the answer is."""


class Reception:
    """One model's places."""

    def __init__(
        self, plan: ModelPlan, dice: Random, loop: asyncio.AbstractEventLoop, *, origin: float
    ) -> None:
        self._loop = loop
        self._plan = plan
        self._dice = dice
        self._times = ServiceTimes(plan.service, dice)
        self.cache = PromptCache()
        self._books = Books()
        self._capacity: Capacity[Stay] = Capacity(plan.capacity, now=origin)
        self._endings: Counter[Ending] = Counter()
        self._rejected: Counter[int] = Counter()
        self._injected: Counter[int] = Counter()
        self._accepted = 0
        self._accepted_tokens = 0.0
        self._peak = 0
        self._busy = 0.0
        self._counted_at = loop.time()
        self._alarm: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Reception {self._capacity.running} running, {self._capacity.queued} waiting>"

    def arrive(self, ask: Ask, *, seed: int | None) -> Stay:
        """Take a place or a place in the queue; NoPlaceError where there is none.

        With a `seed` the times depend on nothing else.
        """
        times = self._times if seed is None else ServiceTimes(self._plan.service, Random(seed))
        stay, now, tokens = Stay(times), self._count_time(), self._estimate(ask)
        admission = self._capacity.arrive(stay, now, llm_tokens=tokens, draw=self._dice.random())
        if isinstance(admission, Rejected):
            raise NoPlaceError(admission)
        self._accepted += 1
        self._accepted_tokens += tokens
        if isinstance(admission, Queued):
            stay.turn = self._loop.create_future()
            self._set_alarm(now)
        else:
            self._begin(stay, now)
        return stay

    def leave(self, stay: Stay, ending: Ending) -> None:
        """Give the place back, and let in who waited for it."""
        now = self._count_time()
        self._endings[ending] += 1
        if stay.bill is not None:
            book = self._books.finish if ending is Ending.FINISHED else self._books.break_off
            book(stay.bill)
        self._wake(self._capacity.leave(stay, now), now)

    def reject(self, status: int) -> None:
        """Count an answer that said no for want of capacity."""
        self._rejected[status] += 1

    def inject(self, status: int) -> None:
        """Count an error that a directive asked for."""
        self._injected[status] += 1

    def roll(self) -> float:
        """A number in [0, 1) for chances."""
        return self._dice.random()

    def allowances(self) -> list[Allowance]:
        """What rate-limit headers tell."""
        now = self._loop.time()
        figures = {
            "requests": self._capacity.request_figures(now),
            "tokens": self._capacity.llm_token_figures(now),
        }
        return [_allowance(unit, found) for unit, found in figures.items() if found]

    def state(self) -> dict[str, Any]:
        """The truth, for whoever wants to compare."""
        now = self._count_time()
        return {
            "in_flight": self._capacity.running,
            "peak": self._peak,
            "waiting": self._capacity.queued,
            "capacity": self._capacity.slots(now),
            "busy_seconds": self._busy,
            "accepted": self._accepted,
            "accepted_llm_tokens": self._accepted_tokens,
            **{ending.value: self._endings[ending] for ending in Ending},
            "rejected": {str(status): times for status, times in self._rejected.items()},
            "injected": {str(status): times for status, times in self._injected.items()},
            **self._books.state(),
        }

    def close(self) -> None:
        """No more alarms."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _count_time(self) -> float:
        """Add the time since the last look to all who ran meanwhile; returns the time now."""
        now = self._loop.time()
        self._busy += self._capacity.running * (now - self._counted_at)
        self._counted_at = now
        return now

    def _estimate(self, ask: Ask) -> float:
        # As providers do it: what the prompt has, and what the answer may have.
        if ask.max_tokens is not None:
            return ask.prompt.tokens + ask.max_tokens
        service = self._plan.service
        return ask.prompt.tokens + service.answer_median * service.tokens_per_second

    def _begin(self, stay: Stay, now: float) -> None:
        stay.began = now
        stay.service = stay.times.draw(ttft_factor=self._capacity.ttft_factor(now))
        self._peak = max(self._peak, self._capacity.running)

    def _wake(self, stays: list[Stay], now: float) -> None:
        for stay in stays:
            self._begin(stay, now)
            if stay.turn is not None and not stay.turn.done():
                stay.turn.set_result(None)

    def _set_alarm(self, now: float) -> None:
        """Somebody waits: look again when the schedule changes the number of places."""
        when = self._capacity.next_change(now)
        if self._alarm is None and when is not None:
            self._alarm = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = self._count_time()
        self._wake(self._capacity.advance(now), now)
        if self._capacity.queued:
            self._set_alarm(now)


def _allowance(unit: str, figures: Figures) -> Allowance:
    return Allowance(unit, round(figures.limit), int(figures.remaining), figures.reset)
