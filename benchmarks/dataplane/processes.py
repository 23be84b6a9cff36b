"""Starts and ends the processes of a benchmark, each on its core."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from benchmarks.dataplane.load.job import Job, Target
from benchmarks.dataplane.procfs import cores

ROOT = Path(__file__).resolve().parents[2]

_JOB_PATIENCE = 300.0
"""Seconds."""

_LIMIT = 4000
"""High enough never to hold anything back: the law runs, but what is measured is the relay."""

_ADMIN_HOST = "127.0.0.2"
"""Not the proxy's, so that the listening socket at 127.0.0.1 is the proxy's."""


class HarnessError(Exception):
    """The benchmark itself failed."""


@contextmanager
def on_cores(wanted: set[int]) -> Iterator[None]:
    """Processes that are started meanwhile stay on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def provider() -> Iterator[Target]:
    """A running mock provider."""
    with on_cores(cores()[1]):
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.dataplane.provider"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise HarnessError("the mock provider did not start")
        try:
            yield Target("direct", int(line), [process.pid])
        finally:
            process.kill()


class SidecarProcess:
    """A sidecar as users start one. A context manager."""

    def __init__(
        self,
        provider_port: int,
        *,
        log_level: str = "info",
        before: Sequence[str] = (),
        patience: float = 20.0,
    ) -> None:
        """`before` is what the command begins with, for instance a profiler."""
        self._command = [*before, sys.executable, "-m", "sidecar"]
        self._patience = patience
        self._folder = tempfile.TemporaryDirectory(prefix="dataplane-")
        self._log = Path(self._folder.name) / "log"
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("SIDECAR_")},
            "SIDECAR_UPSTREAM_URLS": f"openai=http://127.0.0.1:{provider_port}",
            "SIDECAR_PROXY_PORT": "0",
            "SIDECAR_ADMIN_PORT": "0",
            "SIDECAR_ADMIN_HOST": _ADMIN_HOST,
            "SIDECAR_LIMIT_MIN": str(_LIMIT),
            "SIDECAR_LIMIT_INITIAL": str(_LIMIT),
            "SIDECAR_LIMIT_MAX": str(_LIMIT),
            "SIDECAR_LOG_LEVEL": log_level,
            "SIDECAR_DRAIN_IDLE": "0",
        }
        self.name = f"log level {log_level}"
        self.log_level = log_level
        self.port = 0
        self.pid = 0
        self.started_at = 0.0
        """When the process was asked for, by the performance counter."""

    @property
    def target(self) -> Target:
        """For the load generator."""
        return Target(self.name, self.port, [self.pid])

    def __enter__(self) -> "SidecarProcess":
        self.started_at = time.perf_counter()
        with self._log.open("wb") as log, on_cores(cores()[0]):
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid
        try:
            self.port = self._find_port()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def leave(self, patience: float) -> None:
        """Ask it to end by itself: profilers write their results then."""
        self._process.terminate()
        self._process.wait(patience)

    def _find_port(self) -> int:
        """From the sockets it listens on: the start-up line is not there at every log level."""
        process = psutil.Process(self.pid)
        while time.perf_counter() - self.started_at < self._patience:
            if self._process.poll() is not None:
                raise HarnessError(f"the sidecar did not start:\n{self._log.read_text()}")
            for socket in process.net_connections(kind="tcp4"):
                if socket.status == psutil.CONN_LISTEN and socket.laddr.ip == "127.0.0.1":
                    return int(socket.laddr.port)
            time.sleep(0.002)
        raise HarnessError(f"the sidecar did not listen within {self._patience:g} s")


def run_load(job: Job) -> Any:
    """Have the load generator do a job; its result as plain data."""
    with on_cores(cores()[1]):
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.dataplane.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    try:
        given = json.dumps({"kind": type(job).__name__, **asdict(job)}).encode()
        answer, _ = process.communicate(given, timeout=_JOB_PATIENCE)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        raise HarnessError(f"the load generator failed at {type(job).__name__}")
    return json.loads(answer)
