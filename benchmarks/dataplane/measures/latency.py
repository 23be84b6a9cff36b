"""What the sidecar adds to a request's latency while there is little to do."""

from contextlib import ExitStack
from dataclasses import replace

from benchmarks.dataplane.load.job import PacedJob, PacedResult, Target
from benchmarks.dataplane.peers import PEERS, running_peers
from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.processes import SidecarProcess, provider, run_load
from benchmarks.dataplane.rows import Row, percentile

_TARGETS = {0.5: 1.0, 0.99: 5.0}
"""Percentile: milliseconds that may be added."""


def latency(plan: Plan) -> list[Row]:
    """p50 and p99 beside the same requests sent directly, in slices by turns."""
    rows: list[Row] = []
    with ExitStack() as stack:
        direct = stack.enter_context(provider())
        targets = [direct]
        for level in ("info", "warning"):
            sidecar = stack.enter_context(SidecarProcess(direct.port, log_level=level))
            targets.append(sidecar.target)
        targets += stack.enter_context(running_peers(direct.port))
        for delay in plan.provider_delays_ms:
            rows += _rows(plan, targets, delay)
    return rows


def _rows(plan: Plan, targets: list[Target], delay: int) -> list[Row]:
    job = PacedJob(targets, plan.rate, plan.latency_slice, plan.latency_rounds, f"answer {delay}")
    direct, *others = (PacedResult(**result) for result in run_load(job))
    rows = []
    for target, result in zip(targets[1:], others, strict=True):
        what = f"latency at {plan.rate:g}/s, answer in {delay} ms"
        judged = target.name not in PEERS
        for share, most in _TARGETS.items():
            row = _row(f"{what}; {target.name}", direct, result, share)
            met = row.values["added_ms"] <= most if judged and row.values else None
            limit = f"<= +{most:g} ms" if judged else ""
            rows.append(replace(row, target=limit, met=met))
    return rows


def _row(what: str, direct: PacedResult, result: PacedResult, share: float) -> Row:
    if not direct.seconds or not result.seconds:
        return Row(measure=what, lost=direct.lost + result.lost)
    before = percentile(direct.seconds, share) * 1000
    after = percentile(result.seconds, share) * 1000
    cpu = result.cpu_seconds / len(result.seconds) * 1e6
    return Row(
        measure=f"{what}: p{share * 100:g}",
        direct=f"{before:.2f} ms",
        sidecar=f"{after:.2f} ms",
        change=f"{after - before:+.2f} ms",
        lost=direct.lost + result.lost,
        values={
            "direct_ms": before,
            "sidecar_ms": after,
            "added_ms": after - before,
            "cpu_us_per_request": cpu,
            "requests": len(result.seconds),
        },
    )
