"""What past push-back taught: where the ceiling is, how sure that is, and whether we are alone."""

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


class Memory:
    """The remembered ceiling of one provider and model."""

    def __init__(self) -> None:
        self.ceiling: float | None = None
        """Attempts in flight, the rejected one included, at the last push-back; None before."""
        self._plateau = _FIRST_PLATEAU
        self._highest = 0.0
        self._times = 0
        self._places = 0
        self.contested = False
        """Whether others took a place when we last gave one up."""

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
