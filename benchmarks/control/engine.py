"""Plays laws against a simulated provider in virtual time: an event heap, no loop, no waiting.

Everything that happens is one of five events; ties are resolved in the order of scheduling, so a
run is a function of scenario, law and seed.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from random import Random

from benchmarks.control.record import Record
from benchmarks.control.scenario import Scenario
from sidecar.control.law import SUCCESS, LatencyKind, Law, Ticket, Verdict
from sidecar.outcomes import Outcome
from sidecar.simulator.model import Capacity, Rejected, Started
from sidecar.simulator.service import Service, ServiceTimes

MakeLaw = Callable[[float], Law]
"""Takes the time now."""

_REJECTION_TAKES = 0.05
"""Seconds until a rejected attempt has its answer."""

_ENDLESS = 1000
"""What an endless demand tells the law of its queue."""

_RETRY_AFTER = 0.5
"""Seconds that a rejected request without a hint waits before it joins its queue again."""

_LONGEST_RETRY_AFTER = 30.0
"""Seconds: hints are obeyed up to here."""


class _Event(IntEnum):
    JOIN = 0
    FIRST_BYTE = 1
    FINISH = 2
    REJECTED = 3
    DEMAND = 4
    WAKE = 5
    CHANGE = 6


class _Client:
    """One sidecar: its law, what it has in flight and, where demand is finite, its queue."""

    __slots__ = ("in_flight", "index", "law", "queue", "wake_at")

    def __init__(self, index: int, law: Law, queue: int) -> None:
        self.index = index
        self.law = law
        self.queue = queue
        self.in_flight = 0
        self.wake_at = math.inf


@dataclass(slots=True, eq=False)
class _Work:
    """An attempt on its way."""

    client: _Client
    ticket: Ticket
    service: Service | None = None
    rejected: Rejected | None = None


class Run:
    """One scenario, one law, one seed."""

    def __init__(self, scenario: Scenario, make_law: MakeLaw, seed: int) -> None:
        self._scenario = scenario
        self._make_law = make_law
        # Separate dice, so that a law that asks more often does not change the provider's.
        self._services = ServiceTimes(scenario.service, Random(f"service {seed}"))
        self._rng = Random(f"demand {seed}")
        self._draw = Random(f"law {seed}").random
        self._capacity: Capacity[_Work] = Capacity(scenario.plan, now=0.0)
        self._heap: list[tuple[float, int, _Event, object]] = []
        self._sequence = 0
        self._now = 0.0
        self.record = Record(scenario)
        self.clients: list[_Client] = []

    def play(self) -> Record:
        """Run to the end; the record has everything that the table needs."""
        for _ in range(self._scenario.clients):
            self._schedule(self._rng.random() * self._scenario.stagger, _Event.JOIN, None)
        self._schedule_change()
        heap, end = self._heap, self._scenario.duration
        slots, capacity, record = 0.0, self._capacity, self.record
        while heap[0][0] < end:
            at, _, event, subject = heapq.heappop(heap)
            slots = capacity.slots(self._now) or 0
            record.passed(self._now, at, capacity.running, slots)
            self._now = at
            self._handle(event, subject)
        record.limits = [client.law.limit for client in self.clients]
        return record

    def _schedule(self, at: float, event: _Event, subject: object) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (at, self._sequence, event, subject))

    def _schedule_change(self) -> None:
        change = self._capacity.next_change(self._now)
        self._schedule(math.inf if change is None else change, _Event.CHANGE, None)

    def _handle(self, event: _Event, subject: object) -> None:
        if isinstance(subject, _Work):
            if event is _Event.FIRST_BYTE:
                self._first_byte(subject)
            elif event is _Event.FINISH:
                self._finish(subject)
            else:
                self._turned_away(subject)
        elif isinstance(subject, _Client):
            subject.queue += event is not _Event.WAKE
            if event is _Event.DEMAND:
                self._next_demand(subject)
            self._pump(subject)
        elif event is _Event.JOIN:
            self._join()
        else:
            self._start(self._capacity.advance(self._now))
            self._schedule_change()

    def _join(self) -> None:
        endless = self._scenario.demand is None
        law = self._make_law(self._now)
        client = _Client(len(self.clients), law, _ENDLESS if endless else 0)
        self.clients.append(client)
        if not endless:
            self._next_demand(client)
        self._pump(client)

    def _next_demand(self, client: _Client) -> None:
        rate = self._scenario.demand
        if rate is not None:
            self._schedule(self._now + self._rng.expovariate(rate), _Event.DEMAND, client)

    def _pump(self, client: _Client) -> None:
        """Start as many attempts as there is demand and the law allows."""
        law, endless = client.law, self._scenario.demand is None
        if self._now >= client.wake_at:
            client.wake_at = math.inf
        while client.queue:
            wait = law.wait(client.in_flight, self._now)
            if wait > 0:
                self._wake(client, self._now + wait)
                return
            client.in_flight += 1
            client.queue -= not endless
            ticket = law.start(in_flight=client.in_flight, waiting=client.queue, now=self._now)
            self._arrive(_Work(client, ticket))

    def _wake(self, client: _Client, at: float) -> None:
        if at < client.wake_at:
            client.wake_at = at
            self._schedule(at, _Event.WAKE, client)

    def _arrive(self, work: _Work) -> None:
        admission = self._capacity.arrive(work, self._now, draw=self._rng.random())
        if isinstance(admission, Started):
            self._start([work])
        elif isinstance(admission, Rejected):
            work.rejected = admission
            self._schedule(self._now + _REJECTION_TAKES, _Event.REJECTED, work)

    def _start(self, works: list[_Work]) -> None:
        for work in works:
            service = self._services.draw(ttft_factor=self._capacity.ttft_factor(self._now))
            work.service = service
            self._schedule(self._now + service.ttft, _Event.FIRST_BYTE, work)
            self._schedule(self._now + service.total, _Event.FINISH, work)

    def _first_byte(self, work: _Work) -> None:
        ttft = self._now - work.ticket.sent_at
        self.record.first_byte(self._now, ttft)
        work.client.law.measure(
            work.ticket, latency=ttft, kind=LatencyKind.FIRST_BYTE, now=self._now
        )
        self._pump(work.client)

    def _finish(self, work: _Work) -> None:
        self.record.success(self._now, work.client.index)
        started = self._capacity.leave(work, self._now)
        self._start(started)
        self._settle(work, SUCCESS)

    def _turned_away(self, work: _Work) -> None:
        rejected = work.rejected
        assert rejected is not None
        self.record.rejection(self._now)
        if self._scenario.demand is not None:
            hint = rejected.retry_after
            pause = _RETRY_AFTER if hint is None else min(hint, _LONGEST_RETRY_AFTER)
            self._schedule(self._now + pause, _Event.REJECTED, work.client)
        self._settle(work, Verdict(Outcome.OVERLOAD, rejected.kind, rejected.retry_after))

    def _settle(self, work: _Work, verdict: Verdict) -> None:
        client = work.client
        client.law.settle(
            work.ticket,
            verdict,
            in_flight=client.in_flight,
            waiting=client.queue,
            now=self._now,
            draw=self._draw(),
        )
        client.in_flight -= 1
        self._pump(client)
