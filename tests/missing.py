"""What becomes of a test whose machine lacks something."""

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Leave the test out, or fail in continuous integration, which leaves out none."""
    if os.environ.get("CI"):  # noqa: TID251  # the sidecar does not read it, these tests do
        pytest.fail(reason)
    pytest.skip(reason)
