"""Taking ports, and what is said of one that cannot be had."""

import socket
import ssl

import pytest
from aiohttp import ClientSession, web

from sidecar.errors import ListenError
from sidecar.listening import listen
from tests.injector.certificates import CA, trusting


def empty() -> web.AppRunner:
    return web.AppRunner(web.Application())


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_port_is_taken_with_and_without_tls(scheme: str) -> None:
    tls = None
    if scheme == "https":
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        CA.issue_cert("localhost").configure_cert(tls)
    runner = empty()
    await listen(runner, "127.0.0.1", 0, "SIDECAR_PORT", tls=tls)
    url = f"{scheme}://localhost:{runner.addresses[0][1]}/"

    async with ClientSession() as client, client.get(url, ssl=trusting()) as response:
        assert response.status == 404

    await runner.cleanup()


async def test_a_port_that_is_taken_is_told_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        runner = empty()

        with pytest.raises(ListenError) as caught:
            await listen(runner, "127.0.0.1", port, "SIDECAR_PORT")

    assert str(caught.value).startswith(f"SIDECAR_PORT={port}: cannot listen on 127.0.0.1: ")
    await runner.cleanup()


async def test_a_host_that_can_be_none_is_told() -> None:
    runner = empty()

    with pytest.raises(ListenError, match=r"^SIDECAR_PORT=0: cannot listen on a\.\.b: "):
        await listen(runner, "a..b", 0, "SIDECAR_PORT")

    await runner.cleanup()
