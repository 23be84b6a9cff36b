"""The user's own prices."""

from decimal import Decimal
from pathlib import Path

import pytest

from sidecar.cost.price_file import NO_PRICES, PriceFile, read_price_file
from sidecar.cost.unit_prices import Tier, UnitPrices
from sidecar.errors import ConfigError
from sidecar.tokens import Usage


def written(tmp_path: Path, text: str) -> PriceFile:
    path = tmp_path / "prices.yaml"
    path.write_text(text, "utf-8")
    return read_price_file(path)


def test_the_file_has_prices_by_upstream_and_model(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        openai:
          my-fine-tune:
            input: 3
            output: 12.5
            cached_input: 1e-1
            request: 0.01
          text-embedding-mine: {input: 0}
        """,
    )

    assert file.prices("openai", "my-fine-tune") == UnitPrices(
        input=Decimal(3),
        output=Decimal("12.5"),
        cached_input=Decimal("0.1"),
        request=Decimal("0.01"),
    )
    assert file.prices("openai", "text-embedding-mine") == UnitPrices(input=Decimal(0))
    assert file.prices("openai", "other") is None
    assert file.prices("azure", "my-fine-tune") is None


def test_a_tier_has_what_it_does_not_name_from_below(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        "*":
          long:
            input: 1
            output: 2
            tiers:
              - {above: 100, input: 3}
              - {above: 200, output: 4}
        """,
    )
    prices = file.prices("any", "long")

    assert prices is not None
    assert prices.tiers == (
        Tier(100, UnitPrices(input=Decimal(3), output=Decimal(2))),
        Tier(200, UnitPrices(input=Decimal(3), output=Decimal(4))),
    )
    assert prices.cost(Usage(201, 1)) == Decimal("0.000607")


ORDER = """
"*":
  gpt-5: {input: 1}
  "gpt-*": {input: 2}
  "*": {input: 3}
openai:
  "gpt-5*": {input: 4}
  "gpt-*": {input: 5}
  gpt-5-mini: {input: 6}
"""


@pytest.mark.parametrize(
    ("upstream", "model", "price"),
    [
        ("openai", "gpt-5-mini", 6),  # its own name, before patterns that stand above it
        ("openai", "gpt-5", 4),  # the upstream's own section, before a name in the other one
        ("openai", "gpt-4", 5),
        ("openai", "o3", 3),
        ("azure", "gpt-5", 1),
        ("azure", "gpt-5-mini", 2),
        ("azure", "GPT-5", 3),  # case counts: names of deployments are arbitrary
    ],
)
def test_the_nearest_price_counts(tmp_path: Path, upstream: str, model: str, price: int) -> None:
    prices = written(tmp_path, ORDER).prices(upstream, model)

    assert prices is not None
    assert prices.input == price


def test_the_sections_of_a_model_are_told(tmp_path: Path) -> None:
    assert written(tmp_path, ORDER).places("gpt-5") == ["*", "openai"]
    assert written(tmp_path, "openai: {}").places("gpt-5") == []


@pytest.mark.parametrize("text", ["", "# none yet\n", "openai: {}\n"])
def test_a_file_may_have_no_prices(tmp_path: Path, text: str) -> None:
    assert written(tmp_path, text).prices("openai", "gpt-5") is None
    assert NO_PRICES.prices("openai", "gpt-5") is None


def test_every_fault_has_its_line_and_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        written(tmp_path, "openai:\n  m:\n    input: -1\n    inputs: 2\n  n: {output: x}\n")

    path = tmp_path / "prices.yaml"
    number = "must be a number of USD per million tokens, 0 to 1000000, without quotes"
    assert error.value.problems == [
        f"{path}:3: input: {number}",
        f"{path}:4: inputs: unknown key; known: input, output, cached_input, cache_write,"
        " cache_write_1h, input_audio, output_audio, reasoning, request, tiers",
        f"{path}:5: output: {number}",
        f"{path}:5: n: needs a price for input",
    ]
