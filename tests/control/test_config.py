"""A limit's configuration is refused where it makes no sense."""

import math

import pytest

from sidecar.control.config import LimitConfig

NAN = math.nan


def test_the_defaults_are_valid_and_fair() -> None:
    """A minimum above 1 is unfair to others on the same quota."""
    config = LimitConfig()

    assert (config.minimum, config.initial, config.maximum) == (1, 10, 256)
    assert config.latency_target is None


@pytest.mark.parametrize("minimum", [0, -1])
def test_the_minimum_is_at_least_one(minimum: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1, not {minimum}"):
        LimitConfig(minimum=minimum)


@pytest.mark.parametrize(
    ("minimum", "initial", "maximum"), [(5, 4, 9), (5, 10, 9), (9, 7, 5), (9, 9, 5)]
)
def test_the_initial_limit_lies_between_minimum_and_maximum(
    minimum: int, initial: int, maximum: int
) -> None:
    with pytest.raises(ValueError, match=f"initial limit {initial} must lie between"):
        LimitConfig(minimum=minimum, initial=initial, maximum=maximum)


def test_all_three_may_be_equal() -> None:
    config = LimitConfig(minimum=7, initial=7, maximum=7)

    assert config.initial == 7


@pytest.mark.parametrize("decrease", [0.49, 0.991, 1.0, -1.0, NAN])
def test_a_cut_halves_at_most_and_cuts_at_least_a_hundredth(decrease: float) -> None:
    with pytest.raises(ValueError, match=r"decrease must lie between 0\.5 and 0\.99"):
        LimitConfig(decrease=decrease)


@pytest.mark.parametrize("target", [0.0, -1.0, NAN])
def test_a_latency_target_is_above_zero(target: float) -> None:
    with pytest.raises(ValueError, match="latency target must be above 0 s"):
        LimitConfig(latency_target=target)


@pytest.mark.parametrize("tolerance", [1.0, 1.09, 20.1, NAN])
def test_a_tolerance_is_a_factor_that_noise_does_not_reach(tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"tolerance must lie between 1\.1 and 20"):
        LimitConfig(latency_tolerance=tolerance)


@pytest.mark.parametrize("decrease", [0.5, 0.99])
@pytest.mark.parametrize("tolerance", [1.1, 20.0])
@pytest.mark.parametrize("target", [None, 0.001])
def test_the_ends_of_each_range_are_valid(
    decrease: float, tolerance: float, target: float | None
) -> None:
    config = LimitConfig(decrease=decrease, latency_tolerance=tolerance, latency_target=target)

    assert (config.decrease, config.latency_tolerance) == (decrease, tolerance)
    assert config.latency_target == target
