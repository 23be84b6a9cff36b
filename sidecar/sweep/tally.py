"""Counts the requests of one level while it runs, and says when it has seen enough.

A level begins with a warm-up of whole rounds (as many requests as run at once), which opens
connections and spreads the requests; then counting starts. It ends with whole rounds, too: answers
that take equally long come in waves, and half a wave would be counted without its time.
"""

import math
from collections import Counter
from dataclasses import dataclass

from sidecar.sweep.level import Level, Targets, Times

_ROUNDS = 4
"""Requests counted of each that run at once, at least: fewer are all edges."""
_MOST_REQUESTS = 5
"""Times the wanted number of requests: where they end quickly, time alone must not count."""
_MOST_SECONDS = 3
"""Times the wanted seconds: where they end slowly, their number alone must not count."""
_FEWEST = 50
"""Requests without which nothing is hopeless."""
_FEWEST_ERRORS = 5
"""Fewer may be chance."""
_HOPELESS = 3
"""Times the error rate allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a level is measured."""

    requests: int = 100
    """Counted at least, if time allows; 1 or more."""
    seconds: float = 10.0
    """Measured at least, unless five times that many requests have ended; above 0."""
    warmup: int = 1
    """Rounds that are not counted; 0 or more."""

    def fewest(self, concurrency: int) -> int:
        """Requests counted at least."""
        return _whole_rounds(max(self.requests, _ROUNDS * concurrency), concurrency)

    def most(self, concurrency: int) -> int:
        """Requests counted at most."""
        wanted = max(_MOST_REQUESTS * self.requests, _ROUNDS * concurrency)
        return _whole_rounds(wanted, concurrency)

    def most_sent(self, concurrency: int) -> int:
        """Requests sent at most: warm-up, counted, and those on their way when it ends."""
        return self.most(concurrency) + (self.warmup + 1) * concurrency


@dataclass(frozen=True, slots=True)
class Success:
    """An answer that came whole."""

    latency: float
    """Seconds to the last byte; of a stream to its first."""
    total: float
    """Seconds to the last byte."""
    output_tokens: int | None
    """LLM tokens, if it says so."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Anything else."""

    kind: str
    """A status, or what happened to the connection; a few words at most."""
    detail: str = ""
    """More, for the first request of all; nothing of a request or an answer."""


Ending = Success | Failure


class Tally:
    """One level's requests."""

    def __init__(self, concurrency: int, pace: Pace, targets: Targets, *, now: float) -> None:
        self.concurrency = concurrency
        self.ended = 0
        """Requests counted."""
        self.errors: Counter[str] = Counter()
        self.over = False
        """Whether enough has been seen; nothing is counted any more."""
        self._pace = pace
        self._targets = targets
        self._started = self._opened = self._last = now
        self._warming = pace.warmup * concurrency
        self._successes: list[Success] = []
        self._cut_short = False

    def __repr__(self) -> str:
        return f"<Tally of {self.concurrency} at once, {self.ended} ended>"

    @property
    def warming(self) -> bool:
        """Nothing is counted yet."""
        return self._warming > 0

    def throughput(self) -> float:
        """Successes per second so far."""
        seconds = self._last - self._opened
        return len(self._successes) / seconds if seconds > 0 else 0.0

    def add(self, ending: Ending, *, now: float) -> None:
        """A request ended."""
        if self.over:
            return
        self._last = now
        if self.warming:
            self._warm(now)
            return
        self.ended += 1
        if isinstance(ending, Success):
            self._successes.append(ending)
        else:
            self.errors[ending.kind] += 1
        self._cut_short = self._hopeless()
        self.over = self._cut_short or self._enough(now - self._opened)

    def level(self, *, streamed: bool) -> Level:
        """What it comes to."""
        told = [s.output_tokens for s in self._successes if s.output_tokens is not None]
        return Level(
            concurrency=self.concurrency,
            seconds=self._last - self._opened,
            succeeded=len(self._successes),
            latency=Times.of([success.latency for success in self._successes]),
            total=Times.of([success.total for success in self._successes]) if streamed else None,
            errors=dict(self.errors.most_common()),
            output_tokens=sum(told) if told else None,
            cut_short=self._cut_short,
        )

    def _warm(self, now: float) -> None:
        late = now - self._started >= self._pace.seconds
        self._warming = 0 if late else self._warming - 1
        self._opened = now

    def _enough(self, seconds: float) -> bool:
        if self.ended % self.concurrency:
            return False
        return (
            self.ended >= self._pace.most(self.concurrency)
            or seconds >= _MOST_SECONDS * self._pace.seconds
            or (self.ended >= self._pace.fewest(self.concurrency) and seconds >= self._pace.seconds)
        )

    def _hopeless(self) -> bool:
        """It fails, however it goes on: be kind to the provider."""
        allowed = max(_FEWEST_ERRORS - 1, _HOPELESS * self._targets.error_rate * self.ended)
        return self.ended >= _FEWEST and self.errors.total() > allowed


def _whole_rounds(requests: int, concurrency: int) -> int:
    return math.ceil(requests / concurrency) * concurrency
