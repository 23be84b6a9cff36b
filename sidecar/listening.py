"""Takes ports."""

import ssl

from aiohttp import web

from sidecar.errors import ListenError

_BACKLOG = 1024
"""Connections the kernel holds until they are accepted: apps open hundreds at once."""


async def listen(
    runner: web.BaseRunner,
    host: str,
    port: int,
    setting: str,
    *,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Set up the server and take its port; raises ListenError naming the setting of the port."""
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG, ssl_context=tls).start()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that can be no name
        why = error.strerror if isinstance(error, OSError) else "not a valid host name"
        raise ListenError(f"{setting}={port}: cannot listen on {host}: {why}") from error
