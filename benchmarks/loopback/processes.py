"""Starts and ends provider, sidecar and load, as users start them, on free ports of loopback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.dataplane.procfs import waiting_seconds

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 20.0
"""Seconds in which a process must have started, or ended."""


class HarnessError(Exception):
    """The benchmark itself failed."""


class RunningSidecar(NamedTuple):
    """Where it listens, and its process."""

    proxy_port: int
    admin_port: int
    pid: int


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
def provider(scenario: str, folder: Path) -> Iterator[tuple[int, int]]:
    """A running provider with a scenario, given as TOML; gives its port and process id."""
    file = folder / "case.toml"
    file.write_text(scenario, encoding="utf-8")
    command = ("sidecar", "provider", "--port", "0", "--scenario", str(file))
    with _process(command, subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if " on http://" not in line:
            raise HarnessError("the provider did not start")
        address = line.split(" on http://")[1].split(": ", 1)[0]
        yield int(address.rsplit(":", 1)[1]), process.pid


@contextmanager
def sidecar(
    provider_port: int, folder: Path, *, passed_on: Sequence[str]
) -> Iterator[RunningSidecar]:
    """A running sidecar with default settings, but for those of the environment's whose names begin
    with one of `passed_on`."""
    kept = tuple(f"SIDECAR_{group}_" for group in passed_on)
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if name.startswith(kept) or not name.startswith("SIDECAR_")
        },
        "SIDECAR_UPSTREAM_URLS": f"openai=http://127.0.0.1:{provider_port}",
        "SIDECAR_PROXY_PORT": "0",
        "SIDECAR_ADMIN_HOST": "127.0.0.1",
        "SIDECAR_ADMIN_PORT": "0",
    }
    log = folder / "sidecar.log"
    with (
        log.open("wb") as out,
        _process(("sidecar",), out.fileno(), stdin=subprocess.DEVNULL, env=environment) as process,
    ):
        yield RunningSidecar(*_ports(process, log), process.pid)


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
def load(module: str, job: Mapping[str, Any]) -> Iterator["Load"]:
    """A running load: a module that reads its job as a line of JSON and prints what it saw."""
    with _process((module,), subprocess.PIPE, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        yield Load(process)


class Load:
    """The load's process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.pid = process.pid

    def end(self, patience: float = _PATIENCE) -> Any:
        """End its standard input and give it `patience` seconds; what it printed, decoded."""
        try:
            out, _ = self._process.communicate(timeout=patience)
        except subprocess.TimeoutExpired as error:
            raise HarnessError(f"the load did not end within {patience:g} s") from error
        if self._process.returncode:
            raise HarnessError("the load failed")
        return json.loads(out)


def denied_seconds(pids: Sequence[int]) -> float:
    """Time so far in which one of these wanted a core that others had; 0 where nobody tells."""
    return waiting_seconds(pids) if sys.platform == "linux" else 0.0
