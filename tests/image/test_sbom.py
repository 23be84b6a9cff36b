"""`make sbom` tells what is in the image."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.building import ROOT, Image
from tests.image.test_contents import LIBRARIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_it_lists_every_distribution_with_its_licence(distroless: Image, tmp_path: Path) -> None:
    sbom, here = tmp_path / "sbom.json", Path(sys.executable).parent
    subprocess.run(  # noqa: S603
        [
            *("make", "--old-file", f"{here.parent}/.installed", "sbom"),
            *(f"SBOM={sbom}", f"VENV={here.parent}"),
        ],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    components = json.loads(sbom.read_text(encoding="utf-8"))["components"]
    assert {component["name"]: component["version"] for component in components} == {
        distribution.metadata["Name"]: distribution.version
        for distribution in importlib.metadata.distributions(
            path=[str(distroless.root / LIBRARIES)]
        )
    }
    assert not [component["name"] for component in components if not component.get("licenses")]
    assert str(ROOT) not in sbom.read_text(encoding="utf-8")
