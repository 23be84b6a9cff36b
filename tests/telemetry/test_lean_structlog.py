"""structlog is there, and rich is not; unless somebody else wants it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("program", "loaded"),
    [
        ("import sidecar.telemetry.logs", False),
        ("import sidecar.telemetry.logs, rich.console", True),
        ("import rich.console, sidecar.telemetry.logs", True),
    ],
)
def test_rich_is_loaded_for_those_who_import_it_themselves(program: str, loaded: bool) -> None:
    told = subprocess.run(  # noqa: S603  # our own interpreter, our own words
        [sys.executable, "-c", f"{program}, sys; print('rich.console' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == str(loaded)
