"""A simulated provider's capacity: who runs now, who waits, who is rejected.

Pure and driven by events, so that the same model serves the virtual-time benchmark and a real
server: the driver tells arrivals and departures (finished or cancelled) with the time, and is told
who starts. Between events only the schedule can change something: ask `next_change` when, and call
`advance` then. Times are the driver's own seconds; the plan counts from the `now` of construction.

    match capacity.arrive(work, now):
        case Started(): ...    # draw a service; call leave(work) when it ends
        case Queued(): ...     # it is among the works that a later leave or advance returns
        case Rejected(): ...   # nothing to leave
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sidecar.outcomes import RejectionKind
from sidecar.simulator.bucket import Figures, TokenBucket
from sidecar.simulator.plan import CapacityPlan, Outage

Work = TypeVar("Work", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Started:
    """The work runs now."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The work waits for a slot."""

    ahead: int
    """Works that wait before it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The work is turned away; it never runs."""

    kind: RejectionKind
    status: int
    retry_after: float | None = None
    """Seconds; None = no hint."""


Admission = Started | Queued | Rejected

_STARTED = Started()


class Capacity(Generic[Work]):
    """One (provider, model)'s hidden limits. Works are any hashable values, each once at a time."""

    def __init__(self, plan: CapacityPlan, *, now: float) -> None:
        self.plan = plan
        self._origin = now
        self._step_times = [step.at for step in plan.slots.steps] if plan.slots else []
        self._running: set[Work] = set()
        self._queue: OrderedDict[Work, None] = OrderedDict()
        self._requests = TokenBucket(plan.requests, now=now) if plan.requests else None
        self._llm_tokens = TokenBucket(plan.llm_tokens, now=now) if plan.llm_tokens else None

    def __repr__(self) -> str:
        return f"<Capacity {self.running} running, {self.queued} queued>"

    @property
    def running(self) -> int:
        """Works that run now."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """Works that wait for a slot."""
        return len(self._queue)

    def slots(self, now: float) -> int | None:
        """Works that may run at once now; None = any number."""
        if self.plan.slots is None:
            return None
        index = bisect_right(self._step_times, now - self._origin) - 1
        return self.plan.slots.steps[max(index, 0)].slots

    def ttft_factor(self, now: float) -> float:
        """By what the time to the first byte of a work that starts now is multiplied."""
        elapsed = now - self._origin
        factor = 1.0
        for spell in self.plan.slow_spells:
            if spell.start <= elapsed < spell.end:
                factor *= spell.factor
        return factor

    def request_figures(self, now: float) -> Figures | None:
        """What rate-limit headers say of requests; None without such a limit."""
        return self._requests.figures(now) if self._requests else None

    def llm_token_figures(self, now: float) -> Figures | None:
        """What rate-limit headers say of LLM tokens; None without such a limit."""
        return self._llm_tokens.figures(now) if self._llm_tokens else None

    def arrive(
        self, work: Work, now: float, *, llm_tokens: float = 0.0, draw: float = 0.0
    ) -> Admission:
        """A work asks to run. `draw`, uniform in [0, 1), decides whom a partial outage hits."""
        if work in self._running or work in self._queue:
            raise ValueError(f"{work!r} is here already")
        rejected = (
            self._outage(now, draw) or self._no_room(now) or self._bucket_empty(llm_tokens, now)
        )
        if rejected:
            return rejected
        self._take(llm_tokens, now)
        slots = self.slots(now)
        # Who waits goes first, also where the driver has yet to `advance` over a change.
        if not self._queue and (slots is None or len(self._running) < slots):
            self._running.add(work)
            return _STARTED
        self._queue[work] = None
        return Queued(len(self._queue) - 1)

    def leave(self, work: Work, now: float) -> list[Work]:
        """A work finished, or was cancelled running or queued; returns the works that start now.

        Unknown works are ignored: a cancellation may come twice.
        """
        self._running.discard(work)
        self._queue.pop(work, None)
        return self.advance(now)

    def advance(self, now: float) -> list[Work]:
        """Start what waits and may run now; the works are returned in order of arrival."""
        started: list[Work] = []
        slots = self.slots(now)
        while self._queue and (slots is None or len(self._running) < slots):
            work, _ = self._queue.popitem(last=False)
            self._running.add(work)
            started.append(work)
        return started

    def next_change(self, now: float) -> float | None:
        """When the number of slots changes next, in the driver's seconds; None = never again."""
        index = bisect_right(self._step_times, now - self._origin)
        if index == len(self._step_times):
            return None
        return self._origin + self._step_times[index]

    def _outage(self, now: float, draw: float) -> Rejected | None:
        elapsed = now - self._origin
        for outage in self.plan.outages:
            if outage.start <= elapsed < outage.end and draw < outage.share:
                return _rejected_by(outage)
        return None

    def _no_room(self, now: float) -> Rejected | None:
        plan, slots = self.plan.slots, self.slots(now)
        if plan is None or plan.queue is None or slots is None:
            return None
        if len(self._running) + len(self._queue) < slots + plan.queue:
            return None
        if plan.queue:
            return Rejected(RejectionKind.OVERLOAD, 503, plan.retry_after)
        return Rejected(RejectionKind.RATE, 429, plan.retry_after)

    def _bucket_empty(self, llm_tokens: float, now: float) -> Rejected | None:
        waits = [
            (bucket.wait(amount, now), bucket.plan.hint)
            for bucket, amount in ((self._requests, 1.0), (self._llm_tokens, llm_tokens))
            if bucket
        ]
        wait, hint = max(waits, default=(0.0, False))
        if wait == 0:
            return None
        return Rejected(RejectionKind.RATE, 429, wait if hint else None)

    def _take(self, llm_tokens: float, now: float) -> None:
        if self._requests:
            self._requests.take(1.0, now)
        if self._llm_tokens:
            self._llm_tokens.take(llm_tokens, now)


def _rejected_by(outage: Outage) -> Rejected:
    return Rejected(outage.kind, outage.status, outage.retry_after)
