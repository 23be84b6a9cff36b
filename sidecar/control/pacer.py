"""The learned pacer: where a provider limits a rate, attempts start no faster than it bears.

By Little's law a rate of r a second looks like r * W places in flight, W being how long an answer
takes. A concurrency limit that is to hold a rate must therefore be too low whenever answers happen
to be short and too high whenever they are long; it wastes a tenth of a token bucket, and more of a
small one. Starts at an even pace have no such trouble. But the two limits look alike from outside:
both reject once we want more than there is.

**Is it a rate?** While push-back goes on and nobody proved that the provider's slots are ours alone
(`Memory.alone`), the pacer makes a trial: attempts start a little slower than they were admitted
lately, and the concurrency limit is moved out of the way. What was a rate is then quiet, however
many are in flight; slots reject as soon as answers happen to be long. `Evidence` weighs it. The
first trial comes after a few push-backs, since at a small cost it may save most of what follows;
after a failed one many more are needed, twice as many each time, and fewer where the counts between
them agree as only a rate's do (`PushBacks.agreed`).

**Which rate?** Each push-back says that nothing is left of it. What was admitted since the last one
is then what the provider gave in that time: for a token bucket that is ours alone exact to one
attempt, whatever its size and however unevenly we asked. So the next base is that measured rate,
and the pace follows a cubic of the starts made since: from a little below the base slowly up to it,
slowly past it, then steeply up:

    pace = base * (1 + depth * (x - 1) ** 3)        x = 1 after one span of starts

What was saved before x = 1 is used up at about x = 2; then comes the one rejection that measures
again. A span of 150 starts makes that one in 300, and the bucket is used to the last token. If the
limit was lifted, the cube finds twice the rate within two more spans, and four times the rate
without push-back means that there is no such limit any more.

**Whose rate?** If the measured rate is what was predicted, the bucket is ours alone. If it is not,
others may draw on it too, and equal shares matter: the pace falls further below the base then, and
after three times in a row a span is a fixed time rather than a number of starts. Who has more
starts more, is rejected more often in that time and falls back more often; who has less catches up.

What does not count: time without demand (a queue must have been standing behind the last start, or
the rate would be that of the app), and rejections of attempts that were sent before the last
push-back was known (the controller's generations sort those out).
"""

import math

from sidecar.control.evidence import Evidence
from sidecar.control.law import Ticket
from sidecar.control.push_backs import LEAST, PushBack, PushBacks, Spell

_FIRST_TRIAL = 3
"""Push-backs until the first trial."""

_FURTHER_TRIAL = 48
"""Push-backs until the second one; each further one takes twice as many."""

_DISAGREED = 4
"""So many times as many are needed where the counts do not look like a rate's."""

_TRIAL_DEPTH = 0.4
_TRIAL_BEGINS = 0.5
"""Of a trial, whose base may be far too low: it begins at 0.95 of the base and rises quickly."""

_DEPTH = 0.05
"""Part by which the pace falls below a base that was predicted."""

_SHARED_DEPTH = 0.15
"""The same where it was not."""

_LESS = 0.95
"""Factor of the base where a push-back follows too soon on the last one to measure anything."""

_SPAN = 150.0
"""Starts until the pace is at its base, alone."""

_LONGEST_SPAN = 40.0
"""Seconds for the same: a slow rate cannot wait for so many starts, nor may sharers."""

_STRANGERS = 3
"""Measured rates in a row that were not predicted, from which on others share the rate."""

_TOLERANCE = 2.0
_TOLERANCE_PART = 0.005
"""Attempts by which a predicted count may be missed, and part of it."""

_LATE = 2.3
"""Spans after which a push-back says that the base was too low: part of the rate went unused, so
that what was admitted is less than what could have been. The truth is between it and the pace."""

_FREE = 4.0
"""Times the base at which the limit is gone; not in a trial, whose base may be just wrong."""

_SPARE = 1.5
"""Spacings to wait after a push-back: there must be something in the bucket again."""

_BURST = 0.05
"""Seconds that may be made up for at once: timers ring late. One spacing may always."""

_SLOWEST = 0.15
"""Starts per second at least: nobody is held back for more than ten seconds by something learned."""

_FORGOTTEN = 600.0
"""Seconds without push-back after which a rate is no longer believed in."""


_ROOM = 1.5
_LEAST_ROOM = 2.0
"""Times what is in flight, and places more, that the limit leaves to paced attempts."""


def room_for(in_flight: int) -> float:
    """The limit that does not get into the way of paced attempts."""
    return _ROOM * in_flight + _LEAST_ROOM


class Pacer:
    """One (upstream, model)'s learned rate."""

    def __init__(self) -> None:
        self._starts = 0
        self._rejections = 0
        self._last_start = 0.0
        self._pressed = False  # somebody was waiting behind the last start
        self._busy = 0.0  # seconds with somebody waiting
        self._push_backs = PushBacks()
        self._count = 0  # push-backs since the last trial
        self._needed = _FIRST_TRIAL
        self._evidence: Evidence | None = None  # None while it does not pace
        self._push_back_at = 0.0
        self._base = 0.0
        self._depth = 0.0
        self._progress = 0.0  # spans since the last push-back
        self._strange = 0  # measured rates in a row that were not predicted
        self._proven = 0.0  # what was admitted per second until the last measured push-back
        self._next_at = -math.inf

    def __repr__(self) -> str:
        pace = f"{self.pace:.2f}/s" if self.pace else "off"
        return f"<Pacer {pace}, {self._evidence or self._push_backs}>"

    @property
    def on(self) -> bool:
        """Whether it paces."""
        return self._evidence is not None

    @property
    def pace(self) -> float | None:
        """Starts per second that are allowed now; None while it does not pace."""
        return self._pace if self._evidence else None

    def wait(self, now: float) -> float:
        """Seconds until the next start; 0 while it does not pace."""
        return max(0.0, self._next_at - now) if self._evidence else 0.0

    def started(self, in_flight: int, waiting: int, now: float) -> int:
        """An attempt is being sent; gives the number of those before it."""
        if self._pressed:
            self._busy += now - self._last_start
        if self._evidence is not None:
            self._evidence.started(in_flight)
            self._take(now)
        self._last_start = now
        self._pressed = waiting > 0
        self._starts += 1
        return self._starts - 1

    def served(self, ticket: Ticket) -> None:
        """An attempt sent since the last push-back had its first byte."""
        if self._evidence is not None:
            self._evidence.served(ticket.in_flight)

    def rejected(self) -> None:
        """An attempt was turned away, whenever it was sent."""
        self._rejections += 1

    def push_back(self, ticket: Ticket, *, alone: bool, now: float) -> bool:
        """The rejection counted last is news; tells whether the pacer answers it.

        `alone`: the provider is known to have slots that are ours alone.
        """
        # What was sent before this one and is not yet known to be rejected will be few.
        new = PushBack(self._busy, ticket.sequence + 1 - self._rejections, ticket.in_flight)
        self._push_back_at = now
        if self._evidence is not None:
            spell = Spell.between(self._push_backs.last, new)
            self._push_backs.add(new)
            return self._answer(self._evidence, spell, ticket, now)
        self._push_backs.add(new)
        self._count += 1
        rate = None if alone or self._count < self._needed else self._suspected()
        if rate is None:
            return False
        self._begin(rate, now)
        return True

    # -- is it a rate? --------------------------------------------------------------------------

    def _suspected(self) -> float | None:
        """The rate to try out, if it is time for that."""
        known = self._push_backs
        if self._needed == _FIRST_TRIAL:
            return known.agreed or known.fastest
        if self._count >= self._needed * _DISAGREED:
            return known.agreed or known.mean
        return known.agreed

    def _begin(self, rate: float, now: float) -> None:
        self._evidence = Evidence(self._push_backs.level)
        self._base = rate
        self._depth = _TRIAL_DEPTH
        self._progress = _TRIAL_BEGINS
        self._strange = 0
        self._proven = rate
        self._hold(now)

    def _end(self, needed: int) -> None:
        self._evidence = None
        self._push_backs.clear()
        self._count = 0
        self._needed = needed

    # -- which rate? ----------------------------------------------------------------------------

    @property
    def _pace(self) -> float:
        beyond = self._progress - 1
        return max(self._base * (1 + self._depth * beyond * beyond * beyond), _SLOWEST)

    @property
    def _span(self) -> float:
        """Starts until the pace is at its base."""
        longest = max(1.0, _LONGEST_SPAN * self._base)
        return longest if self._strange >= _STRANGERS else min(_SPAN, longest)

    @property
    def _measured(self) -> bool:
        """Whether the base was measured since the trial began."""
        return self._depth != _TRIAL_DEPTH

    def _hold(self, now: float) -> None:
        self._next_at = now + _SPARE / self._pace

    def _take(self, now: float) -> None:
        """A start at the present pace, and the next one a little sooner after the one before."""
        pace = self._pace
        spacing = 1 / pace
        self._next_at = max(self._next_at, now - max(spacing, _BURST)) + spacing
        if self._pressed:
            self._progress += 1 / self._span
        free = self._measured and pace >= _FREE * self._base
        if free or now - self._push_back_at > _FORGOTTEN:
            self._end(_FIRST_TRIAL)

    def _answer(self, evidence: Evidence, spell: Spell, ticket: Ticket, now: float) -> bool:
        measured = spell.admitted >= LEAST and spell.seconds > 0
        late = self._progress > _LATE
        missed = abs(spell.admitted - self._base * spell.seconds)
        exact = measured and not late and missed <= _TOLERANCE + _TOLERANCE_PART * spell.admitted
        predicted = spell.admitted if exact else 0
        if evidence.rejected(ticket.in_flight, predicted=predicted, steady=measured and not late):
            self._end(max(_FURTHER_TRIAL, 2 * self._needed))
            return False
        if evidence.confirmed:
            self._needed = _FIRST_TRIAL
        if measured:
            self._measure(spell, exact=exact, late=late)
        else:
            self._lower()
        self._progress = 0.0
        self._hold(now)
        return True

    def _measure(self, spell: Spell, *, exact: bool, late: bool) -> None:
        self._proven = spell.rate
        self._base = (spell.rate + self._pace) / 2 if late else spell.rate
        self._depth = _DEPTH if exact else _SHARED_DEPTH
        self._strange = 0 if exact else self._strange + 1

    def _lower(self) -> None:
        """A push-back too soon after the last one to measure anything."""
        if self._proven < _LESS * self._base:
            self._base = (self._base + self._proven) / 2  # a guess above what was proven
        elif self._strange or not self._measured:
            self._base *= _LESS
