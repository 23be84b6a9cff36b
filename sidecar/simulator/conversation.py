"""One WebSocket's life: the client's events are heard while answers go out, one after the other.

Each answer takes a place of its model's capacity like any request; a WebSocket that says nothing
takes none. Bytes of binary messages are echoed.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from aiohttp import WSMsgType, web

from sidecar.simulator.books import Bill, bill
from sidecar.simulator.composition import Times, compose
from sidecar.simulator.delivery import break_off, pause
from sidecar.simulator.directive import Directive, Fault
from sidecar.simulator.prompt_cache import PromptCache
from sidecar.simulator.protocol.ask import Ask, parse
from sidecar.simulator.protocol.realtime import Channel, Message, Turn
from sidecar.simulator.protocol.refusal import OPENAI_REFUSALS, RefusedError
from sidecar.simulator.protocol.style import OPENAI
from sidecar.simulator.reception import Ending, NoPlaceError, Reception, Stay
from sidecar.simulator.respond import rejection
from sidecar.simulator.stamps import Stamps
from sidecar.simulator.wire import Wire

LARGEST_MESSAGE = 16 * 1024 * 1024
"""Bytes; larger than OpenAI's 15 MiB of audio in one event."""
_ASKED_AT_ONCE = 16
"""Answers that may be asked for before the first is given; then the client is not read."""


@dataclass(slots=True, kw_only=True)
class Conversation:
    """What happens between a WebSocket's handshake and its end."""

    socket: web.WebSocketResponse
    """After the handshake."""
    wire: Wire
    """The connection below, for breaking it."""
    channel: Channel
    directive: Directive
    """What happens to each answer."""
    reception: Callable[[str], Reception]
    stamps: Stamps
    now: Callable[[], float]
    """Loop seconds."""
    _asks: asyncio.Queue[Ask] = field(default_factory=lambda: asyncio.Queue(_ASKED_AT_ONCE))

    async def run(self) -> None:
        """Talk until either side leaves."""
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(self._answer_all())
            with suppress(ConnectionError):
                await self._listen()
            answering.cancel()

    async def _listen(self) -> None:
        await self._tell(self.channel.greet())
        async for message in self.socket:
            if message.type is WSMsgType.BINARY:
                await self.socket.send_bytes(message.data)
            elif message.type is WSMsgType.TEXT:
                await self._hear(message.data)

    async def _hear(self, text: str) -> None:
        try:
            heard = self.channel.hear(parse(text.encode()))
        except RefusedError as error:
            refusal = OPENAI_REFUSALS[error.trouble]
            refusal = replace(refusal, message=error.message, param=error.param)
            await self._tell([self.channel.complain(refusal)])
            return
        if isinstance(heard, Ask):
            await self._asks.put(heard)
        else:
            await self._tell(heard)

    async def _answer_all(self) -> None:
        with suppress(ConnectionError):
            while True:
                await self._answer(await self._asks.get())

    async def _answer(self, ask: Ask) -> None:
        reception = self.reception(ask.model)
        try:
            stay = reception.arrive(ask, seed=self.stamps.seed(ask.prompt.seed))
        except NoPlaceError as error:
            refusal = rejection(OPENAI, error.rejected)
            reception.reject(refusal.status)
            await self._tell([self.channel.complain(refusal)])
            return
        ending = Ending.CANCELLED
        try:
            if stay.turn is not None:
                await stay.turn
            await self._say(ask, stay, reception.cache)
            ending = Ending.FINISHED if self.directive.fault is None else Ending.BROKEN
        finally:
            reception.leave(stay, ending)

    async def _say(self, ask: Ask, stay: Stay, cache: PromptCache) -> None:
        used = cache.use(ask.prefixes, self.now())
        answer, times = compose(ask, stay, self.directive, self.stamps, cache=used)
        stay.bill = bill(ask, answer)
        turn = self.channel.say(ask, answer)
        await pause(times.began + times.ttft - self.now())
        cache.keep(ask.prefixes, self.now())
        await self._tell(turn.opening)
        await self._words(turn, times, stay.bill)
        match self.directive.fault:
            case None:
                await self._tell(turn.closing)
            case Fault.ERROR_IN_STREAM:
                trouble = self.directive.in_stream
                await self._tell([self.channel.complain(OPENAI_REFUSALS[trouble])])
            case fault:
                await break_off(self.wire, fault)

    async def _words(self, turn: Turn, times: Times, made: Bill) -> None:
        """One message per word, each when it is due, up to the fault if there is one."""
        planned = turn.words
        gap = (times.total - times.ttft) / max(1, len(planned) - 1)
        sent = planned if self.directive.fault is None else planned[: self.directive.after]
        for index, word in enumerate(sent):
            await pause(times.began + times.ttft + index * gap - self.now())
            made.words = index + 1
            await self._tell([word])

    async def _tell(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self.socket.send_str(message.decode())
