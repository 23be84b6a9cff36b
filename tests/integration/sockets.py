"""What the tests of WebSockets share: handshakes as bytes, and both ends of an open one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.raw_server import Peer
from tests.integration.rig import Rig, eventually
from tests.integration.wire import Client, Message, read_head

KEY = (
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-VERSION:  13\r\n"
    b"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-\xe9\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-other\r\n"
)
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
SWITCH = (
    b"HTTP/1.1 101 Fine With Me\r\nupgrade: WebSocket\r\nCONNECTION: upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\nX-dup: 1\r\nx-DUP: \xff\r\n\r\n"
)


def handshake(
    path: str = "/v1/realtime?model=m", *, fields: bytes = UPGRADE, method: str = "GET"
) -> bytes:
    """A request for a WebSocket."""
    line = b"%b %b HTTP/1.1\r\nHost: app\r\n" % (method.encode(), path.encode())
    return line + fields + KEY + b"\r\n"


class Accepting:
    """A script: grants every handshake and leaves its peer to the test, until the client leaves.

    `behind` follows the 101 in the same segment.
    """

    def __init__(self, behind: bytes = b"") -> None:
        self.peers: list[Peer] = []
        self.heads: list[Message] = []
        self.done = asyncio.Event()
        """Ends the scripts."""
        self._answer = SWITCH + behind

    async def __call__(self, peer: Peer) -> None:
        self.heads.append(await read_head(peer._reader))
        await peer.send(self._answer)
        self.peers.append(peer)
        await self.done.wait()


class Open:
    """Both ends of an open WebSocket."""

    def __init__(self, app: Client, provider: Peer) -> None:
        self.app = app
        self.provider = provider

    async def heard(self, size: int) -> bytes:
        """So many bytes from the app, at the provider."""
        async with asyncio.timeout(10):
            return await self.provider.read(size)

    async def said(self, size: int) -> bytes:
        """So many bytes from the provider, at the app."""
        async with asyncio.timeout(10):
            return await self.app.reader.readexactly(size)

    async def passes(self) -> None:
        """A message each way."""
        self.app.post(b"\x81\x04ping")
        assert await self.heard(6) == b"\x81\x04ping"
        self.provider.post(b"\x81\x04pong")
        assert await self.said(6) == b"\x81\x04pong"


async def opened(
    it: Rig, script: Accepting, data: bytes | None = None, *, receive_buffer: int | None = None
) -> Open:
    """A new one."""
    app = await it.connect(receive_buffer=receive_buffer)
    app.post(data or handshake())
    head = await app.head()
    assert head.status == 101
    await eventually(lambda: len(script.peers) >= open_sockets(it))
    return Open(app, script.peers[-1])


def open_sockets(it: Rig) -> int:
    """As the sidecar counts them."""
    return it.sidecar.websockets.open.total()


@asynccontextmanager
async def ending(it: Rig, script: Accepting) -> AsyncIterator[None]:
    """At the end both sides leave, and nothing is left of what was open."""
    yield
    script.done.set()
    for client in it.clients:
        if not client.writer.transport.is_closing():
            client.writer.transport.abort()
    await it.at_rest()
    assert open_sockets(it) == 0
