"""The Dockerfile, built by buildah in a store of its own."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.image.bases import bases

ROOT = Path(__file__).parent.parent.parent
SLIM_BASE = "docker.io/library/debian:trixie-slim"
DISTROLESS_BASE = "gcr.io/distroless/python3-debian13:nonroot"
DISTROLESS_SETTINGS = (
    *("--user", "65532", "--workingdir", "/home/nonroot"),
    *("--entrypoint", '["/usr/bin/python3.13"]'),
    *("--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    *("--env", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "--env", "LANG=C.UTF-8"),
)
LABELS = {
    "CREATED": "2026-01-02T03:04:05Z",
    "REVISION": "0123456789abcdef0123456789abcdef01234567",
    "SOURCE": "https://example.org/llm-sidecar",
    "VERSION": "1.2.3",
}
"""Build arguments of the labels, for every image that is built here."""


@dataclass(frozen=True)
class Image:
    """One that was built, its files mounted at `root`."""

    base: str
    root: Path
    config: dict[str, Any]
    """Its settings as OCI writes them: User, Env, Entrypoint, Cmd, Labels, …"""


class Builder:
    """Builds on bases that stand in for the Dockerfile's, beside the images of this machine."""

    def __init__(self, folder: Path) -> None:
        """Raises subprocess.CalledProcessError where Debian or the package index is out of reach."""
        self._folder = folder
        self.wheels = folder / "wheels"
        """Where the build finds what constraints-image.txt pins."""
        self._pip_conf = folder / "pip.conf"
        self._store = ("--root", str(folder / "store"), "--runroot", str(folder / "run"))
        slim, distroless = bases()
        self._commit(slim, SLIM_BASE)
        self._commit(distroless, DISTROLESS_BASE, *DISTROLESS_SETTINGS)
        self._download_wheels()

    def build(self, base: str, *, afresh: bool = False) -> Image:
        """On `base`: `slim`, or `distroless`, the Dockerfile's default. `afresh` reuses no step."""
        arguments = LABELS if base == "distroless" else {**LABELS, "BASE": base}
        built = self._buildah(
            *("build", "--quiet", "--isolation", "chroot", "--network", "host", "--pull-never"),
            "--no-cache" if afresh else "--layers",
            *("--volume", f"{self.wheels}:{self.wheels}:ro"),
            *("--secret", f"id=pip,src={self._pip_conf}"),
            *(f"--build-arg={name}={value}" for name, value in arguments.items()),
            str(ROOT),
        )
        inspected = json.loads(self._buildah("inspect", "--type", "image", built))
        container = self._buildah("from", "--pull-never", built)
        root = Path(self._buildah("mount", container))
        return Image(base, root, inspected["OCIv1"]["config"])

    def close(self) -> None:
        """Remove all that was built."""
        self._buildah("rm", "--all")
        mounted = self._folder / "store" / "overlay"  # buildah mounts it over itself
        if os.path.ismount(mounted):
            subprocess.run(["umount", mounted], check=True)  # noqa: S603, S607
        shutil.rmtree(self._folder)

    def _commit(self, tar: Path, name: str, *settings: str) -> None:
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(tar), "/")
        if settings:
            self._buildah("config", *settings, container)
        self._buildah("commit", "--quiet", "--rm", container, name)

    def _download_wheels(self) -> None:
        """By this machine's pip, which knows its package index: the build needs none."""
        machine = os.uname().machine
        subprocess.run(  # noqa: S603
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", self.wheels),
                *("--no-deps", "--only-binary", ":all:", "--python-version", "3.13"),
                *("--platform", f"manylinux2014_{machine}"),
                *("--platform", f"manylinux_2_28_{machine}"),
                *("--require-hashes", "--requirement", ROOT / "constraints-image.txt"),
            ],
            check=True,
            capture_output=True,
        )
        self._pip_conf.write_text(
            f"[global]\nno-index = true\nfind-links = {self.wheels}\n", encoding="utf-8"
        )

    def _buildah(self, *arguments: str) -> str:
        command = ["buildah", *self._store, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()
