"""One limit of a provider as its headers show it: a bucket whose level is predicted.

What an answer tells is old when it arrives: the provider counted when the attempt reached it, and
since then the bucket has refilled, we have started more, and so have others perhaps. So the level
is predicted from the newest answer, and attempts start while the prediction stays above a floor.
In a steady state the floor costs nothing: what can be used is the refill, and a bucket refills as
fast half full as empty.

What the prediction cannot explain is taken for the use of others and predicted as well. Mostly it
is: other pods have the same quota. A refill slower than stated, or tokens counted in another way
than ours, look the same and want the same. Three things keep pods that share a bucket from
swinging together, each of which sees the same surplus or lack and would make up for all of it:

- of a surprise a pod makes up at once for its own share only, for the rest over two seconds;
- it yields more of a large share than of a small one, and takes back as much of any, so that
  shares become equal;
- it assumes at first that half of the refill goes to others, and finds out.

All figures were chosen by playing pods against a bucket in virtual time (tests/simulation).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.control.allowance import Unit

_MINUTE = 60.0
"""Seconds for which a limit is stated, unless its reset shows that they are more (a day)."""

_PATIENCE = 60.0
"""Seconds: the longest wait for a header's sake. Then one attempt finds out what holds now."""

_RESERVE = 0.4
"""The part of the bucket that is left alone: attempts reach the provider in another order than
they were sent, and others take from it too."""

_RESERVE_TIME = 1.0
_RESERVE_ATTEMPTS = 3.0
"""Not more is left alone than refills in so many seconds, or so many attempts take."""

_HELD_ALONE = 0.25
_HELD_SHARED = 0.85
"""Of what is told to be left, so much is held until newer is known, and so much times the share of
others besides: they may be told the same at the same time."""

_OTHERS_AT_FIRST = 0.5
"""Share of the refill that is taken to go to others before anything is known of them."""

_OTHERS_AT_MOST = 0.875
"""Even where others take it all we must try now and then, to hear of a change."""

_FOLLOW_TIME = 2.0
_FOLLOW_ATTEMPTS = 15.0
_FOLLOW_AT_MOST = 60.0
"""The share of others follows a change within so many seconds, or the refill for so many attempts
where that takes longer: few large attempts tell less than many small ones."""

_BURST_ATTEMPTS = 3.0
_BURST_REFILLS = 2.0
"""What is lacking beyond so many attempts and so many times the refill since the last answer is a
burst of somebody's: it happened, and tells nothing of what comes."""

_YIELD = 1.5
"""Times our own share: how much faster it shrinks than it grows, so that large ones shrink most."""

_FADE_TIME = 30.0
_FADE_TIME_FULL = 5.0
"""Seconds in which the share of others fades where nothing confirms it. When the bucket is full
nothing can: it would be as full with less of them."""

_SURPRISE_TIME = 2.0
"""Seconds over which we make up for the others' share of a surprise too."""

_OVERDRAFT = 0.25
"""Part of the reserve at most that this may use up."""

_LEAST_WAIT = 0.001
"""Seconds: above a thousand starts a second, several may go at each waking."""

_LEAST_REFILL = 1e-9
"""Per second: never 0, for it divides."""

_ROUNDING = 1e-6
"""What is missing so little is not missing."""


@dataclass(slots=True)
class Starts:
    """The attempts that started at one moment and were not answered yet."""

    at: float
    """Loop seconds."""
    requests: int
    tokens: float
    """Their reservations."""

    def amount(self, unit: Unit) -> float:
        """What they take from a limit of that unit."""
        return self.requests if unit is Unit.REQUESTS else self.tokens


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer told of a limit: all figures finite, none negative, `reset` above 0."""

    unit: Unit
    limit: float | None
    """None = not told."""
    remaining: float
    """After the answered attempt was counted."""
    reset: float
    """Seconds until the bucket is full."""


class PredictedBucket:
    """What is left of one limit, and how long an attempt should wait for more."""

    def __init__(
        self, told: Told, amount: float, later: Iterable[Starts], *, sent_at: float, now: float
    ) -> None:
        """Start from the first answer; the arguments are those of `told`."""
        self.unit = told.unit
        self._others = _OTHERS_AT_FIRST  # a share of the refill
        self._typical = amount  # of an attempt
        self._size = 0.0
        self._sent_at = sent_at
        self._remaining = told.remaining
        self._heard_at = now
        self._unheard = 0
        self._hear(told, amount, now)
        self._level = self._left(later, now)
        self._surprise = 0.0  # so much lower than predicted the level was of late
        self._at = now

    def __repr__(self) -> str:
        return (
            f"<PredictedBucket {self._level:.1f}/{self._size:g} {self.unit.value}"
            f" at {self._at:.1f} s, refill {self._stated:.2g}/s,"
            f" {self._others:.0%} to others>"
        )

    def level(self, now: float) -> float:
        """What is left; negative where more was started than there was."""
        return self._grown(self._level, now - self._at)

    def usable(self, now: float) -> float:
        """The level that we act upon: what lacks of late is left to others to their share."""
        surprise = self._surprise * math.exp((self._at - now) / _SURPRISE_TIME)
        ignored = min(self._others * surprise, _OVERDRAFT * self._reserve)
        return self._grown(self._level + ignored, now - self._at)

    @property
    def refill(self) -> float:
        """What comes back for us each second: what others take is not in it."""
        return self._stated * (1 - self._others)

    def plenty(self, now: float) -> bool:
        """Whether more than half of it is left."""
        return self.level(now) > self._size / 2

    @property
    def silent(self) -> bool:
        """Attempts were sent to hear of it and told nothing: it holds nobody back any more."""
        return self._unheard > 1

    def wait(self, amount: float, now: float) -> float:
        """Seconds until an attempt that takes `amount` may start; 0 = now."""
        missing = self._missing(amount, now)
        patience = _PATIENCE - (now - self._heard_at)
        if missing <= 0 or patience <= 0:
            return 0.0
        wait = min(missing / self.refill, patience)
        if self._others * self._surprise < 0:  # fades, so that it may be sooner: ask again then
            wait = min(wait, _SURPRISE_TIME / 4)
        return max(wait, _LEAST_WAIT)

    def started(self, amount: float, now: float) -> None:
        """An attempt starts, whatever `wait` said."""
        if now - self._heard_at >= _PATIENCE and self._missing(amount, now) > 0:
            self._heard_at = now  # as if heard: the next one waits for this one's answer
            self._unheard += 1
        self._move(self.level(now) - amount, now)

    def refunded(self, amount: float) -> None:
        """An attempt that started was never sent."""
        self._level = min(self._size, self._level + amount)

    def told(
        self, told: Told, amount: float, later: Iterable[Starts], *, sent_at: float, now: float
    ) -> None:
        """An attempt that took `amount` was answered; `later` started since it was sent.

        The level moves as little as the answer allows: as whole ones are told, nearly one more
        may be left. Of attempts that were sent at one moment nobody knows which was counted first:
        `later` has those that are not answered yet, as if all of them came after the answered
        ones. So each answer of that moment can only show that there is more.
        """
        before, predicted = self._sent_at, self.level(now)
        same_moment = sent_at == before
        self._remaining = min(told.remaining, self._remaining) if same_moment else told.remaining
        self._sent_at = sent_at
        self._hear(told, amount, now)
        least = self._left(later, now)
        if same_moment:
            self._move(max(predicted, least), now)
            return
        self._move(min(max(predicted, least), least + 1), now)
        self._surprised(predicted, amount, sent_at - before)

    def _grown(self, level: float, seconds: float) -> float:
        return min(self._size, level + self.refill * seconds)

    def _missing(self, amount: float, now: float) -> float:
        """What takes more than the bucket holds passes when it is full."""
        missing = min(amount + self._floor, self._size) - self.usable(now)
        return 0.0 if self.silent or missing <= _ROUNDING else missing

    def _move(self, level: float, now: float) -> None:
        self._surprise *= math.exp((self._at - now) / _SURPRISE_TIME)
        self._level, self._at = level, now

    def _hear(self, told: Told, amount: float, now: float) -> None:
        """Take over what holds whatever the level.

        The bucket may hold less than the limit, which no header tells: its size is the most that
        was ever seen, and one answer after an idle time shows all of it.
        """
        self._heard_at, self._unheard = now, 0
        self._typical += (amount - self._typical) / _FOLLOW_ATTEMPTS
        seen = max(self._size, told.remaining + amount)
        self._size = seen if told.limit is None else min(seen, told.limit)
        self._stated = max(self._stated_refill(told), _LEAST_REFILL)
        reserve = max(_RESERVE_TIME * self._stated, _RESERVE_ATTEMPTS * self._typical)
        self._reserve = min(reserve, _RESERVE * self._size)
        held = (_HELD_ALONE + _HELD_SHARED * self._others) * self._remaining
        self._floor = max(self._reserve, held)

    def _stated_refill(self, told: Told) -> float:
        """Per second. Where no limit is told, the most that was ever seen stands for it."""
        if told.limit is None:
            return (self._size - told.remaining) / told.reset
        by_minute = told.limit / _MINUTE
        missing = told.limit - told.remaining
        return min(by_minute, missing / told.reset) if missing > 0 else by_minute

    def _left(self, later: Iterable[Starts], now: float) -> float:
        """What is left now of what was told, at least."""
        level, at = self._remaining, self._sent_at
        size, refill, unit = self._size, self.refill, self.unit
        for starts in later:  # in place: with many unanswered attempts, most of an answer's cost
            level += refill * (starts.at - at)
            level = (level if level < size else size) - starts.amount(unit)
            at = starts.at
        return self._grown(level, now - at)

    def _surprised(self, predicted: float, amount: float, seconds: float) -> None:
        """The level is another than predicted, after so many seconds of prediction."""
        lacking = predicted - self._level
        self._surprise += lacking
        if self._remaining + 1 <= min(amount, self._floor):
            # Attempts start above the floor, so this one found nothing left and was refused: it
            # took nothing. Counted as use of ours, it would hide just as much use of others.
            lacking += amount
        was_full = predicted + amount >= self._size
        self._learn_others(lacking, seconds, _FADE_TIME_FULL if was_full else _FADE_TIME)

    def _learn_others(self, lacking: float, seconds: float, fade_time: float) -> None:
        most = _BURST_ATTEMPTS * self._typical + _BURST_REFILLS * self._stated * seconds
        lacking = min(max(lacking, -most), most)
        if lacking > 0:
            lacking *= _YIELD * (1 - self._others)
        attempts_time = min(_FOLLOW_ATTEMPTS * self._typical / self._stated, _FOLLOW_AT_MOST)
        change = lacking / (max(seconds, _FOLLOW_TIME, attempts_time) * self._stated)
        others = self._others * max(0.0, 1 - seconds / fade_time) + change
        self._others = min(max(others, 0.0), _OTHERS_AT_MOST)
