"""Tells a queue of our own at the provider from slowness for everybody: by experiment.

Whether a rise of latency is ours cannot be seen, only tried out: every change of the limit is an
experiment. Latency is looked at as the mean of its logarithm over a window of answers sent at about
one level of the limit. Three levels matter:

- *good*: the highest at which latency was as low as below it; `reference` is the latency there;
- *bad*: where a queue showed; None until then, and nothing but `_STRIDE` holds growth back;
- *lowest*: the lowest latency known, against which a queue that came unnoticed is measured.

Growth beyond good fills a window of its own. If latency rose with the level, the growth queued: back
to good, hold, and try again half-way. A rise without growth is tested: cut, hold still, compare.
Latency falls as well: the queue was ours, the cut stays. It does not: the slowness is foreign, the
limit is restored and the new latency accepted.

Just above a server's capacity one place more adds a whole service time over all places: latency
rises ten times as fast as the level, and a few samples tell. Below it does not rise at all.
"""

import math
from dataclasses import dataclass

from sidecar.control.law import LatencyKind
from sidecar.control.window import Difference, Window
from sidecar.outcomes import LimitReason

_CLEAR = 3.0
"""Standard errors at which a comparison may end early."""

_ENOUGH = 2.5
"""Standard errors that count once a window is full."""

_EARLIEST = 8
"""Samples below which nothing is concluded."""

_EVERY = 4
"""Samples between two looks at a window: each look is a chance to be fooled."""

_FULL = 30
"""Samples of a full window."""

_MOST = 120
"""Samples after which a noisy comparison is decided as it stands."""

_KEPT = 200
"""Samples that the reference remembers at one level."""

_RESPONSE = 0.5
"""A queue of ours answers a change of level with at least this part of it, in logarithms."""

_STRIDE = 2.0
"""Growth beyond the good level until it is judged. In a queue that long latency has doubled, which
a few samples tell; shorter strides find a large capacity late."""

_STEP = 1.17
"""The same once a queue was seen."""

_DEEP = 0.7
"""Cut of a test after a sudden rise: deep enough for a quick answer."""

_SHALLOW = 0.87
"""Cut of a test where latency only looks a little higher than the lowest known."""

_NOTICEABLE = 0.18
"""Rise over the lowest latency (20 %) from which such a test is worth its cost."""

_LONGEST_HOLD = 8.0
"""Rounds at the good level between two looks beyond it."""

_ACCEPTED_FOR = 10
"""Windows without a test after slowness was found foreign."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The limit shall be moved to a level."""

    level: float
    reason: LimitReason


@dataclass(frozen=True, slots=True)
class _Test:
    """A cut under way to find out whose a rise of latency is."""

    before: Window
    """The latency before the cut."""
    level: float
    """The limit before the cut."""


class Detector:
    """Watches latencies and says how far the limit may grow, and when it must move."""

    def __init__(self, *, initial: float, tolerance: float, target: float | None) -> None:
        """`tolerance` is a factor over the reference, `target` a p95 in seconds."""
        self._tolerance = math.log(tolerance)
        self._target = target
        self._good = initial
        self._bad: float | None = None
        self._reference: Window | None = None
        self._lowest: Window | None = None
        self._window = Window()
        self._level = initial
        self._test: _Test | None = None
        self._held = 0
        self._hold = 2.0
        self._exempt = 0
        self._bottom_known = False

    def __repr__(self) -> str:
        state = "testing" if self._test else f"bad at {self._bad}" if self._bad else "no queue"
        return f"<Detector good at {self._good:.1f}, {state}>"

    @property
    def testing(self) -> bool:
        """A test is under way: the limit must hold still."""
        return self._test is not None

    @property
    def baseline(self) -> float | None:
        """p95 of the reference in seconds: what latency is held against; None before there is one."""
        return self._reference.p95 if self._reference else None

    @property
    def ceiling(self) -> float | None:
        """The level at which the provider was last seen to queue; None if it never was."""
        return self._bad

    @property
    def cap(self) -> float:
        """The level beyond which the limit may not grow now."""
        good, reference = self._good, self._reference
        if reference is None or self._test is not None:
            return good
        if self._bad is None:
            return max(good * _STRIDE, self._next)
        if reference.count < _FULL or self._held < self._hold * good:
            return good
        return max(self._next, min(good * _STEP, (good + self._bad) / 2))

    def void(self) -> None:
        """The provider pushed back: what was being compared is over."""
        self._test = None
        self._window = Window()

    def observe(self, kind: LatencyKind, latency: float, level: int) -> Ruling | None:
        """A latency in seconds of an attempt sent under the limit `level` since the last cut."""
        self._level = float(level)
        window = self._window
        if self._test is None:
            grown = self._is_growth(level)
            if not grown:
                self._held += 1
            if window.count and grown != self._is_growth(window.level):
                if not grown:
                    return None
                window = self._window = Window()
        window.add(kind, latency, level)
        if window.count < _EARLIEST or window.count % _EVERY:
            return None
        return self._look(window)

    @property
    def _margin(self) -> float:
        """A level this little beyond the good one is not looked at apart."""
        return 0.5 if self._bad is not None else max(0.5, 0.1 * self._good)

    @property
    def _next(self) -> float:
        """The lowest whole level that counts as growth: growth that does not count never ends."""
        return math.floor(self._good + self._margin + 1e-6) + 1.0

    def _is_growth(self, level: float) -> bool:
        """Whether a level is beyond what the reference speaks for."""
        return self._reference is not None and level > self._good + self._margin

    def _look(self, window: Window) -> Ruling | None:
        if self._test is not None:
            return self._look_at_test(window, self._test)
        if self._reference is None:
            self._adopt(window, max(self._good, window.level))
            return None
        difference = window.above(self._reference)
        if difference is None:
            if window.count >= _FULL:
                self._adopt(window, max(self._good, window.level))
            return None
        if self._is_growth(window.level):
            return self._look_at_growth(window, difference)
        return self._look_at_level(window, difference, self._reference)

    def _adopt(self, window: Window, good: float) -> None:
        """A window becomes the reference, its level the good one."""
        self._reference = window
        self._good = good
        self._window = Window()
        if self._bad is not None and good >= self._bad - 0.5:
            self._bad = None
            self._hold = 2.0

    def _look_at_growth(self, window: Window, difference: Difference) -> Ruling | None:
        growth = math.log(window.level / self._good)
        needed = _ENOUGH if window.count >= _FULL else _CLEAR
        rose = difference.rise >= _RESPONSE * growth and difference.significance >= needed
        if rose or self._misses_target(window):
            return self._retreat(window)
        precise = difference.error <= min(max(growth, 0.08), 0.35)
        # A p95 takes a full window: without one, a target would be overrun unseen.
        precise &= self._target is None or window.count >= _FULL
        if window.count >= _MOST or (precise and difference.significance < _ENOUGH):
            self._adopt(window, window.level)
        return None

    def _misses_target(self, window: Window) -> bool:
        p95 = window.p95
        return self._target is not None and window.count >= _FULL and p95 > self._target

    def _retreat(self, window: Window) -> Ruling:
        """Growth queued: back to the good level, and hold it longer if that was known."""
        bad = self._bad
        known = bad is not None and abs(window.level - bad) <= max(1.5, 0.1 * bad)
        self._hold = min(self._hold * 2, _LONGEST_HOLD) if known else 2.0
        self._bad = window.level
        self._held = 0
        self._window = Window()
        return Ruling(self._good, LimitReason.LATENCY)

    def _look_at_level(
        self, window: Window, difference: Difference, reference: Window
    ) -> Ruling | None:
        if window.count < _FULL:
            return None
        self._window = Window()
        if difference.significance <= -_CLEAR:
            self._adopt(window, min(self._good, window.level))
            return None
        sudden = difference.significance >= _CLEAR and difference.rise > self._tolerance
        if self._exempt:
            self._exempt -= 1
        elif sudden or self._misses_target(window):
            return self._begin_test(window, _DEEP)
        reference.absorb(window, keep=_KEPT)
        if self._bad is not None and not self._bottom_known:
            return self._begin_test(reference.copy(), _DEEP)
        return self._look_at_lowest(reference)

    def _look_at_lowest(self, reference: Window) -> Ruling | None:
        """Compare a well-known reference with the lowest latency ever, and remember the lower."""
        lowest = self._lowest
        if reference.count < 2 * _FULL:
            return None
        over = reference.above(lowest) if lowest else None
        if over is None or over.rise <= 0:
            self._lowest = reference.copy()
        elif self._bad is not None and not self._exempt and _is_queue(over):
            return self._begin_test(reference.copy(), _SHALLOW)
        return None

    def _begin_test(self, before: Window, cut: float) -> Ruling | None:
        # Push-back may have taken the limit below the level that is remembered.
        level = min(before.level, self._level)
        if level < 2:
            return None
        self._test = _Test(before, level)
        return Ruling(max(1.0, min(level * cut, level - 1)), LimitReason.LATENCY)

    def _look_at_test(self, window: Window, test: _Test) -> Ruling | None:
        fall = test.before.above(window)
        full = window.count >= _FULL
        if fall is None:
            return self._foreign(test) if full else None
        response = _RESPONSE * math.log(test.level / window.level)
        if fall.rise >= response and fall.significance >= (_ENOUGH if full else _CLEAR):
            return self._ours(window, test)
        if full or fall.rise + _ENOUGH * fall.error < response:
            return self._foreign(test)
        return None

    def _ours(self, window: Window, test: _Test) -> Ruling | None:
        """The cut shortened our own queue; go on down while latency is not yet the lowest."""
        self._test = None
        self._bad = None
        self._adopt(window, window.level)
        self._bad = test.level
        self._held = 0
        self._hold = 2.0
        over = window.above(self._lowest) if self._lowest else None
        if not self._bottom_known or (over is not None and _is_queue(over)):
            return self._begin_test(window.copy(), _DEEP)
        return None

    def _foreign(self, test: _Test) -> Ruling:
        """Latency did not answer: back to the level before, and its latency is the new normal."""
        self._test = None
        self._bottom_known = True
        self._adopt(test.before, max(self._good, test.level))
        self._lowest = test.before.copy()
        self._exempt = _ACCEPTED_FOR
        return Ruling(test.level, LimitReason.RESTORED)


def _is_queue(over: Difference) -> bool:
    return over.rise > _NOTICEABLE and over.significance >= _CLEAR
