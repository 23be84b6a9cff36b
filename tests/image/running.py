"""Processes of an image, run as Kubernetes' Pod Security "restricted" would have them run."""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.image.building import Image
from tests.integration.process import PATIENCE, Process

# Without a container runtime, which would want control groups of its own: the image's root file
# system read-only in a mount namespace, the command alone in a PID namespace, with no privilege
# and no way to get one.
CONTAINED = """\
set -e
root=$1 user=$2 group=$3
shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs unshare --pid --fork --kill-child \
    --root "$root" --wd / --setuid "$user" --setgid "$group" "$@"
"""


def run(image: Image, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the image to its end; without one, what the image itself would run."""
    arguments, env = _contained(image, command, {})
    return subprocess.run(  # noqa: S603
        arguments, check=False, env=env, capture_output=True, text=True, timeout=PATIENCE
    )


def entry_point(image: Image, *arguments: str) -> tuple[str, ...]:
    """The command that these arguments make; without any, the image's own ones."""
    return (*image.config["Entrypoint"], *(arguments or image.config["Cmd"]))


class Contained(Process):
    """One in a container, as the container's first process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__(process)
        self._outer = process.pid

    @property
    def pid(self) -> int:
        """Of the process itself, seen from here."""
        children = Path(f"/proc/{self._outer}/task/{self._outer}/children")
        return int(children.read_text(encoding="utf-8"))

    def send(self, number: signal.Signals) -> None:
        """A signal, as the runtime sends it: to the container's first process."""
        os.kill(self.pid, number)

    @property
    def resident(self) -> int:
        """Memory that it holds, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        kib = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert kib is not None
        return int(kib[1]) * 1024

    async def said(self) -> str:
        """The next line on its standard output."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self._process.stdout.readline()).decode()


@asynccontextmanager
async def running(
    image: Image, *command: str, errors: int = asyncio.subprocess.PIPE, **settings: Any
) -> AsyncIterator[Contained]:
    """Started, with these settings of ours; killed if it is left alive.

    `errors` is a file descriptor for what it says on stderr; without one, `left` gives that.
    """
    arguments, env = _contained(image, command, settings)
    child = await asyncio.create_subprocess_exec(
        *arguments,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )
    it = Contained(child)
    try:
        yield it
    finally:
        for client in it.clients:
            client.writer.transport.abort()
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.communicate()


def _contained(
    image: Image, command: tuple[str, ...], settings: dict[str, Any]
) -> tuple[list[str], dict[str, str]]:
    user, group = image.config["User"].split(":")
    outer = ["unshare", "--mount", "sh", "-c", CONTAINED, "sh", str(image.root), user, group]
    env = dict(variable.split("=", 1) for variable in image.config["Env"])
    ours = {f"SIDECAR_{name.upper()}": str(value) for name, value in settings.items()}
    return [*outer, *(command or entry_point(image))], env | ours
