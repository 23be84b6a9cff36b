"""The command, from its arguments to its exit code."""

import json
import sys
from pathlib import Path

import pytest

from sidecar.cli import main

WORK = ("costs", "--requests", "1000", "--input-tokens", "2000", "--output-tokens", "500")

PRICES = """
openai:
  mine: {input: 1, output: 2, cached_input: 0}
"*":
  "free-*": {input: 0, output: 0}
  embeddings: {input: 1}
"""


@pytest.fixture
def prices(tmp_path: Path) -> str:
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES, "utf-8")
    return str(path)


def test_models_are_compared_the_cheapest_first(
    capsys: pytest.CaptureFixture[str], prices: str
) -> None:
    assert main((*WORK, "--models", "gpt-4", "mine,free-x", "--prices", prices)) == 0

    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    models = [row[0] for row in rows if row and row[0] in ("gpt-4", "mine", "free-x")]
    assert models == ["free-x", "mine", "gpt-4"]
    assert "Cheapest: free-x (any), 0.00 USD." in out
    assert err == ""


def test_a_model_that_is_unknown_is_told_with_what_may_be_meant(
    capsys: pytest.CaptureFixture[str], prices: str
) -> None:
    code = main((*WORK, "--models", "mine", "gpt-4oo", "embeddings", "--prices", prices))

    assert code == 0
    out, err = capsys.readouterr()
    assert "gpt-4oo" not in out
    unknown, partly = err.splitlines()
    assert unknown.startswith("gpt-4oo: no price known; similar: ")
    assert "openai/gpt-4o" in unknown
    assert partly == "embeddings: no price known for some of its tokens"


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_without_any_price_the_exit_code_is_2(
    capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    assert main((*WORK, "--models", "no-such-model", *more)) == 2

    assert "no price known" in "".join(capsys.readouterr())


def test_programs_get_json(capsys: pytest.CaptureFixture[str], prices: str) -> None:
    code = main(
        (*WORK, "--cached-input-tokens", "1000", "--models", "mine", "--json", "--prices", prices)
    )

    assert code == 0
    document = json.loads(capsys.readouterr().out)
    assert document["cached_input_tokens"] == 1_000
    assert [(row["model"], row["usd"]) for row in document["models"]] == [("mine", 2.0)]


def test_a_model_is_shown_once(capsys: pytest.CaptureFixture[str], prices: str) -> None:
    main((*WORK, "--models", "mine", "mine", "--json", "--prices", prices))

    assert len(json.loads(capsys.readouterr().out)["models"]) == 1


def test_a_price_file_that_is_wrong_is_exit_2_with_its_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("openai:\n  m: {input: -1}\n", "utf-8")

    assert main((*WORK, "--models", "m", "--prices", str(path))) == 2
    assert capsys.readouterr().err.startswith(f"{path}:2: input: ")


def test_without_any_list_of_prices_it_is_told_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, prices: str
) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    assert main((*WORK, "--models", "gpt-4o")) == 2
    assert 'pip install "llm-sidecar[cost]"' in capsys.readouterr().err
    assert main((*WORK, "--models", "mine", "--prices", prices)) == 0


def test_a_long_name_stays_in_one_piece_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "bedrock/anthropic.claude-3-haiku-20240307-v1:0"

    assert main((*WORK, "--models", name, "azure/gpt-4o")) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(f" {name}"))
    assert row.split()[1] == "bedrock"
