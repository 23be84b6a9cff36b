"""Runs one case and writes down, five times a second, what provider and sidecar say."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.loopback.processes import HarnessError, denied_seconds, load, provider, sidecar
from benchmarks.loopback.reader import Reader
from benchmarks.push_back.cases.base import LEAD, Case
from benchmarks.push_back.load import OWED
from benchmarks.push_back.trial import Answer, Sample, Trial

_EVERY = 0.2
"""Seconds between samples."""

_PASSED_ON = ("LIMIT", "QUEUE", "RATE", "RETRY")
"""Groups of settings that the environment may change, for experiments."""


def run(case: Case) -> Trial:
    """Start everything, watch it until the last call has ended, and stop everything."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="push-back-")))
        provider_port, provider_pid = stack.enter_context(provider(case.scenario(), folder))
        ours = stack.enter_context(sidecar(provider_port, folder, passed_on=_PASSED_ON))
        watch = stack.enter_context(_watching(provider_port, ours.admin_port))
        job = {
            "port": ours.proxy_port,
            "begin": watch.origin + LEAD,
            "until": watch.origin + case.end,
            "askings": [asdict(asking) for asking in case.askings],
        }
        app = stack.enter_context(load("benchmarks.push_back.load", job))
        pids = (provider_pid, ours.pid, app.pid)
        while (left := watch.origin + case.end - time.monotonic()) > 0:
            watch.look()
            time.sleep(min(_EVERY, left))
        denied = denied_seconds(pids) / case.end
        rows = app.end(patience=OWED + case.end)
        watch.look()
        return watch.trial(rows, denied)


@contextmanager
def _watching(provider_port: int, admin_port: int) -> Iterator["_Watch"]:
    with (
        closing(Reader(provider_port, "/_simulator/state")) as state,
        closing(Reader(admin_port, "/stats")) as stats,
        closing(Reader(admin_port, "/metrics")) as metrics,
    ):
        yield _Watch(state, stats, metrics)


class _Watch:
    """Gathers samples."""

    def __init__(self, state: Reader, stats: Reader, metrics: Reader) -> None:
        self._state, self._stats, self._metrics = state, stats, metrics
        self._samples: dict[str, list[Sample]] = {}
        asked = time.monotonic()
        seconds = state.document()["seconds"]
        self.origin = (asked + time.monotonic()) / 2 - seconds
        """The provider's second 0 by the monotonic clock."""

    def look(self) -> None:
        """Take a sample of every model that provider and sidecar know."""
        state, stats = self._state.document(), self._stats.document()
        limits = {limit["model"]: limit for limit in stats["limits"]}
        for model, counts in state["models"].items():
            found = _sample(state["seconds"], counts, limits.get(model))
            self._samples.setdefault(model, []).append(found)

    def trial(self, rows: Sequence[Sequence[Any]], denied: float) -> Trial:
        """Everything that was seen; `rows` are the load's."""
        if not self._samples:
            seen = Counter((status, reason) for *_, status, reason in rows)
            raise HarnessError(f"nothing reached the provider; the app saw {dict(seen)}")
        metrics = self._metrics.text()
        return Trial(
            samples=self._samples,
            answers=[
                Answer(
                    model=model,
                    asked=asked - self.origin,
                    ended=None if ended is None else ended - self.origin,
                    status=status,
                    reason=reason,
                )
                for model, asked, ended, status, reason in rows
            ],
            retries=by_model(metrics, "ai_api_retries_total"),
            client_retries=by_model(metrics, "ai_api_client_retries_total"),
            denied=denied,
        )


def _sample(at: float, counts: Mapping[str, Any], limit: Mapping[str, Any] | None) -> Sample:
    return Sample(
        at=at,
        accepted=counts["accepted"],
        accepted_tokens=counts["accepted_llm_tokens"],
        finished=counts["finished"],
        refused=sum(counts["rejected"].values()) + sum(counts["injected"].values()),
        busy_seconds=counts["busy_seconds"],
        capacity=counts["capacity"],
        limit=limit["limit"] or 0 if limit else 0,
        waiting=limit["queue_depth"] if limit else 0,
    )


def by_model(metrics: str, name: str) -> dict[str, float]:
    """A metric's sums by model, from the exporter's text."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == name:
                model = sample.labels["model"]
                sums[model] = sums.get(model, 0.0) + sample.value
    return sums
