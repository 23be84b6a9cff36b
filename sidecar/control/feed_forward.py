"""Slows down by what the provider's rate-limit headers tell, before the first 429.

Collects what was started and what the answers tell of it. Each limit that they tell of is followed
by a bucket of its own (`predicted_bucket`); an attempt waits for the slowest of them.
"""

import math
from collections import deque
from collections.abc import Iterable

from sidecar.control.allowance import Allowance, Unit
from sidecar.control.predicted_bucket import PredictedBucket, Starts, Told

_MOMENTS = 512
"""Moments whose starts are remembered apart: more than there are attempts without an answer."""

_CARELESS = 0.1
"""Seconds for which nothing need be read where more than half is left of everything."""

_SHORTEST_RESET = 0.001
_LONGEST_RESET = 1e9
_LARGEST_FIGURE = 1e12
"""Headers may say anything: within these bounds (seconds; requests or tokens) sums and quotients
stay finite."""

_Limit = tuple[Unit, float | None]
"""Tells limits of one unit apart: a provider may have one for all tokens and one for output."""


class FeedForward:
    """What the headers of one (upstream, model) tell, and what they make an attempt wait for."""

    def __init__(self) -> None:
        self._unanswered: deque[Starts] = deque()
        self._buckets: dict[_Limit, PredictedBucket] = {}
        self._sent_at = -math.inf
        self._news_at = -math.inf

    def __repr__(self) -> str:
        return f"<FeedForward {list(self._buckets.values())}>"

    def __bool__(self) -> bool:
        """Whether anything was told."""
        return bool(self._buckets)

    def wants_news(self, now: float) -> bool:
        """Whether an answer's headers should be read now; while there is plenty, not each of them."""
        return now >= self._news_at

    def wait(self, tokens: int, now: float) -> float:
        """Seconds until an attempt with that reservation may start; 0 = now."""
        longest = 0.0
        for bucket in self._buckets.values():
            longest = max(longest, bucket.wait(_amount(tokens, bucket.unit), now))
        return longest

    def remaining(self, unit: Unit, now: float) -> float | None:
        """What is left by prediction, 0 or more; None = the provider does not tell."""
        levels = [
            max(0.0, bucket.level(now))
            for bucket in self._buckets.values()
            if bucket.unit is unit and not bucket.silent
        ]
        return min(levels, default=None)

    def started(self, tokens: int, now: float) -> None:
        """An attempt starts; also to be told before any answer, for the first one is old too."""
        moments = self._unanswered
        if moments and (moments[-1].at == now or len(moments) == _MOMENTS):
            last = moments[-1]
            last.at = now  # if it was earlier: later is safer, for no answer has counted it then
            last.requests += 1
            last.tokens += tokens
        else:
            moments.append(Starts(now, 1, tokens))
        for bucket in self._buckets.values():
            bucket.started(_amount(tokens, bucket.unit), now)

    def refunded(self, tokens: int, started_at: float) -> None:
        """An attempt was never sent. If a later one was answered, nothing counts it any more."""
        for starts in self._unanswered:
            if starts.at == started_at and starts.requests:
                starts.requests -= 1
                starts.tokens = max(0.0, starts.tokens - tokens)
                for bucket in self._buckets.values():
                    bucket.refunded(_amount(tokens, bucket.unit))

    def told(self, allowances: Iterable[Allowance], *, sent_at: float, now: float) -> None:
        """What the answer to an attempt told which `started` at `sent_at`.

        Answers come in any order: one to an attempt older than the newest that was answered tells
        nothing new. Limits of a unit that the answer tells of, but that it leaves out, are no more.
        """
        told = _usable(allowances)
        if not told or sent_at < self._sent_at:
            return
        self._sent_at = sent_at
        answered = self._take_answered(sent_at)
        units = {unit for unit, _ in told}
        buckets = {key: old for key, old in self._buckets.items() if old.unit not in units}
        for key, one in told.items():
            amount = answered.amount(one.unit)
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = PredictedBucket(one, amount, self._unanswered, sent_at=sent_at, now=now)
            else:
                bucket.told(one, amount, self._unanswered, sent_at=sent_at, now=now)
            buckets[key] = bucket
        self._buckets = buckets
        plenty = all(bucket.plenty(now) for bucket in buckets.values())
        self._news_at = now + _CARELESS if plenty else now

    def _take_answered(self, sent_at: float) -> Starts:
        """The answered attempt, as the average of its moment; older ones are forgotten."""
        moments = self._unanswered
        while moments and moments[0].at < sent_at:
            moments.popleft()
        if not moments or moments[0].at > sent_at or not moments[0].requests:
            return Starts(sent_at, 1, 0)  # not known: only that it was a request
        moment = moments[0]
        answered = Starts(sent_at, 1, moment.tokens / moment.requests)
        moment.requests -= 1
        moment.tokens -= answered.tokens
        return answered


def _amount(tokens: int, unit: Unit) -> int:
    return 1 if unit is Unit.REQUESTS else tokens


def _usable(allowances: Iterable[Allowance]) -> dict[_Limit, Told]:
    """By limit, what tells when there will be more; of two equal limits the scarcer one."""
    usable: dict[_Limit, Told] = {}
    for allowance in allowances:
        remaining, reset = _figure(allowance.remaining), _figure(allowance.reset)
        if remaining is None or reset is None:
            continue
        limit = _figure(allowance.limit) or None
        key = allowance.unit, limit
        if key not in usable or remaining < usable[key].remaining:
            reset = min(max(reset, _SHORTEST_RESET), _LONGEST_RESET)
            usable[key] = Told(allowance.unit, limit, remaining, reset)
    return usable


def _figure(value: float | None) -> float | None:
    """None for what cannot be a count or a time."""
    if value is None or not math.isfinite(value) or value < 0:
        return None
    return min(value, _LARGEST_FIGURE)
