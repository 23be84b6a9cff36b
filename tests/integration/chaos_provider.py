"""A provider of which nobody knows what it will do next: whole answers, and every way to fail.

Each answer of a success names the request that it is for (`x-number`) and ends with `END`, so an app
can tell whether it got its own, and all of it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

from tests.fakes.raw_server import Peer
from tests.integration.wire import LAST_CHUNK, STREAM, Message, chunk, ok, read_body, read_head

END = b"[DONE]"
POOR = b"poor"
"""The model whose quota is used up now and then."""

_BURST = 2 << 20
"""Bytes of a stream that comes faster than any app reads."""

_USAGE = b'"usage":{"prompt_tokens":9,"completion_tokens":%d}'
_QUOTA = b'{"error":{"code":"insufficient_quota","message":"m"}}'
_RATE = b'{"error":{"code":"rate_limit_exceeded","message":"m"}}'
_LIMITED = b"429 Too Many Requests"

_REFUSALS = (
    ok(_RATE, status=_LIMITED),
    *(ok(_RATE, status=_LIMITED, extra=b"Retry-After: %d\r\n" % n) for n in (0, 1, 2, 20)),
    *(ok(b"<html>busy</html>", status=b"503 Service Unavailable") for _ in range(3)),
    *(ok(b"{", status=b"500 Internal Server Error") for _ in range(3)),
    ok(bytes(400_000), status=b"503 Service Unavailable"),
)
"""The last one is larger than any error document."""

Act = Callable[[Peer, Message, Random], Awaitable[bool]]
"""What happens to a request whose head has come; tells whether the connection goes on."""


def _whole(head: Message, dice: Random) -> bytes:
    number = head.get("x-number") or b""
    usage = _USAGE % dice.randrange(1, 200)
    return b'{"number":"%b",%b,"text":"%b"}' % (number, usage, END)


def _event(head: Message) -> bytes:
    return chunk(b'data: {"number":"%b"}\n\n' % (head.get("x-number") or b""))


def _done(dice: Random) -> bytes:
    last = b"data: {%b}\n\ndata: %b\n\n" % (_USAGE % dice.randrange(1, 200), END)
    return chunk(last) + LAST_CHUNK


async def _taken(peer: Peer, head: Message) -> None:
    await read_body(peer._reader, head)


async def _reset_soon(peer: Peer, dice: Random) -> None:
    await asyncio.sleep(dice.uniform(0, 0.5))
    if not peer._writer.is_closing():  # by the other side, meanwhile
        peer.reset()


# What apps hope for


async def serves(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(ok(_whole(head, dice)))
    return True


async def serves_slowly(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await asyncio.sleep(dice.uniform(0.1, 2.5))
    answer = ok(_whole(head, dice))
    cut = dice.randrange(len(answer))
    await peer.send(answer[:cut])
    await asyncio.sleep(dice.uniform(0, 1))
    await peer.send(answer[cut:])
    return True


async def streams(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await asyncio.sleep(dice.uniform(0, 1))
    await peer.send(STREAM)
    for _ in range(dice.randrange(1, 12)):
        await peer.send(_event(head))
        await asyncio.sleep(dice.uniform(0, 0.6))
    await peer.send(_event(head) + _done(dice))
    return True


async def keeps_alive_first(peer: Peer, head: Message, dice: Random) -> bool:
    """Longer than the read timeout, in all."""
    await _taken(peer, head)
    await peer.send(STREAM)
    for _ in range(dice.randrange(2, 5)):
        await asyncio.sleep(2)
        await peer.send(chunk(b": keep-alive\n\n"))
    await peer.send(_event(head) + _done(dice))
    return True


async def bursts(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(STREAM + chunk(b"data: %b\n\n" % bytes(_BURST)) + _event(head) + _done(dice))
    return True


async def interim(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(_whole(head, dice)))
    return True


async def serves_and_closes(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(ok(_whole(head, dice), extra=b"Connection: close\r\n"))
    peer.end()
    await peer.left()
    return False


async def serves_and_closes_later(peer: Peer, head: Message, dice: Random) -> bool:
    """Without a word: perhaps as the next request is on its way."""
    await serves(peer, head, dice)
    await asyncio.sleep(dice.uniform(0, 0.2))
    return False


async def serves_and_goes_on(peer: Peer, head: Message, dice: Random) -> bool:
    """A second answer, to nothing."""
    await _taken(peer, head)
    await peer.send(ok(_whole(head, dice)) + ok(b'{"number":"nobody\'s"}'))
    await peer.left()
    return False


async def warns(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    left = b"x-ratelimit-limit-requests: 60\r\nx-ratelimit-remaining-requests: 0\r\n"
    reset = b"x-ratelimit-reset-requests: 60s\r\n"
    await peer.send(ok(_whole(head, dice), extra=left + reset))
    return True


# What pushes back


async def pushes_back(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(dice.choice(_REFUSALS))
    return True


async def fails_in_the_stream(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    error = chunk(b'event: error\ndata: {"error":{"code":"server_is_overloaded"}}\n\n')
    await peer.send(STREAM + _event(head) + error + _done(dice))
    return True


async def is_not_paid(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(ok(_QUOTA, status=_LIMITED))
    return True


async def refuses_unread(peer: Peer, head: Message, dice: Random) -> bool:
    """In the middle of the upload, if there is one."""
    await peer.send(ok(b"{}", status=b"400 Bad Request", extra=b"Connection: close\r\n"))
    peer.end()
    await peer.left()
    return False


# What breaks


async def hangs(peer: Peer, head: Message, dice: Random) -> bool:
    await peer.left()
    return False


async def hangs_in_the_stream(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(STREAM + _event(head))
    await peer.left()
    return False


async def goes_deaf(peer: Peer, head: Message, dice: Random) -> bool:
    """Takes nothing more, not even the end of the connection."""
    peer.stop_reading()
    await asyncio.sleep(dice.uniform(1, 10))
    return False


async def resets(peer: Peer, head: Message, dice: Random) -> bool:
    await _reset_soon(peer, dice)
    return False


async def hangs_up(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    peer.end()
    await peer.left()
    return False


async def resets_in_the_stream(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(STREAM + _event(head))
    await _reset_soon(peer, dice)
    return False


async def breaks_off(peer: Peer, head: Message, dice: Random) -> bool:
    """With a FIN, in the middle of a body with a length."""
    await _taken(peer, head)
    answer = ok(_whole(head, dice))
    await peer.send(answer[: -dice.randrange(1, 20)])
    peer.end()
    await peer.left()
    return False


async def talks_nonsense(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(dice.choice((b"\x16\x03\x01\x00", b"HTTP/9.9 OK\r\n\r\n", dice.randbytes(200))))
    await peer.left()
    return False


async def talks_nonsense_in_the_stream(peer: Peer, head: Message, dice: Random) -> bool:
    await _taken(peer, head)
    await peer.send(STREAM + _event(head) + b"no chunk\r\n\r\n")
    await peer.left()
    return False


ACTS: dict[Act, int] = {
    serves: 30,
    serves_slowly: 6,
    streams: 20,
    keeps_alive_first: 4,
    bursts: 5,
    interim: 2,
    serves_and_closes: 2,
    serves_and_closes_later: 2,
    serves_and_goes_on: 2,
    warns: 2,
    pushes_back: 17,
    fails_in_the_stream: 3,
    refuses_unread: 3,
    hangs: 3,
    hangs_in_the_stream: 2,
    goes_deaf: 2,
    resets: 3,
    hangs_up: 3,
    resets_in_the_stream: 3,
    breaks_off: 2,
    talks_nonsense: 2,
    talks_nonsense_in_the_stream: 2,
}
"""How often, in relation to each other."""


class ChaosProvider:
    """A script for a RawServer."""

    def __init__(self, dice: Random) -> None:
        self.calm = False
        """From now on every request is served."""
        self.done: Counter[str] = Counter()
        """What was done, by the act's name."""
        self._dice = dice

    async def __call__(self, peer: Peer) -> None:
        going_on = True
        while going_on:
            head = await read_head(peer._reader)
            act = self._draw(head)
            self.done[act.__name__] += 1
            going_on = await act(peer, head, self._dice)

    def _draw(self, head: Message) -> Act:
        if self.calm:
            return serves
        if head.get("x-model") == POOR and self._dice.random() < 0.5:
            return is_not_paid
        return self._dice.choices(list(ACTS), list(ACTS.values()))[0]
