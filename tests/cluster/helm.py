"""Helm, against a control plane."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.cluster.control_plane import ControlPlane

CHART = Path(__file__).parent.parent.parent / "helm" / "llm-sidecar"


class HelmError(Exception):
    """It refused. `str()` is what it said."""


class Helm:
    """One version of it, with folders of its own."""

    def __init__(self, binary: Path, plane: ControlPlane, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self._env = {
            "HOME": str(folder),
            "KUBECONFIG": str(plane.kubeconfig),
            "HELM_CACHE_HOME": str(folder / "cache"),
            "HELM_CONFIG_HOME": str(folder / "config"),
            "HELM_DATA_HOME": str(folder / "data"),
        }

    def run(self, *arguments: str | Path) -> str:
        """One call; gives what it said on stdout. Raises HelmError for any exit code but 0."""
        done = subprocess.run(  # noqa: S603  # our own command
            [self._binary, *arguments],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout

    def install(self, release: str, namespace: str, values: dict[str, Any]) -> str:
        """Install the chart in a namespace that is there; gives its notes."""
        return self._deploy("install", release, namespace, values)

    def upgrade(self, release: str, namespace: str, values: dict[str, Any]) -> str:
        """Upgrade a release to exactly these values; gives its notes."""
        return self._deploy("upgrade", release, namespace, values)

    def uninstall(self, release: str, namespace: str) -> None:
        """Remove a release."""
        self.run("uninstall", release, "--namespace", namespace, "--wait")

    def _deploy(self, verb: str, release: str, namespace: str, values: dict[str, Any]) -> str:
        path = self._folder / f"{release}.json"
        path.write_text(json.dumps(values), "utf-8")
        return self.run(verb, release, CHART, "--namespace", namespace, "--values", path)
