"""What holds for every test."""

import asyncio
import os

import pytest

from sidecar.environment import load_settings
from sidecar.settings import Settings
from tests.loading import Load


def pytest_sessionstart(session: pytest.Session) -> None:
    """Without a current loop, Python 3.11 would make one on demand, which nobody then closes."""
    asyncio.set_event_loop(None)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the settings from exactly these variables."""
    for name in list(os.environ):  # noqa: TID251  # the reader of the environment is under test
        if name.upper().startswith("SIDECAR_"):
            monkeypatch.delenv(name)

    def load(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load
