"""Instructions per request in user space: a number that a noisy machine cannot move.

Two sidecars run under callgrind, one serving few requests, the other many more; the difference is
the requests' own. Each takes about half a minute.
"""

import re
import shutil
import tempfile
from pathlib import Path

from benchmarks.dataplane.plain_client import PlainClient
from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.processes import SidecarProcess, provider
from benchmarks.dataplane.rows import Row

_WARM_UP = 100
"""Requests of the first run: after these every cache is filled."""

_MOST = 380_000
"""Instructions; what a prototype of this design (aiohttp's server, raw client) needed, and 6 %."""

_PATIENCE = 180.0


def instructions(plan: Plan) -> list[Row]:
    """Per request, one after the other on one connection; skipped without valgrind."""
    what = "instructions in user space per request"
    if shutil.which("valgrind") is None:
        return [Row(measure=what, sidecar="skipped: valgrind is not installed")]
    few, lost = _count(_WARM_UP)
    many, lost_too = _count(_WARM_UP + plan.counted_requests)
    each = (many - few) / plan.counted_requests
    return [
        Row(
            measure=what,
            sidecar=f"{each / 1000:.0f} k",
            target=f"<= {_MOST / 1000:.0f} k",
            met=each <= _MOST,
            lost=lost + lost_too,
            values={"instructions": each},
        )
    ]


def _count(requests: int) -> tuple[int, int]:
    """(instructions, wrong answers) of a sidecar's whole life with so many requests."""
    with tempfile.TemporaryDirectory(prefix="dataplane-") as folder:
        file = Path(folder) / "counts"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}"]
        with (
            provider() as target,
            SidecarProcess(target.port, before=command, patience=_PATIENCE) as sidecar,
        ):
            with PlainClient(sidecar.port) as client:
                lost = sum(not client.ask() for _ in range(requests))
            sidecar.leave(_PATIENCE)
            total = re.search(r"^(?:summary|totals): (\d+)", file.read_text(), re.MULTILINE)
    if total is None:
        raise RuntimeError("callgrind wrote no total")
    return int(total[1]), lost
