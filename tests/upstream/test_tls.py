"""Trust, names and protocol of TLS connections, with a CA of our own."""

import ssl
from pathlib import Path

import pytest
import trustme

from sidecar.errors import ConnectError, StreamBrokenError
from sidecar.upstream.client import RawTransport
from sidecar.upstream.tls import client_context
from sidecar.upstream.transport import Origin
from tests.fakes.raw_server import Peer, RawServer, answers
from tests.upstream.exchanges import OK, Sink, SlowSink, fetch, get


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def _trusted(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CA, by the variable that operators set."""
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


def server_context(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.mark.usefixtures("_trusted")
async def test_a_ca_named_by_ssl_cert_file_is_trusted(
    ca: trustme.CA, transport: RawTransport
) -> None:
    async with RawServer(answers(OK, OK), tls=server_context(ca, "localhost")) as server:
        for _ in range(2):
            assert (await fetch(transport, get(server.origin))).body == b"ok"

        assert transport.connections_opened == 1
        await transport.close()


@pytest.mark.usefixtures("_trusted")
async def test_only_http_1_1_is_offered_and_the_name_is_sent(
    ca: trustme.CA, transport: RawTransport
) -> None:
    context = server_context(ca, "localhost")
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    agreed: list[str | None] = []

    async def script(peer: Peer) -> None:
        assert peer.tls is not None
        agreed.append(peer.tls.selected_alpn_protocol())
        await answers(OK)(peer)

    async with RawServer(script, tls=context) as server:
        await fetch(transport, get(server.origin))
        await transport.close()

    assert (names, agreed) == (["localhost"], ["http/1.1"])


async def test_an_unknown_ca_is_a_connect_error(ca: trustme.CA, transport: RawTransport) -> None:
    async with RawServer(answers(OK), tls=server_context(ca, "localhost")) as server:
        with pytest.raises(ConnectError, match=rf"localhost:{server.port}: TLS: .*local issuer"):
            await fetch(transport, get(server.origin))

        assert server.requests == []


@pytest.mark.usefixtures("_trusted")
async def test_a_certificate_of_another_name_is_a_connect_error(
    ca: trustme.CA, transport: RawTransport
) -> None:
    async with RawServer(answers(OK), tls=server_context(ca, "other.example")) as server:
        with pytest.raises(ConnectError, match="TLS: Hostname mismatch"):
            await fetch(transport, get(server.origin))

        assert server.requests == []


async def test_a_server_without_tls_is_a_connect_error(transport: RawTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.left()

    async with RawServer(script) as server:
        with pytest.raises(ConnectError, match=rf"localhost:{server.port}: TLS: "):
            await fetch(transport, get(Origin(True, "localhost", server.port)))


@pytest.mark.usefixtures("_trusted")
async def test_a_body_without_framing_ends_with_close_notify(
    ca: trustme.CA, transport: RawTransport
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        peer.close()
        await peer.left()

    async with RawServer(script, tls=server_context(ca, "localhost")) as server:
        assert (await fetch(transport, get(server.origin))).body == b"all of it"
        await transport.close()


@pytest.mark.asyncio(loop_factories=["uvloop"])  # asyncio's TLS does not tell the difference
@pytest.mark.usefixtures("_trusted")
async def test_a_body_without_framing_is_broken_by_a_bare_fin(
    ca: trustme.CA, transport: RawTransport
) -> None:
    """Anyone on the way could have sent it."""
    sink = Sink()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await sink.wrote.wait()

    async with RawServer(script, tls=server_context(ca, "localhost")) as server:
        async with transport.exchange(get(server.origin)) as response:
            with pytest.raises(StreamBrokenError):
                await response.relay(sink)
        await transport.close()

    assert sink.body == b"half"


@pytest.mark.usefixtures("_trusted")
async def test_leaving_early_closes_a_tls_connection_too(
    ca: trustme.CA, transport: RawTransport
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")
        await peer.left()

    async with RawServer(script, tls=server_context(ca, "localhost")) as server:
        async with transport.exchange(get(server.origin)):
            pass
        await server.peers[0].gone.wait()


@pytest.mark.usefixtures("_trusted")
async def test_a_large_body_crosses_tls_to_a_slow_sink(
    ca: trustme.CA, transport: RawTransport
) -> None:
    sink = SlowSink()
    sink.drained.set()
    body = bytes(range(256)) * 20_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with RawServer(answers(answer + body), tls=server_context(ca, "localhost")) as server:
        async with transport.exchange(get(server.origin)) as response:
            await response.relay(sink)
        await transport.close()

    assert sink.body == body


def test_verification_is_on() -> None:
    context = client_context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
