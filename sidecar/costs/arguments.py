"""The command's arguments; cheap to import, since every command's parser is built with it."""

import argparse
from pathlib import Path
from typing import Any

from sidecar.errors import ConfigError

MOST = 1_000_000_000_000
"""Of requests, and of tokens of one request."""

_DESCRIPTION = """\
Compares what a workload would cost at several models, the cheapest first.
Needs no network: prices are those of the installed genai-prices, with your
own price file over them."""

_EPILOG = """\
example:
  llm-sidecar costs --requests 100000 --input-tokens 1500 --output-tokens 300 \\
      --models gpt-5-mini anthropic/claude-haiku-4-5 gemini/gemini-2.5-flash

A model is named as requests name it, alone or after an upstream or a provider
and a slash: bedrock/anthropic.claude-3-haiku-20240307-v1:0.
exit code: 0 at least one price known, 2 none known, or wrong arguments"""


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    costs = commands.add_parser(
        "costs",
        help="compare what a workload costs at several models",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    costs.set_defaults(command=_costs)
    for name, lowest, text in (
        ("--requests", 1, "how many there are"),
        ("--input-tokens", 0, "LLM tokens of a request's whole prompt"),
        ("--output-tokens", 0, "LLM tokens of an answer, thoughts included"),
    ):
        costs.add_argument(name, type=_count(lowest), metavar="N", required=True, help=text)
    costs.add_argument(
        "--cached-input-tokens",
        type=_count(0),
        metavar="N",
        default=0,
        help="of the input: read from the provider's prompt cache (default 0)",
    )
    costs.add_argument("--models", nargs="+", metavar="MODEL", required=True, help="to be compared")
    costs.add_argument(
        "--prices", type=Path, metavar="FILE", help="own prices: YAML, as for SIDECAR_COST_PRICES"
    )
    costs.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _costs(arguments: argparse.Namespace) -> int:
    from sidecar.costs.run import run_costs
    from sidecar.costs.workload import workload

    # A list with commas is what one would write in a setting.
    models = [name for word in arguments.models for name in word.split(",") if name]
    if not models:
        raise ConfigError(["--models: names no model"])
    return run_costs(
        workload(
            requests=arguments.requests,
            input_tokens=arguments.input_tokens,
            output_tokens=arguments.output_tokens,
            cached_input_tokens=arguments.cached_input_tokens,
        ),
        models,
        prices=arguments.prices,
        json=arguments.json,
    )


def _count(lowest: int) -> Any:
    def whole(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = lowest - 1
        if not lowest <= number <= MOST:
            raise argparse.ArgumentTypeError(f"must be a whole number from {lowest} to {MOST}")
        return number

    return whole
