"""The exported p95: of the last few hundred latencies, of the kind that is trusted most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.law import LatencyKind
from sidecar.control.quantile import RecentLatencies

FIRST, TOKEN, TOTAL = LatencyKind


def test_without_samples_there_is_none() -> None:
    assert RecentLatencies().p95 is None


@pytest.mark.parametrize(("count", "expected"), [(1, 1.0), (19, 19.0), (20, 20.0), (100, 96.0)])
def test_one_in_twenty_is_above(count: int, expected: float) -> None:
    latencies = RecentLatencies()
    for latency in range(count, 0, -1):
        latencies.add(FIRST, float(latency))

    assert latencies.p95 == expected


def test_old_latencies_are_forgotten() -> None:
    latencies = RecentLatencies()
    for latency in [100.0] * 300 + [1.0] * 256:
        latencies.add(FIRST, latency)

    assert latencies.p95 == 1.0


def test_kinds_are_not_mixed_and_the_first_byte_is_trusted_most() -> None:
    """Whole answers of 30 s say nothing about first bytes of 0.3 s."""
    latencies = RecentLatencies()
    shown = []
    for kind, latency in ((TOTAL, 30.0), (TOKEN, 0.02), (FIRST, 0.3), (TOKEN, 0.03)):
        latencies.add(kind, latency)
        shown.append(latencies.p95)

    assert shown == [30.0, 0.02, 0.3, 0.3]


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=400))
def test_it_is_a_latency_that_was_seen_with_a_twentieth_at_most_above(values: list[float]) -> None:
    latencies = RecentLatencies()
    for value in values:
        latencies.add(TOTAL, value)
    kept = values[-256:]

    p95 = latencies.p95

    assert p95 in kept
    assert sum(value > p95 for value in kept) <= 0.05 * len(kept)


def test_repr_is_short_and_true() -> None:
    latencies = RecentLatencies()
    assert repr(latencies) == "<RecentLatencies empty, p95 None>"

    latencies.add(FIRST, 0.5)

    assert repr(latencies) == "<RecentLatencies first_byte, p95 0.5>"
