"""Runs one case and writes down, five times a second, what provider and sidecar say."""

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.dataplane.procfs import waiting_seconds
from benchmarks.sockets.case import Case
from benchmarks.sockets.load import MODEL
from benchmarks.sockets.processes import load, provider, sidecar

_EVERY = 0.2
"""Seconds between samples."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment; counts since the start."""

    at: float
    """Provider's seconds."""
    capacity: int
    running: int
    """At the provider."""
    busy_seconds: float
    """Slots in use, summed up over time."""
    finished: int
    rejected: int
    """By the provider."""
    limit: int
    """The sidecar's."""
    waiting: int
    """In the sidecar's queue."""
    denied: float = 0.0
    """Seconds in which provider, sidecar or load wanted a core and did not get one, summed up;
    0 where the system does not tell."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A case and what was seen."""

    case: Case
    samples: list[Sample]
    changes: list[Mapping[str, Any]] = field(default_factory=list)
    """The sidecar's last changes of the limit, with reasons."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What the app saw: answers by status, `shed`, `lost`."""


def run(case: Case) -> Trial:
    """Start everything, watch it to the end of the third phase, and stop everything."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sockets-")))
        provider_port, provider_pid = stack.enter_context(provider(case, folder))
        proxy_port, admin_port, sidecar_pid = stack.enter_context(sidecar(provider_port, folder))
        state = stack.enter_context(closing(_Reader(provider_port, "/_simulator/state")))
        stats = stack.enter_context(closing(_Reader(admin_port, "/stats")))
        running = stack.enter_context(load(case, proxy_port))
        pids = (provider_pid, sidecar_pid, running.pid)
        samples: list[Sample] = []
        next_at = time.monotonic()
        while not samples or samples[-1].at < case.end:
            found = _sample(state.read(), stats.read(), _denied(pids))
            if found is not None:
                samples.append(found)
            next_at += _EVERY
            time.sleep(max(0.0, next_at - time.monotonic()))
        return Trial(case, samples, stats.read()["recent_limit_changes"], running.end())


class _Reader:
    """JSON from a local port, again and again."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=10)
        self._path = path

    def read(self) -> dict[str, Any]:
        """The document, now."""
        self._connection.request("GET", self._path)
        document: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return document

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _denied(pids: Sequence[int]) -> float:
    return waiting_seconds(pids) if sys.platform == "linux" else 0.0


def _sample(state: Mapping[str, Any], stats: Mapping[str, Any], denied: float) -> Sample | None:
    model = state["models"].get(MODEL)
    limit = next((limit for limit in stats["limits"] if limit["model"] == MODEL), None)
    if model is None or limit is None:
        return None
    return Sample(
        at=state["seconds"],
        capacity=model["capacity"],
        running=model["in_flight"],
        busy_seconds=model["busy_seconds"],
        finished=model["finished"],
        rejected=sum(model["rejected"].values()),
        limit=limit["limit"],
        waiting=limit["queue_depth"],
        denied=denied,
    )
