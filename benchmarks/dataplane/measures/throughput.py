"""How many small requests one core carries, and what one costs."""

from contextlib import ExitStack
from statistics import median

from benchmarks.dataplane.load.job import SaturatedJob, SaturatedSlice
from benchmarks.dataplane.peers import running_peers
from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.processes import SidecarProcess, provider, run_load
from benchmarks.dataplane.rows import Row

_LEAST = 2000
"""Requests per second on one core."""

_BUSY = 0.9
"""Share of its core that the sidecar must have used for its rate to be its own limit."""


def throughput(plan: Plan) -> list[Row]:
    """Requests per second of wall time and of processor time, in slices by turns."""
    with ExitStack() as stack:
        direct = stack.enter_context(provider())
        targets = [direct]
        for level in ("info", "warning"):
            sidecar = stack.enter_context(SidecarProcess(direct.port, log_level=level))
            targets.append(sidecar.target)
        others = stack.enter_context(running_peers(direct.port))
        targets += others
        job = SaturatedJob(targets, plan.connections, plan.saturated_slice, plan.saturated_rounds)
        results = [[SaturatedSlice(**part) for part in parts] for parts in run_load(job)]
    by_name = {target.name: slices for target, slices in zip(targets, results, strict=True)}
    peers = {target.name: _cost(by_name[target.name]) for target in others}
    rows: list[Row] = []
    for name, slices in by_name.items():
        if name != direct.name:
            rows += _rows(plan, name, by_name[direct.name], slices, peers)
    return rows


def _rows(
    plan: Plan,
    name: str,
    direct: list[SaturatedSlice],
    slices: list[SaturatedSlice],
    peers: dict[str, float],
) -> list[Row]:
    what = f"saturated, {plan.connections} connections; {name}"
    ours, theirs, cost = _rate(slices), _rate(direct), _cost(slices)
    load = median((part.load_cpu_seconds + part.cpu_seconds) / part.requests for part in direct)
    costs = [part.cpu_seconds / part.requests * 1e6 for part in slices]
    judged = name not in peers
    ratios = "".join(f", {cost / peer:.1f}x {other}" for other, peer in peers.items() if judged)
    enough = True if ours >= _LEAST else None if _crowded(slices) else False
    return [
        Row(
            measure=f"{what}: requests/s",
            direct=f"{theirs:.0f}/s",
            sidecar=f"{ours:.0f}/s{_bound(slices)}",
            change=f"{ours / theirs:.2f}x",
            target=f">= {_LEAST}/s" if judged else "",
            met=enough if judged else None,
            lost=sum(part.lost for part in direct + slices),
            values={"direct": theirs, "sidecar": ours, "core_share": _busy(slices)},
        ),
        Row(
            measure=f"{what}: processor time per request",
            direct=f"{load * 1e6:.0f} us (load and provider)",
            sidecar=f"{cost:.0f} us [{min(costs):.0f}-{max(costs):.0f}]",
            change=f"{1e6 / cost:.0f} requests per core-second{ratios}",
            target=f">= {_LEAST}" if judged else "",
            met=1e6 / cost >= _LEAST if judged else None,
            values={"load_us": load * 1e6, "sidecar_us": cost},
        ),
    ]


def _cost(slices: list[SaturatedSlice]) -> float:
    """Microseconds of processor time per request."""
    return median(part.cpu_seconds / part.requests * 1e6 for part in slices)


def _busy(slices: list[SaturatedSlice]) -> float:
    return median(part.cpu_seconds / part.seconds for part in slices)


def _crowded(slices: list[SaturatedSlice]) -> bool:
    """Whether others had the sidecar's core when it wanted it; then its rate says nothing."""
    waited = median(part.waited_seconds / part.seconds for part in slices)
    return _busy(slices) < _BUSY <= _busy(slices) + waited


def _bound(slices: list[SaturatedSlice]) -> str:
    """What held the rate back where it was not the sidecar's own work."""
    busy = _busy(slices)
    if _crowded(slices):
        return f" (others on its core: it had {busy:.0%})"
    return "" if busy >= _BUSY else f" (load-bound: its core {busy:.0%} busy)"


def _rate(slices: list[SaturatedSlice]) -> float:
    return median(part.requests / part.seconds for part in slices)
