"""A thousand event streams open at once."""

from statistics import median

from benchmarks.dataplane.load.job import StreamsJob, StreamsResult, Target
from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.processes import SidecarProcess, provider, run_load
from benchmarks.dataplane.procfs import forget_peak, peak_mib, resident_mib
from benchmarks.dataplane.rows import Row, percentile

_MOST_MIB = 150.0


def streams(plan: Plan) -> list[Row]:
    """Losses, delays, cost per event and memory; direct and through the sidecar by turns."""
    direct: list[StreamsResult] = []
    ours: list[StreamsResult] = []
    with provider() as target, SidecarProcess(target.port) as sidecar:
        idle = resident_mib(sidecar.pid)
        forget_peak(sidecar.pid)
        for _ in range(plan.stream_rounds):
            direct.append(_run(plan, target))
            ours.append(_run(plan, sidecar.target))
        peak = peak_mib(sidecar.pid)
    what = f"{plan.streams} streams, {1000 / plan.gap_ms:g} events/s each"
    return [
        _whole_row(what, plan, direct, ours),
        *_delay_rows(what, direct, ours),
        _cost_row(what, ours),
        _memory_row(what, plan, idle, peak),
    ]


def _run(plan: Plan, target: Target) -> StreamsResult:
    job = StreamsJob(target, plan.streams, plan.events, plan.gap_ms, plan.ramp)
    return StreamsResult(**run_load(job))


def _whole_row(
    what: str, plan: Plan, direct: list[StreamsResult], ours: list[StreamsResult]
) -> Row:
    whole = [min(run.whole for run in runs) for runs in (direct, ours)]
    last = [median(run.seconds for run in runs) for runs in (direct, ours)]
    return Row(
        measure=f"{what}: whole; open at once; time to the last byte",
        direct=f"{whole[0]}; {min(run.most_open for run in direct)}; {last[0]:.2f} s",
        sidecar=f"{whole[1]}; {min(run.most_open for run in ours)}; {last[1]:.2f} s",
        change=f"{last[1] - last[0]:+.2f} s",
        target=f"{plan.streams} whole",
        met=whole == [plan.streams] * 2,
        lost=sum(plan.streams - run.whole for run in direct + ours),
        values={"whole": whole[1], "direct_s": last[0], "sidecar_s": last[1]},
    )


def _delay_rows(what: str, direct: list[StreamsResult], ours: list[StreamsResult]) -> list[Row]:
    rows = []
    for name in ("first_events", "delays"):
        title = {"first_events": "time to first event", "delays": "delay per event"}[name]
        for share in (0.5, 0.99):
            values = [
                median(percentile(getattr(run, name) or [0.0], share) * 1000 for run in runs)
                for runs in (direct, ours)
            ]
            rows.append(
                Row(
                    measure=f"{what}: {title}, p{share * 100:g}",
                    direct=f"{values[0]:.2f} ms",
                    sidecar=f"{values[1]:.2f} ms",
                    change=f"{values[1] - values[0]:+.2f} ms",
                    values={"direct_ms": values[0], "sidecar_ms": values[1]},
                )
            )
    return rows


def _cost_row(what: str, runs: list[StreamsResult]) -> Row:
    """Only of the time while all streams were open."""
    cost = median(run.plateau_cpu_seconds / max(len(run.delays), 1) * 1e6 for run in runs)
    return Row(
        measure=f"{what}: processor time per event",
        sidecar=f"{cost:.0f} us",
        change=f"{1e6 / cost:.0f} events per core-second" if cost else "",
        values={"us": cost},
    )


def _memory_row(what: str, plan: Plan, idle: float, peak: float) -> Row:
    return Row(
        measure=f"{what}: memory at its peak",
        direct=f"{idle:.0f} MB (idle)",
        sidecar=f"{peak:.0f} MB",
        change=f"{(peak - idle) * 1024 / plan.streams:.0f} kB per stream",
        target=f"<= {_MOST_MIB:g} MB",
        met=peak <= _MOST_MIB,
        values={"idle_mb": idle, "peak_mb": peak},
    )
