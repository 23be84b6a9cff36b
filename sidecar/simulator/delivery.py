"""An answer goes out at its own pace: the first token, then token by token, or all at the end.

Here the faults of directives strike too. Everything is due relative to the moment when service
began, so that a late timer does not make the whole answer late.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.simulator.books import Bill
from sidecar.simulator.composition import Times
from sidecar.simulator.directive import Directive, Fault
from sidecar.simulator.protocol.ask import Script
from sidecar.simulator.protocol.framing import Framing
from sidecar.simulator.protocol.style import Header
from sidecar.simulator.wire import Sent, Wire

_GARBAGE = b"\x16\x03garbage, not HTTP\r\n\r\n"
_JSON: Header = ("content-type", "application/json")
_NO_CACHE: Header = ("cache-control", "no-cache")
MID_STREAM = frozenset({Fault.HANG_MID_STREAM, Fault.RESET_MID_STREAM, Fault.TRUNCATE})
"""Faults that come after part of the answer."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """The way of one answer to the client."""

    wire: Wire
    now: Callable[[], float]
    """Loop seconds."""
    headers: Callable[[], Sequence[Header]]
    """Asked when the head goes out."""
    directive: Directive
    tick: float
    """Seconds; tokens closer together than this go out together."""
    framing: Framing
    """Of a stream."""
    keep_alive: float
    """Seconds between comments before the first token of a stream; 0 = none."""
    first_token: Callable[[], None] | None = None
    """Told when there is one, if anybody wants to know."""
    _head_out: bool = False

    async def queue(self, turn: asyncio.Future[None] | None, *, stream: bool) -> None:
        """Wait for the turn, commenting on it where that is wanted."""
        if stream and self.keep_alive and self.framing.comment:
            await self.wire.raw(self._stream_head())
            while turn is not None and not turn.done():
                await asyncio.wait({turn}, timeout=self.keep_alive)
                await self.wire.chunk(self.framing.comment)
        if turn is not None:
            await turn

    async def whole(self, times: Times, body: bytes, bill: Bill) -> Sent:
        """Answer with a whole body when it is due."""
        try:
            if self.first_token is not None:
                await self._until(times.began + times.ttft)
                self.first_token()
            await self._until(times.began + times.total)
        except asyncio.CancelledError:
            bill.words = times.made(bill.planned, self.now())
            raise
        bill.words = bill.planned
        fault = self.directive.fault
        if fault is None or fault is Fault.ERROR_IN_STREAM:  # that error is the body already
            return await self.wire.whole(200, (_JSON, *self.headers()), body)
        if fault in MID_STREAM:
            await self.wire.half(200, (_JSON, *self.headers()), body)
        return await break_off(self.wire, fault)

    async def stream(self, times: Times, script: Script, bill: Bill, *, error: bytes) -> Sent:
        """Answer token by token; `error` is what an error in the stream says."""
        await self._first_token(times)
        fault = self.directive.fault
        if fault is not None and fault not in MID_STREAM and fault is not Fault.ERROR_IN_STREAM:
            return await break_off(self.wire, fault)
        if self.first_token is not None:
            self.first_token()
        await self._tokens(times, script, bill)
        if fault is None:
            return await self.wire.last_chunk(script.closing)
        if fault is Fault.ERROR_IN_STREAM:
            return await self.wire.last_chunk(error)
        return await break_off(self.wire, fault)

    def _stream_head(self) -> bytes:
        if self._head_out:
            return b""
        self._head_out = True
        headers = (("content-type", self.framing.content_type), _NO_CACHE, *self.headers())
        return self.wire.head(200, headers, None)

    async def _first_token(self, times: Times) -> None:
        due = times.began + times.ttft
        while self._head_out and due - self.now() > self.keep_alive:
            await asyncio.sleep(self.keep_alive)
            await self.wire.chunk(self.framing.comment)
        await self._until(due)

    async def _tokens(self, times: Times, script: Script, bill: Bill) -> None:
        """Send the opening and the pieces, up to the fault if there is one."""
        planned = len(script.pieces)
        count = planned if self.directive.fault is None else min(planned, self.directive.after)
        pieces = script.pieces[:count]
        bill.words = min(1, count)
        await self.wire.chunk(script.opening + b"".join(pieces[:1]), head=self._stream_head())
        gap = (times.total - times.ttft) / max(1, planned - 1)
        stride = max(1, round(self.tick / gap)) if gap > 0 else planned
        sent = 1
        while sent < count:
            upto = min(sent + stride, count)
            await self._until(times.began + times.ttft + (upto - 1) * gap)
            bill.words = upto
            await self.wire.chunk(b"".join(pieces[sent:upto]))
            sent = upto

    async def _until(self, when: float) -> None:
        await pause(when - self.now())


async def pause(delay: float) -> None:
    """Wait so many seconds; not at all for 0 or less."""
    if delay > 0:
        await asyncio.sleep(delay)


async def break_off(wire: Wire, fault: Fault) -> Sent:
    """End an answer, or one that has not begun, the wrong way."""
    if fault in (Fault.HANG, Fault.HANG_MID_STREAM):
        await asyncio.Event().wait()  # ends when the client leaves or the server stops
    if fault in (Fault.RESET_BEFORE_HEAD, Fault.RESET_MID_STREAM):
        return wire.reset()
    if fault is Fault.GARBAGE:
        await wire.raw(_GARBAGE)
    return wire.close()
