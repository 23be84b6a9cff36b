"""Where the tools are that the chart's tests run."""

import shutil
from pathlib import Path
from typing import NoReturn

from tests.missing import missing
from tests.tools.build import TOOLS, folder


def tool(name: str) -> Path:
    """Path of this binary: what `make tools` built, else what is on the PATH.

    Where there is neither, the test is left out; in continuous integration it fails.
    """
    for module, made in TOOLS.items():
        if name in made.binaries and (built := folder(module) / name).is_file():
            return built
    found = shutil.which(name)
    return Path(found) if found else _missing(name)


def custom_resource_definitions() -> list[Path]:
    """Files of the custom resources that the chart makes. Without them as without a tool."""
    files = sorted(folder("crds").glob("*.yaml"))
    return files or _missing("custom resource definitions")


def _missing(what: str) -> NoReturn:
    needs = "" if shutil.which("go") else "; it needs Go for most of them"
    missing(f"no {what} on this machine: `make tools` gets what is missing{needs}")
