"""Whether the limit is in use: one that nobody needs must not grow."""

_WEIGHT = 0.03
"""Of the newest start: what counts is the last thirty or so."""

_BACKLOG = 2.0
_BACKLOG_WEIGHT = 0.1
"""The same while so many times the limit are waiting: with long answers, starts are rare."""

_IN_USE = 0.5
"""Part of the starts that found the limit reached, from which on it may grow."""

_PRESSING = 0.8
"""The same before the first push-back: chance crowds must not raise a limit nobody needs."""


class Use:
    """Looks at every start of an attempt."""

    def __init__(self) -> None:
        self._reached = 0.0

    def __repr__(self) -> str:
        return f"<Use {self._reached:.0%}>"

    def started(self, *, in_flight: int, waiting: int, limit: int) -> None:
        """An attempt starts; `in_flight` counts it, `waiting` is the queue behind it."""
        weight = _BACKLOG_WEIGHT if waiting >= _BACKLOG * limit else _WEIGHT
        self._reached += weight * ((in_flight >= limit) - self._reached)

    @property
    def in_use(self) -> bool:
        """Whether at least every other start found the limit reached."""
        return self._reached >= _IN_USE

    @property
    def pressing(self) -> bool:
        """Whether nearly all starts did."""
        return self._reached >= _PRESSING
