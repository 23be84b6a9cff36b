"""An open WebSocket is two connections made one: every byte, both ways, until either side ends it."""

import asyncio
import random
import ssl
from pathlib import Path

import pytest
import trustme

from sidecar.app import Sidecar
from tests.fakes.raw_server import Peer
from tests.integration.rig import eventually, rig
from tests.integration.sockets import Accepting, Open, ending, handshake, open_sockets, opened
from tests.integration.wire import get
from tests.upstream.exchanges import steady

MEGABYTE = 1 << 20
HELD = 4 * MEGABYTE
"""Bytes; the kernel's and our buffers on the way hold at most four times as many."""


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


async def read(peer: Peer) -> bytes:
    """All that comes until the other side ends."""
    async with asyncio.timeout(10):
        return await peer._reader.read(-1)


# What passes


async def test_messages_pass_both_ways() -> None:
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        for _ in range(3):
            await it_is.passes()
        it_is.provider.end()
        assert await it_is.app.ended() == b""
        it_is.app.close()


async def test_bytes_behind_the_handshake_are_not_lost() -> None:
    """In the handshake's segment, and while the provider has not answered yet."""
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        app = await it.connect()
        app.post(handshake() + b"\x81\x05first")
        await it.provider.peer()
        app.post(b"\x81\x06second")
        assert (await app.head()).status == 101
        await eventually(lambda: script.peers)
        it_is = Open(app, script.peers[0])

        assert await it_is.heard(15) == b"\x81\x05first\x81\x06second"
        await it_is.passes()
        app.close()


async def test_more_bytes_behind_the_handshake_than_are_held() -> None:
    granted, data = asyncio.Event(), noise(HELD)

    class Late(Accepting):
        async def __call__(self, peer: Peer) -> None:
            await granted.wait()
            await super().__call__(peer)

    script = Late()
    async with rig(script) as it, ending(it, script):
        app = await it.connect()
        app.post(handshake() + data)
        await it.provider.peer()
        await steady(lambda: app.untaken)
        assert app.untaken > 0
        granted.set()
        assert (await app.head()).status == 101
        await eventually(lambda: script.peers)

        assert await Open(app, script.peers[0]).heard(HELD) == data
        app.close()


async def test_bytes_behind_the_101_are_not_lost() -> None:
    script = Accepting(behind=b"\x81\x05hello")
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)

        assert await it_is.said(7) == b"\x81\x05hello"
        await it_is.passes()
        it_is.app.close()


async def test_a_provider_that_says_one_thing_and_leaves() -> None:
    """101, a message and the end in one segment."""
    script = Accepting(behind=b"\x88\x02\x03\xe9")

    async def leave(peer: Peer) -> None:
        script.done.set()
        await script(peer)

    async with rig(leave) as it, ending(it, script):
        app = await it.connect()
        app.post(handshake())
        assert (await app.head()).status == 101

        assert await app.ended() == b"\x88\x02\x03\xe9"
        app.close()


async def test_megabytes_pass_both_ways_at_once() -> None:
    script = Accepting()
    up, down = noise(2 * HELD, 1), noise(2 * HELD, 2)
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.app.post(up)
        it_is.provider.post(down)
        heard, said = await asyncio.gather(it_is.heard(len(up)), it_is.said(len(down)))

        assert (heard, said) == (up, down)
        it_is.app.close()


async def test_silence_is_legal() -> None:
    """The read timeout is for answers that are owed."""
    script = Accepting()
    async with rig(script, upstream_read_timeout=0.1) as it, ending(it, script):
        it_is = await opened(it, script)
        await asyncio.sleep(0.3)

        await it_is.passes()
        it_is.app.close()


async def test_behind_other_requests_on_the_same_connection() -> None:
    """Pipelined: the sidecar must not take the connection over before it is the handshake's turn."""
    script = Accepting()

    async def provider(peer: Peer) -> None:
        if peer.number == 0:
            await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
            peer.close()
        else:
            await script(peer)

    async with rig(provider) as it, ending(it, script):
        app = await it.connect()
        app.post(get() + handshake() + b"\x81\x05first")
        assert (await app.answer()).body == b"ok"
        assert (await app.head()).status == 101
        await eventually(lambda: script.peers)

        assert await Open(app, script.peers[0]).heard(7) == b"\x81\x05first"
        app.close()


# Back-pressure


async def test_a_provider_that_does_not_read_holds_the_app_up() -> None:
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.provider.stop_reading()
        it_is.app.post(noise(8 * HELD))
        assert await steady(lambda: it_is.app.untaken) > 4 * HELD
        assert open_sockets(it) == 1

        it_is.app.reset()
        await eventually(lambda: not open_sockets(it))


async def test_an_app_that_does_not_read_holds_the_provider_up() -> None:
    script = Accepting()
    data = noise(8 * HELD)
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script, receive_buffer=65536)
        it_is.provider.post(data)
        assert await steady(lambda: it_is.provider.unsent) > 4 * HELD

        assert await it_is.said(len(data)) == data
        it_is.app.close()


async def test_one_direction_that_stands_still_does_not_stop_the_other() -> None:
    script = Accepting()
    data = noise(HELD)
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.provider.stop_reading()
        it_is.app.post(noise(8 * HELD))
        await steady(lambda: it_is.app.untaken)

        it_is.provider.post(data)
        assert await it_is.said(HELD) == data
        it_is.app.reset()


# Ends


async def test_the_apps_end_passes_behind_its_bytes() -> None:
    script, data = Accepting(), noise(2 * HELD)
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.app.post(data)
        it_is.app.writer.write_eof()

        assert await read(it_is.provider) == data


async def test_the_providers_end_passes_behind_its_bytes() -> None:
    script, data = Accepting(), noise(2 * HELD)
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script, receive_buffer=65536)
        it_is.provider.post(data)
        it_is.provider.end()

        assert await it_is.app.ended() == data
        it_is.app.close()


async def test_behind_the_apps_end_the_provider_may_still_speak() -> None:
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.app.writer.write_eof()
        assert await read(it_is.provider) == b""

        it_is.provider.post(b"\x88\x02\x03\xe8")
        it_is.provider.end()
        assert await it_is.app.ended() == b"\x88\x02\x03\xe8"


async def test_last_words_reach_an_app_that_goes_on_sending() -> None:
    """The provider closes while the app's audio streams in: its answer to that is a reset."""
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.app.post(noise(MEGABYTE))
        await it_is.heard(1000)
        it_is.provider.post(b"\x88\x02\x03\xe9")
        it_is.provider.end()
        script.done.set()
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            words = group.create_task(it_is.app.reader.read(-1))
            while not words.done():
                it_is.app.post(noise(10_000))
                await asyncio.sleep(0)

        assert words.result() == b"\x88\x02\x03\xe9"
        it_is.app.reset()


async def test_an_app_that_leaves_ends_the_provider_at_once() -> None:
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.app.close()

        assert await read(it_is.provider) == b""


async def test_an_app_that_resets_cuts_the_provider_off() -> None:
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.app.reset()

        assert await read(it_is.provider) == b""


async def test_a_provider_that_resets_ends_the_app() -> None:
    script = Accepting()
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.provider.reset()

        assert await it_is.app.ended() == b""
        it_is.app.close()


async def test_a_slow_provider_gets_what_an_app_left_behind() -> None:
    """The app's FIN lies behind bytes that nobody reads for the moment."""
    script, data = Accepting(), noise(2 * HELD)
    async with rig(script) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.app.post(data)
        await steady(lambda: it_is.app.untaken)
        it_is.app.writer.write_eof()
        await steady(lambda: it_is.app.untaken)

        assert await read(it_is.provider) == data


# Over TLS, which knows no half-closed connection


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The provider's, of a CA that the sidecar is told to trust."""
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    ca.issue_cert("localhost").configure_cert(context)
    return context


async def test_megabytes_pass_both_ways_over_tls(tls: ssl.SSLContext) -> None:
    script = Accepting(behind=b"\x81\x05hello")
    up, down = noise(2 * HELD, 1), noise(2 * HELD, 2)
    async with rig(script, tls=tls) as it, ending(it, script):
        app = await it.connect()
        app.post(handshake() + b"\x81\x05first")
        assert (await app.head()).status == 101
        await eventually(lambda: script.peers)
        it_is = Open(app, script.peers[0])
        assert await it_is.said(7) == b"\x81\x05hello"
        assert await it_is.heard(7) == b"\x81\x05first"
        it_is.app.post(up)
        it_is.provider.post(down)
        heard, said = await asyncio.gather(it_is.heard(len(up)), it_is.said(len(down)))

        assert (heard, said) == (up, down)


async def test_back_pressure_both_ways_over_tls(tls: ssl.SSLContext) -> None:
    script, data = Accepting(), noise(8 * HELD)
    async with rig(script, tls=tls) as it, ending(it, script):
        it_is = await opened(it, script, receive_buffer=65536)
        it_is.app.post(data)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_send(it_is.provider, data))
            assert await steady(lambda: it_is.app.untaken) > 4 * HELD
            assert not sending.done()
            assert await it_is.said(len(data)) == data

        assert await it_is.heard(len(data)) == data


async def _send(peer: Peer, data: bytes) -> None:
    """As fast as it is taken."""
    for start in range(0, len(data), MEGABYTE):
        await peer.send(data[start : start + MEGABYTE])


async def test_the_apps_end_over_tls(tls: ssl.SSLContext) -> None:
    script, data = Accepting(), noise(HELD)
    async with rig(script, tls=tls) as it, ending(it, script):
        it_is = await opened(it, script)
        it_is.app.post(data)
        it_is.app.writer.write_eof()

        assert await read(it_is.provider) == data
        assert await it_is.app.ended() == b""


async def test_the_providers_end_over_tls_behind_what_a_slow_app_has_not_read(
    tls: ssl.SSLContext,
) -> None:
    script, data = Accepting(), noise(8 * HELD)
    async with rig(script, tls=tls) as it, ending(it, script):
        it_is = await opened(it, script, receive_buffer=65536)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_send(it_is.provider, data))
            await steady(lambda: it_is.app.untaken)
            assert not sending.done()
            assert await it_is.said(len(data) // 2) == data[: len(data) // 2]
            sending.add_done_callback(lambda _: it_is.provider.close())
            assert await it_is.app.ended() == data[len(data) // 2 :]
        it_is.app.close()


# The sidecar's own end


async def test_an_open_one_holds_up_the_drain_until_its_time_is_up() -> None:
    script = Accepting()
    async with rig(script, drain_timeout=0.2, drain_idle=0.0) as it:
        it_is = await opened(it, script)
        assert it.sidecar.activity.open_requests == 1
        await it.sidecar.drain()
        await it_is.passes()

        await it.sidecar.stop()

        assert await it_is.app.ended() == b""
        assert await read(it_is.provider) == b""
        assert open_sockets(it) == 0
        script.done.set()


async def test_a_closed_one_lets_the_drain_end() -> None:
    script = Accepting()
    async with rig(script, drain_timeout=60, drain_idle=0.0) as it, ending(it, script):
        it_is = await opened(it, script)
        sidecar: Sidecar = it.sidecar
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            drained = group.create_task(sidecar.drain())
            await it_is.passes()
            assert not drained.done()
            it_is.app.close()
            assert await read(it_is.provider) == b""
            it_is.provider.end()
