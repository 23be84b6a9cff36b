"""What large bodies leave in memory on their way through."""

from benchmarks.dataplane.load.job import TransferJob, TransferResult
from benchmarks.dataplane.plan import Plan
from benchmarks.dataplane.processes import SidecarProcess, provider, run_load
from benchmarks.dataplane.procfs import forget_peak, peak_mib, resident_mib
from benchmarks.dataplane.rows import Row

_MOST_GROWTH_MIB = 5.0

_WARM_UP_BYTES = 2_000_000
"""More than is held in one piece, so that a streamed body's code has run once."""


def bodies(plan: Plan) -> list[Row]:
    """A large upload and a large download, each through a sidecar that has served before."""
    return [_body(plan, upload=True), _body(plan, upload=False)]


def _body(plan: Plan, *, upload: bool) -> Row:
    with provider() as target, SidecarProcess(target.port) as sidecar:

        def run(size: int, pause_ms: int, *, through: bool) -> TransferResult:
            way = sidecar.target if through else target
            return TransferResult(**run_load(TransferJob(way, upload, size, pause_ms)))

        results = [run(_WARM_UP_BYTES, 0, through=True)]
        before = resident_mib(sidecar.pid)
        forget_peak(sidecar.pid)
        results += [run(plan.transfer_bytes, plan.transfer_pause_ms, through=True)]
        growth = peak_mib(sidecar.pid) - before
        results += [run(plan.transfer_bytes, plan.transfer_pause_ms, through=False)]
    _, ours, direct = results
    kind = "upload" if upload else "download"
    size = f"{plan.transfer_bytes / 1e6:g} MB {kind}"
    return Row(
        measure=f"{size}, receiver pauses {plan.transfer_pause_ms} ms: memory",
        direct=f"{direct.seconds:.2f} s",
        sidecar=f"{ours.seconds:.2f} s",
        change=f"{growth:+.1f} MB at the peak",
        target=f"<= +{_MOST_GROWTH_MIB:g} MB",
        met=growth <= _MOST_GROWTH_MIB,
        lost=sum(not result.intact for result in results),
        values={"growth_mb": growth, "direct_s": direct.seconds, "sidecar_s": ours.seconds},
    )
