"""The main job over real sockets: the limit finds hidden slots, follows them, and keeps them.

A short version of `python -m benchmarks.sockets`, which holds the real targets; provider, sidecar
and load are processes of their own, and the provider's own count of running requests is judged.
The margins are wide: continuous integration has other things to do than to keep a core free.
"""

import pytest

from benchmarks.sockets.case import Case
from benchmarks.sockets.judge import Result, judge
from benchmarks.sockets.trial import run

PHASE = 7.0
"""Seconds; there are three."""


def told(results: list[Result]) -> str:
    """What to look at when it fails."""
    return "; ".join(
        f"{result.capacity} slots: limit {result.limit}, {result.use:.0%} in use,"
        f" {result.rejections:.1f} rejected per 100, settled after {result.settled}"
        for result in results
    )


@pytest.mark.slow
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_the_limit_finds_the_slots_and_follows_them(stream: bool) -> None:
    trial = run(Case(slots=30, stream=stream, phase=PHASE))
    results = judge(trial)

    assert [result.capacity for result in results] == [30, 15, 30]
    for result in results:
        assert result.late_use >= 0.75, told(results)
        assert 0.7 * result.capacity <= result.limit <= 1.3 * result.capacity, told(results)
    answered, rejected = trial.counts["200"], trial.counts.get("429", 0)
    assert answered > 1000
    assert rejected < 0.05 * answered, told(results)
    assert set(trial.counts) <= {"200", "429"}, "nothing shed, lost or broken"
