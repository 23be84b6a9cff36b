"""The data plane's benchmark, in miniature: it must run, and nothing may get lost."""

import json
import sys

import pytest

from benchmarks.dataplane.__main__ import MEASURES, main
from benchmarks.dataplane.plan import Plan

TINY = Plan(
    rate=100.0,
    latency_slice=0.25,
    latency_rounds=1,
    provider_delays_ms=(5,),
    connections=4,
    saturated_slice=0.1,
    saturated_rounds=1,
    streams=20,
    events=10,
    gap_ms=20,
    ramp=0.1,
    stream_rounds=1,
    starts=1,
    transfer_bytes=3_000_000,
    transfer_pause_ms=50,
    departures=3,
    waiters=(2, 20),
    admissions=200,
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_runs_and_loses_nothing(measure: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--only", measure, "--json"], plan=TINY)

    rows = json.loads(capsys.readouterr().out)
    assert code == 0
    assert rows
    assert all(row["lost"] == 0 and row["values"] for row in rows)
