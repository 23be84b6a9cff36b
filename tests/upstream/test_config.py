import math
from typing import Any

import pytest

from sidecar.upstream.config import UpstreamConfig


def test_the_defaults_are_those_of_the_contract() -> None:
    config = UpstreamConfig()

    assert (config.connect_timeout, config.read_timeout) == (5.0, 600.0)


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "idle_timeout"])
@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan])
def test_a_timeout_is_a_positive_number(name: str, seconds: float) -> None:
    kwargs: dict[str, Any] = {name: seconds}
    with pytest.raises(ValueError, match=name):
        UpstreamConfig(**kwargs)


@pytest.mark.parametrize("seconds", [-0.1, math.inf, math.nan])
def test_a_stale_window_may_be_nothing_but_not_less(seconds: float) -> None:
    assert UpstreamConfig(stale_window=0).stale_window == 0
    with pytest.raises(ValueError, match="stale_window"):
        UpstreamConfig(stale_window=seconds)


def test_sizes_are_positive() -> None:
    with pytest.raises(ValueError, match="max_head_bytes"):
        UpstreamConfig(max_head_bytes=0)
    with pytest.raises(ValueError, match="read_ahead_bytes"):
        UpstreamConfig(read_ahead_bytes=0)
