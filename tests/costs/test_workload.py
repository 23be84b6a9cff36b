"""What a workload costs."""

from decimal import Decimal

import pytest

from sidecar.cost.unit_prices import UnitPrices
from sidecar.costs.workload import Offer, estimates, relative, workload
from sidecar.errors import ConfigError


def offer(model: str, given: int, made: int | None = None, cached: int | None = None) -> Offer:
    values = [None if price is None else Decimal(price) for price in (made, cached)]
    prices = UnitPrices(input=Decimal(given), output=values[0], cached_input=values[1])
    return Offer(model, "p", prices, own=False)


WORK = workload(requests=1_000, input_tokens=2_000, output_tokens=500, cached_input_tokens=1_000)


def test_each_request_is_paid_for_and_the_cheapest_comes_first() -> None:
    found = estimates(WORK, [offer("dear", 10, 10), offer("cheap", 1, 2)])

    assert [(estimate.offer.model, estimate.usd) for estimate in found] == [
        ("cheap", Decimal(3)),
        ("dear", Decimal(25)),
    ]


def test_cached_input_has_its_own_price() -> None:
    (found,) = estimates(WORK, [offer("m", 10, 0, cached=1)])

    assert found.usd == 11


def test_a_model_without_a_price_that_is_needed_has_no_estimate() -> None:
    assert estimates(WORK, [offer("embeddings", 1)]) == []


def test_more_cannot_be_cached_than_there_is() -> None:
    with pytest.raises(ConfigError, match="--cached-input-tokens"):
        workload(requests=1, input_tokens=5, output_tokens=0, cached_input_tokens=6)


@pytest.mark.parametrize(
    ("usd", "cheapest", "times"), [(6, 2, 3), (2, 2, 1), (0, 0, 1), (6, 0, None)]
)
def test_costs_are_compared_with_the_cheapest(usd: int, cheapest: int, times: int | None) -> None:
    assert relative(Decimal(usd), Decimal(cheapest)) == times
