"""Every row of the published table, as data."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.control.plans import (
    MIXED,
    SPREAD,
    WIDE,
    batching,
    bucket,
    goodput,
    jain,
    p95,
    rejections,
    slots,
    slow,
)
from benchmarks.control.scenario import Reach, Scenario, Target
from sidecar.simulator.plan import Outage

TABLE: Sequence[Scenario] = (
    Scenario(
        name="A",
        title="24 slots, 429 beyond",
        plan=slots(24),
        targets=(goodput(99), rejections(0.5)),
    ),
    Scenario(
        name="B",
        title="300 requests/min, burst 10, exact Retry-After",
        plan=bucket(300, 10),
        targets=(goodput(96), rejections(1)),
    ),
    Scenario(
        name="B2",
        title="the same without Retry-After",
        plan=bucket(300, 10, hint=False),
        targets=(goodput(95), rejections(1.5)),
    ),
    Scenario(
        name="C",
        title="32 run at once, the rest queue",
        plan=batching(32),
        targets=(goodput(98), p95(0.9)),
    ),
    Scenario(
        name="D",
        title="4 sidecars share 48 slots",
        plan=slots(48),
        clients=4,
        targets=(goodput(99), rejections(1), jain(0.98)),
    ),
    Scenario(
        name="D8",
        title="8 sidecars share 48 slots",
        plan=slots(48),
        clients=8,
        targets=(goodput(98), rejections(3), jain(0.97)),
    ),
    Scenario(
        name="D2",
        title="100 sidecars share 400 slots",
        plan=slots(400),
        clients=100,
        targets=(goodput(97), rejections(3), jain(0.95)),
        costly=True,
    ),
    Scenario(
        name="E",
        title="24 slots, 6 from 300 s, 24 from 600 s",
        plan=slots(24, (300, 6), (600, 24)),
        spans={"second": (300, 600), "third": (600, 900)},
        reach=Reach(600, 0.9 * 24),
        targets=(
            Target("second", at_least=95),
            Target("third", at_least=93),
            Target("reach", at_most=30),
        ),
    ),
    Scenario(
        name="E2",
        title="10 slots, 80 from 150 s",
        plan=slots(10, (150, 80)),
        reach=Reach(150, 72),
        targets=(Target("reach", at_most=30),),
    ),
    Scenario(
        name="F",
        title="24 slots, outage 200-320 s, hints of 89 s",
        plan=replace(slots(24), outages=(Outage(start=200, end=320, retry_after=89),)),
        counted_from=420,
        targets=(goodput(98), Target("all_rejections", at_most=100)),
    ),
    Scenario(
        name="G",
        title="24 slots, first byte 4 times slower 300-600 s",
        plan=slow(slots(24)),
        spans={"slow": (300, 600), "after": (600, 900)},
        targets=(Target("slow", at_least=98), Target("after", at_least=98)),
    ),
    Scenario(
        name="H",
        title="200 slots, demand 2/s",
        plan=slots(200),
        demand=2.0,
        targets=(Target("limit", at_most=16),),
    ),
    Scenario(
        name="C/0.85",
        title="C, first byte spread 0.85",
        plan=batching(32),
        service=SPREAD,
        targets=(goodput(96), p95(1.8)),
    ),
    Scenario(
        name="A/0.85",
        title="A, first byte spread 0.85",
        plan=slots(24),
        service=SPREAD,
        targets=(goodput(98.5),),
    ),
    Scenario(
        name="A/1.2",
        title="A, first byte spread 1.2",
        plan=slots(24),
        service=WIDE,
        targets=(goodput(98),),
    ),
    Scenario(
        name="C8",
        title="8 run at once, the rest queue",
        plan=batching(8),
        targets=(goodput(99), p95(1.2)),
    ),
    Scenario(
        name="B60",
        title="60 requests/min, burst 2",
        plan=bucket(60, 2),
        targets=(goodput(90), rejections(5)),
    ),
    Scenario(
        name="B1200",
        title="1200 requests/min, burst 40",
        plan=bucket(1200, 40),
        targets=(goodput(97), rejections(0.5)),
    ),
    Scenario(
        name="A6",
        title="6 slots",
        plan=slots(6),
        targets=(goodput(99), rejections(1.5)),
    ),
    Scenario(
        name="A100",
        title="100 slots",
        plan=slots(100),
        targets=(goodput(99), rejections(0.1)),
    ),
    Scenario(
        name="I",
        title="40 slots, answers of very mixed length",
        plan=slots(40),
        service=MIXED,
        targets=(goodput(99), rejections(0.5)),
    ),
)
"""The rows of the published table, with its targets."""
