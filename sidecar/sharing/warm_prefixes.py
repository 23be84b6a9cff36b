"""Which prompt prefixes a provider has in its cache, and who is putting one there right now.

A prefix is *cold* until an answer to a prompt with it began, then *warm* until its life is over.
Whoever goes while some of its prefixes are cold leads those; whoever then comes with one of them
waits for the leader's first byte or its end, and looks again.

- A turn is given and taken without an await in between, so of any number of waiting requests just
  one leads; when a leader ends without a byte, the first in its line gets its place in the same step.
- Nobody waits while holding anything: all cold prefixes of a request are taken at once, or none.
- A leader that is silent for `max_wait` is waited for no longer: the next one leads in its place.
  That one's line moves on with it, and whichever of them begins first sets all free.
"""

import asyncio
from collections.abc import Sequence

from sidecar.sharing.prompt_prefix import PromptPrefix

MOST = 4_096
"""Warm prefixes that are remembered; the one that was used the longest ago is forgotten first."""


class Turn:
    """One request's right to go; `began` and `ended` may come in any number."""

    __slots__ = ("_house", "line", "prefixes", "since")

    def __init__(
        self, house: "WarmPrefixes", prefixes: Sequence[PromptPrefix], since: float
    ) -> None:
        self.prefixes = prefixes
        self.since = since
        """Loop seconds."""
        self.line: dict[_Waiter, None] = {}
        """Who waits for it, in order."""
        self._house = house

    def began(self) -> None:
        """The answer has its first byte: the provider has these prefixes in its cache."""
        self._house.warmed(self)

    def ended(self) -> None:
        """Nothing more will come; without a first byte somebody else's turn it is."""
        self._house.left(self)


class _Waiter:
    """One request in some leader's line."""

    __slots__ = ("leader", "prefixes", "turn")

    def __init__(
        self, prefixes: Sequence[PromptPrefix], leader: Turn, turn: asyncio.Future[Turn]
    ) -> None:
        self.prefixes = prefixes
        self.leader = leader
        self.turn = turn


class WarmPrefixes:
    """Gives turns."""

    def __init__(
        self, *, max_wait: float, loop: asyncio.AbstractEventLoop, most: int = MOST
    ) -> None:
        """`max_wait`: seconds after which a leader without a first byte holds nobody up."""
        self.max_wait = max_wait
        self._loop = loop
        self._most = most
        self._warm: dict[bytes, float] = {}
        """Until when, by key; the one that was used the longest ago first."""
        self._led: dict[bytes, Turn] = {}

    def __repr__(self) -> str:
        return f"<WarmPrefixes {len(self._warm)} warm, {len(self._led)} led>"

    @property
    def led(self) -> int:
        """Prefixes whose leader has no first byte yet."""
        return len(self._led)

    def turn(self, prefixes: Sequence[PromptPrefix]) -> Turn | None:
        """The right to go now; None = there is somebody to `wait` for."""
        now = self._loop.time()
        return None if self._ahead(prefixes, now) else self._take(prefixes, now)

    async def wait(self, prefixes: Sequence[PromptPrefix], *, longest: float) -> Turn:
        """The right to go, within `longest` seconds whatever the leader does."""
        leader = self._ahead(prefixes, self._loop.time())
        if leader is None:
            return self._take(prefixes, self._loop.time())
        waiter = _Waiter(prefixes, leader, self._loop.create_future())
        leader.line[waiter] = None
        timer = self._loop.call_later(longest, self._go_anyway, waiter)
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            # It may have been given its turn in the very tick in which it is cancelled.
            if waiter.turn.done() and not waiter.turn.cancelled():
                waiter.turn.result().ended()
            raise
        finally:
            timer.cancel()
            waiter.leader.line.pop(waiter, None)

    def _ahead(self, prefixes: Sequence[PromptPrefix], now: float) -> Turn | None:
        """Who leads one of these prefixes, if the longest is not warm anyway."""
        if self._is_warm(prefixes[0].key, now):
            return None
        for prefix in prefixes:
            leader = self._led.get(prefix.key)
            if leader is not None and now < leader.since + self.max_wait:
                return leader
        return None

    def _is_warm(self, key: bytes, now: float) -> bool:
        until = self._warm.get(key)
        return until is not None and now < until

    def _take(self, prefixes: Sequence[PromptPrefix], now: float) -> Turn:
        """Go, and lead what is cold."""
        turn = Turn(self, prefixes, now)
        relieved: dict[Turn, None] = {}
        if not self._is_warm(prefixes[0].key, now):
            for prefix in prefixes:
                if not self._is_warm(prefix.key, now):
                    silent = self._led.get(prefix.key)
                    if silent is not None:
                        relieved[silent] = None
                    self._led[prefix.key] = turn
        for silent in relieved:
            self._look_again(silent, now)
        return turn

    def _look_again(self, leader: Turn, now: float) -> None:
        """Something changed for those in this line: each goes, or waits for whom it has to."""
        line, leader.line = leader.line, {}
        for waiter in line:
            if waiter.turn.done():  # it is leaving
                continue
            ahead = self._ahead(waiter.prefixes, now)
            if ahead is None:
                waiter.turn.set_result(self._take(waiter.prefixes, now))
            else:
                waiter.leader = ahead
                ahead.line[waiter] = None

    def _go_anyway(self, waiter: _Waiter) -> None:
        """It has waited long enough; it leads only where the leader is given up by everybody."""
        if waiter.turn.done():
            return
        del waiter.leader.line[waiter]
        now = self._loop.time()
        if self._ahead(waiter.prefixes, now) is None:
            waiter.turn.set_result(self._take(waiter.prefixes, now))
        else:
            waiter.turn.set_result(Turn(self, waiter.prefixes, now))

    # -- for turns --------------------------------------------------------------------------------

    def warmed(self, turn: Turn) -> None:
        """An answer began; whoever leads its prefixes has nothing left to lead."""
        now = self._loop.time()
        done: dict[Turn, None] = {}
        for prefix in turn.prefixes:
            until = max(now + prefix.life, self._warm.pop(prefix.key, now))
            self._warm[prefix.key] = until
            leader = self._led.pop(prefix.key, None)
            if leader is not None:
                done[leader] = None
        while len(self._warm) > self._most:
            del self._warm[next(iter(self._warm))]
        for leader in done:
            self._look_again(leader, now)

    def left(self, turn: Turn) -> None:
        """A request ended; what it still leads is anybody's."""
        for prefix in turn.prefixes:
            if self._led.get(prefix.key) is turn:
                del self._led[prefix.key]
        self._look_again(turn, self._loop.time())
