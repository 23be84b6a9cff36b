"""Estimates as they are shown."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from sidecar.cost.unit_prices import Tier, UnitPrices
from sidecar.costs.table import conclusion, document, dollars, table
from sidecar.costs.workload import Estimate, Offer, Unpriced, workload

WORK = workload(requests=1_000, input_tokens=2_000, output_tokens=500, cached_input_tokens=0)


def estimate(model: str, usd: str, *, own: bool = False) -> Estimate:
    higher = UnitPrices(input=Decimal("7.50"), output=Decimal(200))
    prices = UnitPrices(input=Decimal(1), tiers=(Tier(1_999, higher),))
    return Estimate(Offer(model, "there", prices, own=own), Decimal(usd))


def shown(*found: Estimate) -> list[list[str]]:
    """The words of each line."""
    console = Console(file=io.StringIO(), width=80)
    console.print(table(WORK, found))
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines() if line.strip()]


def test_the_table_has_tokens_cost_and_the_ratio_to_the_cheapest() -> None:
    lines = shown(estimate("a", "2"), estimate("b", "24.8", own=True))

    assert lines[1] == ["model", "provider", "USD/M", "USD/M", "tokens", "USD", "relative"]
    # The prices are those of so long a prompt.
    assert lines[3] == ["a", "there", "7.5", "200", "2.5M", "2.00", "1.0x"]
    assert lines[4] == ["b", "there", "(own)", "7.5", "200", "2.5M", "24.80", "12.4x"]


def test_nothing_is_so_many_times_what_is_free() -> None:
    lines = shown(estimate("a", "0"), estimate("b", "1"))

    assert [line[-2:] for line in lines[3:]] == [["0.00", "1.0x"], ["1.00", "-"]]


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "0.00"),
        ("1234567.891", "1,234,567.89"),
        ("1", "1.00"),
        ("0.5", "0.50"),
        ("0.123456", "0.1235"),
        ("0.0002286", "0.0002286"),
        ("0.00000123456", "0.000001235"),
    ],
)
def test_small_amounts_keep_the_digits_that_tell_something(usd: str, text: str) -> None:
    assert dollars(Decimal(usd)) == text


def test_the_conclusion_names_the_cheapest_and_the_sources() -> None:
    listed, own = estimate("a", "2"), estimate("b", "3", own=True)

    said = conclusion([listed, own], list_version="1.2")
    assert said.splitlines() == [
        "Cheapest: a (there), 2.00 USD.",
        "An estimate from the list prices of genai-prices 1.2 and your own price file: no"
        " discounts, taxes or fees.",
    ]
    assert "your own price file" not in conclusion([listed], list_version="1.2")
    assert "genai-prices" not in conclusion([own], list_version="1.2")


def test_programs_get_numbers() -> None:
    unpriced = Unpriced("c", "why", ("d",))

    assert document(
        WORK, [estimate("a", "2"), estimate("b", "3", own=True)], [unpriced], list_version="1.2"
    ) == {
        "price_list": "genai-prices 1.2",
        "requests": 1_000,
        "input_tokens": 2_000,
        "cached_input_tokens": 0,
        "output_tokens": 500,
        "total_tokens": 2_500_000,
        "models": [
            {
                "model": "a",
                "provider": "there",
                "own_price": False,
                "usd": 2.0,
                "usd_per_request": 0.002,
                "relative": 1.0,
            },
            {
                "model": "b",
                "provider": "there",
                "own_price": True,
                "usd": 3.0,
                "usd_per_request": 0.003,
                "relative": 1.5,
            },
        ],
        "unpriced": [{"model": "c", "reason": "why", "similar": ("d",)}],
    }
    assert document(WORK, [], [], list_version=None)["price_list"] is None
