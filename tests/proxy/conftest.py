"""Limiters whose permits the answers are watched under; both loops for what touches sockets."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from tests.admission.conftest import make_limiter

__all__ = ["make_limiter"]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
