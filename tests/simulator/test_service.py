"""Answers' times are drawn from the plan's distributions, and from the dice alone."""

from random import Random
from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.simulator.service import Service, ServicePlan, ServiceTimes


def draws(count: int, plan: ServicePlan | None = None, seed: int = 1) -> list[Service]:
    times = ServiceTimes(plan or ServicePlan(), Random(seed))
    return [times.draw() for _ in range(count)]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"ttft_median": 0}, "above 0"),
        ({"answer_median": 0}, "above 0"),
        ({"tokens_per_second": 0}, "above 0"),
        ({"ttft_sigma": -1}, "negative"),
        ({"answer_sigma": -1}, "negative"),
    ],
)
def test_impossible_times_are_refused(wrong: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ServicePlan(**wrong)


def test_the_defaults_resemble_a_chat_model() -> None:
    """The service model of the control benchmark: first byte 0.35 s, answers 4.1 s in the mean."""
    drawn = draws(20_000)

    assert median(service.ttft for service in drawn) == pytest.approx(0.35, rel=0.02)
    assert fmean(service.total for service in drawn) == pytest.approx(4.1, rel=0.03)


def test_without_spread_every_answer_is_the_median() -> None:
    plan = ServicePlan(
        ttft_median=0.5, ttft_sigma=0, answer_median=2, answer_sigma=0, tokens_per_second=10
    )

    (first, second) = draws(2, plan)

    assert first == second
    assert (first.ttft, first.total) == pytest.approx((0.5, 2.5))
    assert first.output_tokens == 20


def test_equal_dice_give_equal_times_and_others_do_not() -> None:
    assert draws(10, seed=3) == draws(10, seed=3)
    assert draws(10, seed=3) != draws(10, seed=4)


def test_slowness_for_everybody_delays_the_first_byte_and_the_end_by_the_same() -> None:
    plan = ServicePlan()
    normal, slow = (ServiceTimes(plan, Random(1)).draw(ttft_factor=factor) for factor in (1.0, 4.0))

    assert slow.ttft == pytest.approx(4 * normal.ttft)
    assert slow.total - normal.total == pytest.approx(3 * normal.ttft)
    assert slow.output_tokens == normal.output_tokens


@given(
    st.builds(
        ServicePlan,
        ttft_median=st.floats(1e-3, 10),
        ttft_sigma=st.floats(0, 2),
        answer_median=st.floats(1e-3, 10),
        answer_sigma=st.floats(0, 2),
    ),
    st.integers(0, 1000),
    st.floats(0.1, 10),
)
def test_an_answer_never_ends_before_its_first_byte_and_has_a_word(
    plan: ServicePlan, seed: int, factor: float
) -> None:
    service = ServiceTimes(plan, Random(seed)).draw(ttft_factor=factor)

    assert 0 < service.ttft <= service.total * (1 + 1e-9)
    assert service.output_tokens >= 1
