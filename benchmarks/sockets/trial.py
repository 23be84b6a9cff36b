"""Runs one case and writes down, five times a second, what provider and sidecar say."""

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.loopback.processes import denied_seconds, load, provider, sidecar
from benchmarks.loopback.reader import Reader
from benchmarks.sockets.case import Case
from benchmarks.sockets.load import MODEL

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
        provider_port, provider_pid = stack.enter_context(provider(case.scenario(), folder))
        ours = stack.enter_context(sidecar(provider_port, folder, passed_on=("LIMIT",)))
        state = stack.enter_context(closing(Reader(provider_port, "/_simulator/state")))
        stats = stack.enter_context(closing(Reader(ours.admin_port, "/stats")))
        job = {"port": ours.proxy_port, "clients": case.clients, "stream": case.stream}
        running = stack.enter_context(load("benchmarks.sockets.load", job))
        pids = (provider_pid, ours.pid, running.pid)
        samples: list[Sample] = []
        next_at = time.monotonic()
        while not samples or samples[-1].at < case.end:
            found = _sample(state.document(), stats.document(), denied_seconds(pids))
            if found is not None:
                samples.append(found)
            next_at += _EVERY
            time.sleep(max(0.0, next_at - time.monotonic()))
        return Trial(case, samples, stats.document()["recent_limit_changes"], running.end())


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
