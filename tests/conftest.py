"""What holds for every test."""

import asyncio

import pytest


def pytest_sessionstart(session: pytest.Session) -> None:
    """Without a current loop, Python 3.11 would make one on demand, which nobody then closes."""
    asyncio.set_event_loop(None)
