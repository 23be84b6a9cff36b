"""How soon the sidecar serves, and what it weighs before it has anything to do."""

import time
from statistics import median

from benchmarks.dataplane.plain_client import PlainClient
from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.processes import SidecarProcess, provider
from benchmarks.dataplane.procfs import resident_mib
from benchmarks.dataplane.rows import Row

_MOST_SECONDS = 1.0
_MOST_MIB = 60.0


def start(plan: Plan) -> list[Row]:
    """From the process's start to its first answer; memory after that answer."""
    seconds: list[float] = []
    resident: list[float] = []
    lost = 0
    with provider() as target:
        for _ in range(plan.starts):
            with SidecarProcess(target.port) as sidecar:
                with PlainClient(sidecar.port) as client:
                    lost += not client.ask()
                seconds.append(time.perf_counter() - sidecar.started_at)
                resident.append(resident_mib(sidecar.pid))
    return [
        Row(
            measure=f"start to the first answer, median of {plan.starts}",
            sidecar=f"{median(seconds):.2f} s [{min(seconds):.2f}-{max(seconds):.2f}]",
            target=f"<= {_MOST_SECONDS:g} s",
            met=median(seconds) <= _MOST_SECONDS,
            lost=lost,
            values={"seconds": median(seconds)},
        ),
        Row(
            measure="memory when idle",
            sidecar=f"{max(resident):.0f} MB",
            target=f"<= {_MOST_MIB:g} MB",
            met=max(resident) <= _MOST_MIB,
            values={"mb": max(resident)},
        ),
    ]
