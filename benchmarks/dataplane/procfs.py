"""What Linux tells about a process: processor time and memory."""

import os
from collections.abc import Iterable
from pathlib import Path

_MIB = 1024.0  # /proc counts in KiB


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time used so far by all threads of these processes, to the nanosecond."""
    return _schedstat(pids, 0)


def waiting_seconds(pids: Iterable[int]) -> float:
    """Time in which these threads could have run, but something else had their core."""
    return _schedstat(pids, 1)


def _schedstat(pids: Iterable[int], column: int) -> float:
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[column])
    return total / 1e9


def resident_mib(pid: int) -> float:
    """Memory in use now."""
    return _status(pid, "VmRSS:") / _MIB


def peak_mib(pid: int) -> float:
    """The most memory in use since the start, or since `forget_peak`."""
    return _status(pid, "VmHWM:") / _MIB


def forget_peak(pid: int) -> None:
    """Let the peak begin again at what is in use now; see proc(5), clear_refs."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/{pid}/status has no {field}")


def cores() -> tuple[set[int], set[int]]:
    """(the core of what is measured, the cores of everything else); the same one if there is one."""
    usable = sorted(os.sched_getaffinity(0))
    return {usable[-1]}, set(usable[:-1] or usable)
