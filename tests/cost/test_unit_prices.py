"""What a usage costs, by given prices."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.cost.unit_prices import Tier, UnitPrices
from sidecar.tokens import Usage

PRICES = UnitPrices(input=Decimal("2.5"), output=Decimal(10))
FULL = UnitPrices(
    input=Decimal(1),
    output=Decimal(10),
    cached_input=Decimal(100),
    cache_write=Decimal(1_000),
    cache_write_1h=Decimal(10_000),
    input_audio=Decimal(100_000),
    output_audio=Decimal(1_000_000),
    reasoning=Decimal(10_000_000),
)
"""Each price has a decimal place of its own, as long as no part has 10 tokens."""

COUNT = st.integers(0, 5_000)
USAGES = st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT)


def millionths(prices: UnitPrices, usage: Usage) -> int:
    """Of USD."""
    cost = prices.cost(usage)
    assert cost is not None
    return int(cost * 1_000_000)


def test_prices_are_per_million_tokens() -> None:
    assert PRICES.cost(Usage(1_000_000, 0)) == Decimal("2.5")
    assert PRICES.cost(Usage(1, 1)) == Decimal("0.0000125")
    assert PRICES.cost(Usage(0, 0)) == 0


def test_parts_are_taken_off_their_whole_and_paid_once() -> None:
    usage = Usage(
        20,
        9,
        cached_input=2,
        reasoning=3,
        cache_write=5,
        cache_write_1h=1,
        input_audio=6,
        output_audio=4,
    )

    # From the right: 7 plain input, 2 plain output, 2 cached, 4 written, 1 for an hour, 6 sound in,
    # 4 sound out, 3 thoughts.
    assert millionths(FULL, usage) == 34_614_227


@pytest.mark.parametrize(
    "usage",
    [
        Usage(10, 10, cached_input=4),
        Usage(10, 10, cache_write=4, cache_write_1h=2),
        Usage(10, 10, input_audio=4),
        Usage(10, 10, output_audio=4),
        Usage(10, 10, reasoning=4),
    ],
)
def test_a_part_without_a_price_of_its_own_costs_what_its_whole_costs(usage: Usage) -> None:
    assert PRICES.cost(usage) == PRICES.cost(Usage(10, 10))


def test_writing_for_an_hour_costs_what_writing_costs_without_a_price_of_its_own() -> None:
    prices = UnitPrices(input=Decimal(1), cache_write=Decimal(10))

    assert millionths(prices, Usage(8, 0, cache_write=5, cache_write_1h=2)) == 53


def test_of_parts_that_are_more_than_the_whole_only_what_there_is_is_paid() -> None:
    assert millionths(FULL, Usage(2, 0, cached_input=5)) == 200
    assert millionths(FULL, Usage(2, 0, cached_input=1, cache_write=5)) == 1_100
    assert millionths(FULL, Usage(0, 2, reasoning=5, output_audio=5)) == 20_000_000


def test_sound_that_may_have_been_cached_counts_as_cached() -> None:
    assert millionths(FULL, Usage(6, 0, cached_input=4, input_audio=5)) == 200_400


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(128_000, 1_000), "0.129"),
        (Usage(128_001, 1_000), "0.260002"),
        (Usage(256_001, 1_000), "0.516002"),
        (Usage(300_000, 1_000, cached_input=299_000), "0.305"),
    ],
)
def test_a_tier_s_prices_are_for_all_of_a_longer_prompt(usage: Usage, cost: str) -> None:
    """Cached input counts as well for how long it is; as many as the threshold are still below."""
    higher = UnitPrices(input=Decimal(2), output=Decimal(4))
    highest = UnitPrices(input=Decimal(2), output=Decimal(4), cached_input=Decimal(1))
    prices = UnitPrices(
        input=Decimal(1), output=Decimal(1), tiers=(Tier(128_000, higher), Tier(256_001, highest))
    )

    assert prices.cost(usage) == Decimal(cost)


def test_each_request_may_cost_something_of_itself() -> None:
    assert UnitPrices(input=Decimal(1), request=Decimal("0.005")).cost(Usage(1, 0)) == Decimal(
        "0.005001"
    )


def test_a_price_that_is_missing_makes_no_cost_at_all() -> None:
    embeddings = UnitPrices(input=Decimal(1))

    assert embeddings.cost(Usage(5, 0)) == Decimal("0.000005")
    assert embeddings.cost(Usage(5, 1)) is None
    assert UnitPrices(output=Decimal(1)).cost(Usage(5, 1)) is None


@given(USAGES)
def test_whatever_a_provider_tells_the_cost_lies_between_its_cheapest_and_dearest_token(
    usage: Usage,
) -> None:
    """Also where the parts are together more than the whole."""
    cost = millionths(FULL, usage)

    tokens = usage.input + usage.output
    assert tokens <= cost <= tokens * 10_000_000


@given(USAGES)
def test_with_one_price_for_all_the_parts_change_nothing(usage: Usage) -> None:
    one = Decimal(3)
    prices = UnitPrices(
        input=one, output=one, cached_input=one, cache_write=one, cache_write_1h=one,
        input_audio=one, output_audio=one, reasoning=one,
    )  # fmt: skip

    assert millionths(prices, usage) == 3 * (usage.input + usage.output)
