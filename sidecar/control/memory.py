"""What past push-back taught: where the ceiling is, how sure that is, and whether we are alone."""

import math

_FIRST_PLATEAU = 2.0
_LONGEST_PLATEAU = 10.5
"""Rounds at a confirmed level between two probes beyond it: each costs a rejection."""

_FEW = 10.0
_PATIENCE = 30.0
"""Below so many places a rejection is a larger part of what a round serves: plateaus grow with the
square of what is missing, up to so many rounds, and keep rejections below one in a hundred."""

_FALLEN_PLATEAU = 5.0
"""Rounds at most after capacity fell to a third or less: what fell comes back sooner than new comes."""

_FALLEN = 0.35

_FORGETTING = 0.985
"""Per push-back: a ceiling of long ago is not waited for."""

_SAME_PART = 0.1
_SAME_PLACES = 1.5
"""Two ceilings this close (the larger of the two) are the same one."""

_PROOF_TIMES = 4
_PROOF_PLACES = 16
"""So many times in a row, or so many places in all, were still free when we came back for them:
then nobody else wants them."""


_SHARED_PLATEAU = 8.5
"""Rounds until a cut is grown back among sharers, and between two probes."""

_CHECKED = 0.5
"""Part of the rejected probes after which, alone, a cut checks whether that is still so."""

_RECHECKED = 0.03
"""Part of the push-backs after which one of few places is given up though others wanted it before."""

_ANOTHER = 0.6
"""A level this much below or above the last one is another capacity: found quickly again."""

_ACCELERATION = 2.5
"""Factor of growth per place beyond the ceiling: two in a row are rarely luck."""

_RUNAWAY = 4.0
"""Places beyond the ceiling from which on growth is not accelerated further."""

_EPSILON = 1e-6
"""Below what any step is; sums of steps miss whole numbers by less."""


class Memory:
    """The remembered ceiling of one provider and model."""

    def __init__(self) -> None:
        self.ceiling: float | None = None
        """Attempts in flight, the rejected one included, at the last push-back; None before."""
        self._plateau = _FIRST_PLATEAU
        self._highest = 0.0
        self._times = 0
        self._places = 0
        self._cuts = 0  # at about this capacity
        self.contested = False
        """Whether others took a place when we last gave one up."""
        self.given_up = 0.0
        """Places given up by the last cut, of what the provider served."""

    def __repr__(self) -> str:
        company = "alone" if self.alone else "shared"
        return f"<Memory ceiling {self.ceiling}, plateau {self.plateau:g}, {company}>"

    @property
    def hold(self) -> float:
        """The highest level known to be served: one below the ceiling, at least 1."""
        return max(1.0, (self.ceiling or 1.0) - 1)

    @property
    def plateau(self) -> float:
        """Rounds to hold a level before one place more is tried, when we are alone."""
        few = max(1.0, _FEW / self.hold)
        longest = min(_LONGEST_PLATEAU * few * few, _PATIENCE)
        if self.hold < _FALLEN * self._highest:
            longest = _FALLEN_PLATEAU
        return min(self._plateau, longest)

    @property
    def alone(self) -> bool:
        """Whether the provider's places were ours alone whenever that was looked at."""
        return self._times >= _PROOF_TIMES or self._places >= _PROOF_PLACES

    def gave_up(self, places: int, *, regained: bool) -> None:
        """Whether places that we gave up for a while were all still free afterwards."""
        self.contested = not regained
        self._times = self._times + 1 if regained else 0
        self._places = self._places + places if regained else 0

    def push_back(self, level: float) -> None:
        """The provider pushed back at so many attempts in flight."""
        last = self.ceiling
        same = last is not None and abs(level - last) <= max(_SAME_PLACES, _SAME_PART * last)
        self._plateau = min(self._plateau * 2, _PATIENCE) if same else _FIRST_PLATEAU
        self._highest = max(level, self._highest * _FORGETTING)
        self.ceiling = level

    def growth(self, level: float, jitter: float) -> float:
        """Places to grow per round from `level`; `jitter` is a factor of the plateau."""
        if self.alone:
            growth = 1 / (self.plateau * jitter)
        else:
            growth = (self.given_up + 1) / min(_SHARED_PLATEAU, 2.0 + self._cuts)
        beyond = level - (self.ceiling or 0.0)
        return growth * math.pow(_ACCELERATION, min(max(beyond, 0.0), _RUNAWAY))

    def learn(self, level: float, *, rounds: float, climbed: bool) -> bool:
        """A push-back at `level`, so many rounds after the last cut.

        `climbed`: not by asking back what was given up. Tells whether a place that we held before
        is gone.
        """
        taken = self.ceiling is None or level <= self.hold + _EPSILON
        if self.given_up > 0 and rounds >= 1 and not climbed:
            regained = abs(level - self.hold - 1) < 1 - _EPSILON
            self.gave_up(math.ceil(self.given_up), regained=regained)
        another = level < _ANOTHER * self.hold or level * _ANOTHER > self.hold + 1
        self._cuts = 0 if another else self._cuts + 1
        self.push_back(level)
        return taken

    def target(self, level: float, decrease: float, *, taken: bool, draw: float) -> float:
        """Where to go from a push-back at `level` that was learned already."""
        hold = self.hold
        if self.alone:
            checks = taken or draw < _CHECKED
            return min(level * decrease, hold - 1) if checks else hold
        target = level * decrease**2
        # Of few places a part is none: without giving up a whole one nothing is learned.
        if target >= hold >= 2 and (not self.contested or draw < _RECHECKED):
            target -= 1
        return target
