"""What a price file may say."""

from pathlib import Path

import pytest

from sidecar.cost.price_file import read_price_file
from sidecar.errors import ConfigError


def problems(tmp_path: Path, text: str) -> list[str]:
    """Without the file's name."""
    path = tmp_path / "prices.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as error:
        read_price_file(path)
    return [problem.removeprefix(f"{path}:") for problem in error.value.problems]


@pytest.mark.parametrize(
    "price",
    [
        "-1", "-0.5", '"3"', "'3'", "three", "3 USD", "$3", "true", "null", "~", "", ".nan", ".inf",
        "-.inf", "inf", "NaN", "1e999", "1000001", "0x10", "010", "1_000", "1:30", "1,5", "+1", ".5",
        "[1]", "{a: 1}", "٣",
    ],
)  # fmt: skip
def test_a_price_is_a_plain_number_in_bounds(tmp_path: Path, price: str) -> None:
    found = problems(tmp_path, f"openai:\n  m:\n    output: 1\n    input: {price}\n")

    assert found == [
        "4: input: must be a number of USD per million tokens, 0 to 1000000, without quotes"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "1: the file: must have keys with values"),
        ("openai: 3", "1: openai: must have keys with values"),
        ("openai:", "1: openai: must have keys with values"),
        ("openai:\n  m: 3", "2: m: must have keys with values"),
        ("openai:\n  m: {}", "2: m: needs a price for input"),
        ("Open AI: {}", '1: Open AI: must be an upstream\'s name or "*"'),
        ('"open*": {}', '1: open*: must be an upstream\'s name or "*"'),
        ("openai: {}\nopenai: {}", "2: openai: is there twice"),
        ("a:\n  m: {input: 1}\n  m: {input: 1}", "3: m: is there twice"),
        ("a: {m: {input: 1, input: 1}}", "1: input: is there twice"),
        ("? [a]\n: {}", "1: the file: a key must be text"),
        ('"": {}', "1: the file: a key must be text"),
        ('"a\\nb": {}', '1: a\\nb: must be an upstream\'s name or "*"'),
        (
            "a: {m: {input: 1, request: -1}}",
            "1: request: must be a number of USD per request, 0 to 1000000, without quotes",
        ),
        (
            "a: {m: {input: 1, tiers: {}}}",
            "1: tiers: must be a list of prices, each with `above`",
        ),
        ("a: {m: {input: 1, tiers: [3]}}", "1: tiers: must have keys with values"),
    ],
)
def test_a_fault_is_told_with_what_is_allowed(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems(tmp_path, text)


@pytest.mark.parametrize("above", ["", "above: 0", "above: -1", "above: 1.5", 'above: "9"'])
def test_a_tier_begins_above_a_number_of_tokens(tmp_path: Path, above: str) -> None:
    text = f"a:\n m:\n  input: 1\n  tiers:\n   - {{input: 2, {above}}}\n"

    assert problems(tmp_path, text) == ["5: above: must be a number of tokens, more than 0"]


def test_tiers_rise(tmp_path: Path) -> None:
    text = "a:\n m:\n  input: 1\n  tiers:\n   - {above: 5}\n   - {above: 5}\n"

    assert problems(tmp_path, text) == ["6: above: must be a number of tokens, more than 5"]


def test_a_tier_has_prices_and_nothing_else(tmp_path: Path) -> None:
    found = problems(tmp_path, "a: {m: {input: 1, tiers: [{above: 5, tiers: []}]}}")

    assert found == [
        "1: tiers: unknown key; known: above, input, output, cached_input, cache_write,"
        " cache_write_1h, input_audio, output_audio, reasoning, request"
    ]


def test_long_keys_are_cut_in_messages(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"{'x' * 500}: {{}}")

    assert len(problem) < 120
