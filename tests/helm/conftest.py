"""The two Helms."""

from pathlib import Path

import pytest

from tests.helm.tools import tool


@pytest.fixture(scope="session")
def helm3() -> Path:
    """Helm 3."""
    return tool("helm3")


@pytest.fixture(scope="session")
def helm4() -> Path:
    """Helm 4."""
    return tool("helm4")
