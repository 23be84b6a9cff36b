"""Tasks that stand in a limiter's queue."""

import asyncio
from dataclasses import dataclass

from sidecar.admission.limiter import Limiter
from sidecar.admission.permit import Permit
from sidecar.control.law import SUCCESS
from sidecar.errors import ShedError
from sidecar.outcomes import Priority, ShedReason
from tests.support import settle

LATE = ShedReason.QUEUE_TIMEOUT
LONG = 1000.0
"""Seconds that no test takes."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one caller asks for."""

    number: int
    max_wait: float
    priority: Priority
    tokens: int
    again: bool


class Callers:
    """Requests that wait, in the order in which they asked; a context that ends them all."""

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.tasks: list[asyncio.Task[None]] = []
        self.admitted: list[int] = []
        """Numbers of the callers that were let in, in that order."""
        self.permits: dict[int, Permit] = {}
        self.refused: dict[int, ShedReason] = {}
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> "Callers":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self.tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        for permit in self.permits.values():
            permit.settle(SUCCESS)

    async def ask(
        self,
        number: int = 1,
        *,
        max_wait: float = LONG,
        priority: Priority = Priority.NORMAL,
        tokens: int = 0,
        again: bool = False,
    ) -> None:
        """So many callers more, each of which has asked when this returns."""
        for _ in range(number):
            self.ask_soon(max_wait=max_wait, priority=priority, tokens=tokens, again=again)
        await settle()

    def ask_soon(
        self,
        *,
        max_wait: float = LONG,
        priority: Priority = Priority.NORMAL,
        tokens: int = 0,
        again: bool = False,
    ) -> None:
        """One caller more, which asks in the next turn of the loop."""
        call = Call(len(self.tasks), max_wait, priority, tokens, again)
        self.tasks.append(self._group.create_task(self._acquire(call)))

    async def _acquire(self, call: Call) -> None:
        number = call.number
        try:
            self.permits[number] = await self.limiter.acquire(
                max_wait=call.max_wait,
                late=LATE,
                priority=call.priority,
                tokens=call.tokens,
                again=call.again,
            )
        except ShedError as error:
            self.refused[number] = error.reason
        else:
            self.admitted.append(number)

    async def settle(self, number: int) -> None:
        """End this caller's attempt, and let everything happen that follows."""
        self.permits[number].settle(SUCCESS)
        await settle()
