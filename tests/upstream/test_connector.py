"""What opening a connection can end in."""

import asyncio
import errno
import socket
import ssl

import pytest

from sidecar.errors import ConnectError, UpstreamTimeoutError
from sidecar.upstream.client import RawTransport
from sidecar.upstream.config import UpstreamConfig
from sidecar.upstream.connector import _kind
from sidecar.upstream.transport import Origin
from tests.fakes.raw_server import Peer, RawServer
from tests.upstream.exchanges import fetch, get, post, settle


def free_port() -> int:
    """A port that nobody listens on; bound once, so that nobody gets it in this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


async def test_a_refused_connection_names_host_port_and_kind(transport: RawTransport) -> None:
    port = free_port()

    with pytest.raises(ConnectError) as caught:
        await fetch(transport, post(Origin(False, "127.0.0.1", port), b"secret"))

    assert str(caught.value) == f"cannot connect to 127.0.0.1:{port}: refused"
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_host_that_is_no_name_is_a_connect_error(transport: RawTransport) -> None:
    with pytest.raises(ConnectError, match=r"cannot connect to a\.\.b:80: DNS"):
        await fetch(transport, get(Origin(False, "a..b", 80)))


async def listen(peer: Peer) -> None:
    await peer.left()


async def test_a_handshake_that_nobody_answers_times_out_and_closes() -> None:
    transport = RawTransport(UpstreamConfig(connect_timeout=0.05))
    async with RawServer(listen) as server:
        with pytest.raises(UpstreamTimeoutError) as caught:
            await fetch(transport, get(Origin(True, "localhost", server.port)))
        await server.peers[0].gone.wait()

        where = f"localhost:{server.port}"
        assert str(caught.value) == f"connecting to {where} took over 0.05 s"
    assert transport.connections_opened == 0
    await transport.close()


async def test_cancelling_while_connecting_leaves_nothing_open(transport: RawTransport) -> None:
    async with RawServer(listen) as server:
        async with asyncio.TaskGroup() as group:
            request = get(Origin(True, "localhost", server.port))
            fetching = group.create_task(fetch(transport, request))
            peer = await server.peer()
            await settle()
            fetching.cancel()
        await peer.gone.wait()

    assert fetching.cancelled()
    assert transport.open_connections == 0


def refused_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "certificate has expired"
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 80)"), "refused"),
        (socket.gaierror(-2, "Name or service not known"), "DNS: Name or service not known"),
        (UnicodeError("label empty"), "DNS: not a valid host name"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
        (OSError("Multiple exceptions: a, b"), "Multiple exceptions: a, b"),
        (ConnectionAbortedError(), "ConnectionAbortedError"),
        (ssl.SSLError(), "TLS: handshake failed"),
        (refused_certificate(), "TLS: certificate has expired"),
    ],
)
def test_each_kind_of_failure_has_its_words(error: OSError | UnicodeError, kind: str) -> None:
    assert _kind(error) == kind
