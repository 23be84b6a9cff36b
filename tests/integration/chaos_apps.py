"""Apps that do whatever apps do: ask, read slowly or not at all, change their minds, and leave."""

import asyncio
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from tests.integration.chaos_provider import END, POOR
from tests.integration.wire import Client, Message, chunk

PATIENCE = 120.0
"""Seconds after which an app that is still waiting has been forgotten: more than the queue, all
attempts, their backoffs and the slowest answer take together."""

MODELS = (b"a", b"a", b"b", POOR)
PATHS = (b"/v1/chat/completions", b"/v1/embeddings", b"/anthropic/v1/messages")
_SIZES = (*(10,) * 8, 1000, 10_000, 100_000, 900_000, 1_200_000, 2_000_000, 3_200_000)
_PIECE = 65_536


@dataclass(slots=True)
class Tally:
    """How requests ended, as the apps saw it."""

    answered: Counter[int] = field(default_factory=Counter)
    """Whole answers, by status."""
    reasons: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Of the sidecar's own ones among them, with their statuses."""
    broken: int = 0
    """Answers that were seen to break off, or connections that ended without one."""
    left: int = 0
    """Requests whose answer the app did not wait for."""
    wrong: list[str] = field(default_factory=list)
    """What must never happen."""

    @property
    def made(self) -> int:
        """Requests that the sidecar has seen."""
        return self.answered.total() + self.broken + self.left


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and how its app behaves."""

    number: bytes
    pieces: Sequence[bytes]
    """What is sent, with pauses in between."""
    upload_pause: float
    """The longest of them, in seconds."""
    reading_pause: float
    """The longest one between two reads."""


class App:
    """One worker of an app: a request at a time, or a few behind each other."""

    def __init__(self, name: int, port: int, dice: Random, tally: Tally) -> None:
        self._name = name
        self._port = port
        self._dice = dice
        self._tally = tally
        self._calls = 0
        self._client: Client | None = None

    async def run(self, until: float, pause: float) -> None:
        """Ask until that loop time; `pause` is the mean of the seconds in between."""
        now = asyncio.get_running_loop().time
        while now() < until:
            await self._act()
            await asyncio.sleep(self._dice.expovariate(1 / pause))
        self._hang_up()

    async def _act(self) -> None:
        acts = (self._stays, self._pipelines, self._leaves)
        act = self._dice.choices(acts, (60, 10, 30))[0]
        client = self._client
        if client is None or client.reader.at_eof() or client.writer.is_closing():
            self._hang_up()
            small = self._dice.choice((None, None, 8192))
            client = self._client = await Client.connect(self._port, receive_buffer=small)
            # As SDKs do. A second small segment would wait for the first one's receipt, in real time.
            sock = client.writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.timeout(PATIENCE):
                await act(client)
        except TimeoutError:
            self._tally.wrong.append(f"app {self._name} was forgotten at request {self._calls}")
            self._hang_up()

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            closed = client.writer.is_closing()  # by the sidecar
            leave = Client.close if closed else self._dice.choice((Client.close, Client.reset))
            leave(client)

    # What apps do

    async def _stays(self, client: Client) -> None:
        """Until the answer, or the connection, has ended."""
        if not await self._exchange(client, self._call()):
            self._hang_up()

    async def _leaves(self, client: Client) -> None:
        """At any moment, but not before the request's head has arrived."""
        exchange = self._exchange(client, self._call(), leaving=True)
        try:
            async with asyncio.timeout(self._dice.choice((0.001, 0.01, 0.1, 0.5, 2.0, 5.0))):
                if not await exchange:
                    self._hang_up()
        except TimeoutError:
            self._tally.left += 1
            self._hang_up()

    async def _pipelines(self, client: Client) -> None:
        """Several requests at once. Behind an answer that ends the connection, none is taken."""
        calls = [self._call(small=True) for _ in range(self._dice.randrange(2, 6))]
        for call in calls:
            client.post(b"".join(call.pieces))
        for call in calls:
            if not await self._answer(client, call):
                self._hang_up()
                return

    # How they do it

    async def _exchange(self, client: Client, call: Call, *, leaving: bool = False) -> bool:
        """One request and its answer; tells whether the connection is good for another one."""
        async with asyncio.TaskGroup() as group:
            upload = group.create_task(self._send(client, call))
            open_still = await self._answer(client, call)
            whole = upload.done()
            upload.cancel()
        return open_still and whole

    async def _send(self, client: Client, call: Call) -> None:
        with suppress(ConnectionError):
            for piece in call.pieces:
                await client.send(piece)
                if call.upload_pause:
                    await asyncio.sleep(self._dice.uniform(0, call.upload_pause))

    async def _answer(self, client: Client, call: Call) -> bool:
        try:
            head = await client.head()
            body = await self._read(client, head, call.reading_pause)
        except (EOFError, ConnectionError):
            self._tally.broken += 1
            return False
        self._note(call, head, body)
        return head.get("connection") != b"close"

    async def _read(self, client: Client, head: Message, pause: float) -> bytes:
        body = bytearray()
        if head.get("transfer-encoding") is not None:
            while piece := await client.chunk():
                body += piece
                await self._rest(pause)
            await client.reader.readuntil(b"\r\n")
            return bytes(body)
        left = int(head.get("content-length") or 0)
        while left:
            piece = await client.reader.readexactly(min(left, _PIECE))
            left -= len(piece)
            body += piece
            await self._rest(pause)
        return bytes(body)

    async def _rest(self, pause: float) -> None:
        if pause:
            await asyncio.sleep(self._dice.uniform(0, pause))

    def _note(self, call: Call, head: Message, body: bytes) -> None:
        tally = self._tally
        tally.answered[head.status] += 1
        reason = head.get("x-sidecar-reason")
        if reason is not None:
            tally.reasons[head.status, reason.decode()] += 1
        if head.get("x-sidecar-attempts") is None:
            tally.wrong.append(f"an answer that says nothing of its way: {head}")
        if head.status == 200 and not (call.number in body and END in body):
            tally.wrong.append(f"{call.number!r} got {len(body)} bytes: {body[:80]!r}")

    # What they ask

    def _call(self, *, small: bool = False) -> Call:
        dice = self._dice
        self._calls += 1
        number = b"%d-%d." % (self._name, self._calls)
        model = dice.choice(MODELS)
        begin = b'{"model":"%b","max_tokens":%d,"x":"' % (model, dice.choice((10, 100, 1000)))
        body = begin + b"x" * (10 if small else dice.choice(_SIZES)) + b'"}'
        chunked = not small and dice.random() < 0.2
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
        fields = [
            b"POST %b HTTP/1.1\r\nHost: app\r\nContent-Type: application/json" % dice.choice(PATHS),
            b"x-number: " + number,
            b"x-model: " + model,
            *dice.choice(((), (), (b"x-sidecar-timeout: %.2f" % dice.uniform(0.2, 9),))),
            *dice.choice(((), (), (b"x-sidecar-priority: " + dice.choice((b"high", b"low")),))),
            *dice.choice(((), (), (b"x-stainless-retry-count: 1",))),
            framing,
        ]
        pieces = [body[at : at + _PIECE] for at in range(0, len(body), _PIECE)]
        sent = [*map(chunk, pieces), chunk(b"")] if chunked else pieces
        return Call(
            number,
            [b"\r\n".join(fields) + b"\r\n\r\n" + sent[0], *sent[1:]],
            upload_pause=dice.choice((0, 0, 0.2)),
            reading_pause=dice.choice((0, 0, 0, 0.4)),
        )
