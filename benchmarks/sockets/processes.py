"""Starts and ends provider, sidecar and load."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.sockets.case import Case

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 20.0
"""Seconds in which a process must have started, or ended."""


class HarnessError(Exception):
    """The benchmark itself failed."""


@contextmanager
def _process(command: Sequence[str], out: int, **more: Any) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=_ROOT, stdout=out, **more)
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def provider(case: Case, folder: Path) -> Iterator[tuple[int, int]]:
    """A running provider; gives its port and process id."""
    scenario = folder / "case.toml"
    scenario.write_text(case.scenario(), encoding="utf-8")
    command = ("sidecar", "provider", "--port", "0", "--scenario", str(scenario))
    with _process(command, subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if " on http://" not in line:
            raise HarnessError("the provider did not start")
        address = line.split(" on http://")[1].split(": ", 1)[0]
        yield int(address.rsplit(":", 1)[1]), process.pid


@contextmanager
def sidecar(provider_port: int, folder: Path) -> Iterator[tuple[int, int, int]]:
    """A running sidecar with default settings; gives proxy port, admin port and process id."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")},
        "SIDECAR_UPSTREAM_URLS": f"openai=http://127.0.0.1:{provider_port}",
        "SIDECAR_PROXY_PORT": "0",
        "SIDECAR_ADMIN_HOST": "127.0.0.1",
        "SIDECAR_ADMIN_PORT": "0",
        **{name: value for name, value in os.environ.items() if name.startswith("SIDECAR_LIMIT_")},
    }
    log = folder / "sidecar.log"
    with (
        log.open("wb") as out,
        _process(("sidecar",), out.fileno(), stdin=subprocess.DEVNULL, env=environment) as process,
    ):
        yield (*_ports(process, log), process.pid)


def _ports(process: "subprocess.Popen[bytes]", log: Path) -> tuple[int, int]:
    """From the log's first line."""
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up:
        first, newline, _ = log.read_bytes().partition(b"\n")
        if newline:
            started = json.loads(first)
            ports = (int(started[name].rsplit(":", 1)[1]) for name in ("proxy", "admin"))
            return next(ports), next(ports)
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise HarnessError(f"the sidecar did not start:\n{log.read_text()}")


@contextmanager
def load(case: Case, port: int) -> Iterator["Load"]:
    """A running load."""
    command = ("benchmarks.sockets.load",)
    with _process(command, subprocess.PIPE, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        job = {"port": port, "clients": case.clients, "stream": case.stream}
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        yield Load(process)


class Load:
    """The load's process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.pid = process.pid

    def end(self) -> dict[str, int]:
        """Stop asking; what the app saw: answers by status, `shed`, `lost`."""
        out, _ = self._process.communicate(timeout=_PATIENCE)
        if self._process.returncode:
            raise HarnessError("the load failed")
        counts: dict[str, int] = json.loads(out)
        return counts
