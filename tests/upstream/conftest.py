"""Every asynchronous test here runs on asyncio's own loop and on uvloop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio
import uvloop

from sidecar.upstream.client import RawTransport
from sidecar.upstream.config import UpstreamConfig


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True, scope="session")
def _no_implicit_loop() -> None:
    """Before the first asynchronous test, a plugin that asks for "the" loop must not make one."""
    asyncio.set_event_loop(None)


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[RawTransport]:
    """With default settings; closed, without a leak, at the end."""
    transport = RawTransport(UpstreamConfig())
    yield transport
    await transport.close()
    assert transport.open_connections == transport.idle_connections == 0
