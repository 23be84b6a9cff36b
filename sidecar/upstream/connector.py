"""Opening connections: DNS, TCP, TLS, and what can go wrong with them."""

import asyncio
import socket
import ssl

from sidecar.errors import ConnectError, ConnectTimeoutError
from sidecar.upstream.config import UpstreamConfig
from sidecar.upstream.connection import Connection, ConnectionOwner
from sidecar.upstream.tls import client_context
from sidecar.upstream.transport import Origin


class Connector:
    """Opens connections for one owner.

    A name's addresses are tried in turn by the event loop, in the resolver's order, all within the
    one connect timeout. (Racing them, RFC 8305, is something that uvloop does not offer.)
    """

    __slots__ = ("_config", "_loop", "_owner", "_tls")

    def __init__(
        self, config: UpstreamConfig, *, loop: asyncio.AbstractEventLoop, owner: ConnectionOwner
    ) -> None:
        self._config = config
        self._loop = loop
        self._owner = owner
        self._tls: ssl.SSLContext | None = None  # made when first needed: it takes 20 to 100 ms

    async def open(self, origin: Origin) -> Connection:
        """A connected connection, TLS included.

        Raises ConnectError, or ConnectTimeoutError after the connect timeout; the message names
        host, port and the kind of failure.
        """
        where = f"{origin.host}:{origin.port}"
        timeout = self._config.connect_timeout
        tls = self._tls_context() if origin.tls else None  # making it is no part of connecting
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(origin, tls)
        except TimeoutError as exc:
            raise ConnectTimeoutError(f"connecting to {where} took over {timeout:g} s") from exc
        except (OSError, UnicodeError) as exc:
            raise ConnectError(f"cannot connect to {where}: {_kind(exc)}") from exc

    async def _connect(self, origin: Origin, tls: ssl.SSLContext | None) -> Connection:
        connection = Connection(origin, self._config, loop=self._loop, owner=self._owner)
        try:
            await self._loop.create_connection(
                lambda: connection,
                origin.host,
                origin.port,
                ssl=tls,
                server_hostname=origin.host if tls else None,
            )
        except BaseException:
            # Cancelled after `connection_made`, uvloop closes the socket and calls nothing more.
            connection.connection_lost(None)
            raise
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = client_context()
        return self._tls


def _kind(exc: OSError | UnicodeError) -> str:
    """What went wrong, in words for an operator."""
    match exc:
        case ssl.SSLCertVerificationError():
            return f"TLS: {exc.verify_message}"
        case ssl.SSLError():
            # Only OpenSSL's own errors have the attribute; those that Python code raises do not.
            return f"TLS: {getattr(exc, 'reason', None) or 'handshake failed'}"
        case socket.gaierror():
            return f"DNS: {exc.strerror}"
        case UnicodeError():
            return "DNS: not a valid host name"
        case ConnectionRefusedError():
            return "refused"
        case _:
            return exc.strerror or str(exc) or type(exc).__name__
