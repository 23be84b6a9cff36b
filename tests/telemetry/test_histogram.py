"""Counts in buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as Reference

from sidecar.telemetry.histogram import OWN_SECONDS, SECONDS, Histogram


@pytest.mark.parametrize("bounds", [SECONDS, OWN_SECONDS])
def test_bounds_rise(bounds: tuple[float, ...]) -> None:
    assert list(bounds) == sorted(set(bounds))


def test_a_value_on_a_bound_belongs_below_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        histogram.observe(value)

    assert histogram.counts == [2, 2, 1]
    assert histogram.cumulative() == [("1.0", 2.0), ("2.0", 4.0), ("+Inf", 5.0)]
    assert histogram.sum == 7.5


@given(st.lists(st.floats(0, 1000), max_size=30))
def test_it_counts_as_the_client_library_does(values: list[float]) -> None:
    reference = Reference("x", "x", buckets=SECONDS, registry=CollectorRegistry())
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
        reference.observe(value)

    samples = next(iter(reference.collect())).samples
    buckets = [(s.labels["le"], s.value) for s in samples if s.name == "x_bucket"]
    assert histogram.cumulative() == buckets
    assert [s.value for s in samples if s.name == "x_sum"] == [pytest.approx(histogram.sum)]
