"""The chart's README, made by helm-docs; `make docs` writes it, `test_chart_readme.py` compares it."""

import sys
from pathlib import Path

from tests.helm.rendering import CHART, run
from tests.helm.tools import tool

README = CHART / "README.md"


def made(helm_docs: Path) -> str:
    """Its text."""
    told = run(helm_docs, "--chart-search-root", CHART, "--dry-run", "--sort-values-order", "file")
    assert told.returncode == 0, told.stderr
    return told.stdout


if __name__ == "__main__":
    README.write_text(made(tool("helm-docs")), encoding="utf-8")
    sys.stdout.write("README.md of the chart: written\n")
