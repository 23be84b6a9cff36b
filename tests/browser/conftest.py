"""Where the browser is, and what happens where there is none."""

import shutil

import pytest

from tests.missing import missing

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium. Without one these tests are left out, except in continuous integration."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return found or missing("no Chromium on this machine: `make tools` installs it")
