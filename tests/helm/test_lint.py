"""`helm lint` has nothing to say about the chart."""

from pathlib import Path

import pytest

from tests.helm.rendering import CHART, KUBERNETES, VALUES, run
from tests.helm.tools import tool


@pytest.fixture(scope="module", params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> Path:
    return tool(request.param)


@pytest.mark.parametrize("values", VALUES)
def test_lint_finds_nothing(helm: Path, values: str) -> None:
    found = run(
        *(helm, "lint", CHART, "--strict", "--quiet"),
        *("--values", VALUES[values], "--kube-version", KUBERNETES[-1]),
    )

    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr
