"""Reads a job, does it, prints its result."""

import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any

import uvloop

from benchmarks.dataplane.load import job as jobs
from benchmarks.dataplane.load.steady import paced, saturated
from benchmarks.dataplane.load.streams import streams
from benchmarks.dataplane.load.transfer import transfer

_WORK: dict[str, tuple[type[Any], Callable[[Any], Coroutine[Any, Any, Any]]]] = {
    "PacedJob": (jobs.PacedJob, paced),
    "SaturatedJob": (jobs.SaturatedJob, saturated),
    "StreamsJob": (jobs.StreamsJob, streams),
    "TransferJob": (jobs.TransferJob, transfer),
}


def main() -> None:
    """One job."""
    given = json.load(sys.stdin)
    kind, work = _WORK[given.pop("kind")]
    for name in ("target", "targets"):
        if name in given:
            given[name] = _targets(given[name])
    result = uvloop.run(work(kind(**given)))
    json.dump(_plain(result), sys.stdout)


def _targets(given: Any) -> Any:
    if isinstance(given, list):
        return [jobs.Target(**target) for target in given]
    return jobs.Target(**given)


def _plain(result: Any) -> Any:
    return [_plain(part) for part in result] if isinstance(result, list) else asdict(result)


main()
