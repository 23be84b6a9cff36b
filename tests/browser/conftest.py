"""Where the browser is, and what happens where there is none."""

import os
import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium. Without one these tests are left out, except in continuous integration."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    reason = "no Chromium on this machine: `make tools` installs it"
    if os.environ.get("CI"):  # noqa: TID251  # the sidecar does not read it, these tests do
        pytest.fail(reason)
    pytest.skip(reason)
