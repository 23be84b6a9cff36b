"""Settings that cannot work are refused."""

import math

import pytest

from sidecar.sharing.config import SharingConfig


def test_by_default_only_calls_in_flight_are_shared() -> None:
    assert SharingConfig() == SharingConfig(mode="safe", cache_ttl=0.0, cache_bytes=16 << 20)


@pytest.mark.parametrize("ttl", [-1.0, math.inf, math.nan])
def test_answers_are_kept_for_a_time_that_ends(ttl: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        SharingConfig(cache_ttl=ttl)


def test_a_cache_has_no_negative_size() -> None:
    with pytest.raises(ValueError, match="bytes"):
        SharingConfig(cache_bytes=-1)
