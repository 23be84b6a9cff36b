"""Plays scenarios with laws on seeds, here or in several processes, and takes means."""

import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pool

from benchmarks.control.engine import MakeLaw, Run
from benchmarks.control.laws import LAWS
from benchmarks.control.neighbours import NEIGHBOURS
from benchmarks.control.scenario import Scenario
from benchmarks.control.scenarios import TABLE

SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in (*TABLE, *NEIGHBOURS)}
"""All of them by name."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run, in names, so that any process can play it."""

    scenario: str
    law: str
    seed: int


@dataclass(frozen=True, slots=True)
class Played:
    """What came out of a job."""

    job: Job
    figures: dict[str, float]
    """See `Record.figures`."""
    cpu: float
    """Seconds of processor time."""


def figures(scenario: Scenario, make_law: MakeLaw, seed: int) -> dict[str, float]:
    """One run's figures."""
    return Run(scenario, make_law, seed).play().figures()


def mean(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure over runs of one scenario."""
    return {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}


def mean_figures(
    scenario: Scenario, make_law: MakeLaw, seeds: Iterable[int] = range(1, 6)
) -> dict[str, float]:
    """The figures that the table judges: means over seeds."""
    return mean([figures(scenario, make_law, seed) for seed in seeds])


def play(job: Job) -> Played:
    """Play one job."""
    began = time.process_time()
    found = figures(SCENARIOS[job.scenario], LAWS[job.law], job.seed)
    return Played(job, found, time.process_time() - began)


def play_all(jobs: Sequence[Job], *, processes: int) -> Iterator[Played]:
    """Play all jobs; results come in any order."""
    # Those with many clients take longest; begun last, they would keep one process busy alone.
    ordered = sorted(jobs, key=lambda job: -SCENARIOS[job.scenario].clients)
    if processes == 1 or len(ordered) < 2:
        yield from map(play, ordered)
        return
    with Pool(min(processes, len(ordered)), initializer=_leave_interrupts) as pool:
        yield from pool.imap_unordered(play, ordered)


def _leave_interrupts() -> None:
    """Ctrl-C is for the parent, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
