"""The only reader of clocks.

There is deliberately no `sleep`: waiting is done with the event loop's own timers, and only one
clock can steer those.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    @property
    def now(self) -> Callable[[], float]:
        """Seconds on the event loop's clock; only differences mean anything."""
        ...

    def wall(self) -> datetime:
        """The time of day, aware, UTC: for logs and HTTP dates only."""
        ...


class LoopClock:
    """The running event loop's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Bound once: `clock.now()` is then the loop's own method, without a layer in between.
        self.now: Callable[[], float] = loop.time

    @staticmethod
    def wall() -> datetime:
        """The time of day, aware, UTC."""
        return datetime.now(UTC)
