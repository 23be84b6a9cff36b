"""The command's arguments; cheap to import, since every command's parser is built with it."""

import argparse
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

_ENDPOINTS = ("chat", "completions", "responses", "embeddings", "messages", "exact")

_DESCRIPTION = """\
Finds the concurrency that a provider bears: sends real requests at several
levels of concurrency, chosen by bisection between --min and --max, and prints
throughput, latency and errors of each, with the best one marked: the most
throughput within the targets, at the lowest concurrency that reaches it
(5 % less throughput counts as equal).
Ctrl-C ends it with the levels measured so far."""

_EPILOG = """\
example, without a key and without cost:
  llm-sidecar provider --port 18081 &
  llm-sidecar sweep http://127.0.0.1:18081 --model sim --seconds 3

a vLLM server that shall begin to answer within 2 s, and the curve as a picture:
  llm-sidecar sweep http://vllm:8000/v1 --model my-model --stream \\
      --max 256 --target-latency 2 --svg curve.svg

Against a provider this costs money: how many requests and LLM tokens at most
is said before the first one is sent. Every prompt begins with a number of its
own, so that no cache answers; in a file for --body, {{n}} becomes that number.
exit code: 0 measured, 1 nothing could be measured, 2 wrong arguments"""

RunLoop = Callable[[Coroutine[Any, Any, int]], int]


def add(commands: Any, run_loop: RunLoop) -> None:
    """Add the command to a parser's; `run_loop` runs a coroutine to its end."""
    sweep = commands.add_parser(
        "sweep",
        help="measure which concurrency a provider bears",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.set_defaults(command=partial(_sweep, run_loop))
    sweep.add_argument(
        "base_url",
        metavar="BASE_URL",
        help="as an SDK wants it: http://vllm:8000/v1, https://api.openai.com/v1; /v1 is added to"
        " a URL without a path",
    )
    _add_request(sweep.add_argument_group("the request"))
    _add_search(sweep.add_argument_group("the search"))
    _add_pace(sweep.add_argument_group("each level"))
    output = sweep.add_argument_group("the result")
    output.add_argument("--json", action="store_true", help="print JSON instead of a table")
    output.add_argument("--svg", type=Path, metavar="FILE", help="draw the curve into this file")


def _add_request(group: Any) -> None:
    group.add_argument("--model", metavar="NAME", help="needed unless --body has one")
    group.add_argument(
        "--endpoint",
        choices=_ENDPOINTS,
        default="chat",
        help="what is called (default chat); exact: BASE_URL is the whole URL, with --body",
    )
    content = group.add_mutually_exclusive_group()
    content.add_argument("--prompt", metavar="TEXT", help="default: a short question")
    content.add_argument("--body", type=Path, metavar="FILE", help="a JSON body of your own")
    group.add_argument(
        "--max-tokens",
        type=_count,
        metavar="N",
        help="output LLM tokens of an answer at most (default 64)",
    )
    group.add_argument(
        "--stream",
        action="store_true",
        help="ask for streams; latency is then the time to the first byte",
    )
    group.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="one more header; may be given several times",
    )
    group.add_argument(
        "--key-env",
        metavar="VARIABLE",
        help="environment variable with the key (default OPENAI_API_KEY, for messages"
        " ANTHROPIC_API_KEY; without it no key is sent)",
    )
    group.add_argument(
        "--timeout",
        type=_seconds,
        default=120.0,
        metavar="SECONDS",
        help="a request that takes longer has failed (default 120)",
    )


def _add_search(group: Any) -> None:
    for name, default, which in (("--min", 1, "lowest"), ("--max", 64, "highest")):
        group.add_argument(
            name,
            type=_count,
            default=default,
            metavar="N",
            help=f"{which} concurrency, measured in any case (default {default})",
        )
    group.add_argument(
        "--levels",
        type=_levels,
        default=12,
        metavar="N",
        help="levels measured at most, 2 or more (default 12)",
    )
    group.add_argument(
        "--target-latency",
        type=_seconds,
        metavar="SECONDS",
        help="p95 may reach this (default: anything)",
    )
    group.add_argument(
        "--target-error-rate",
        type=_share,
        default=0.01,
        metavar="SHARE",
        help="this share of requests may fail, 0 to below 1 (default 0.01); unless it is 0, a"
        " single failure is taken for chance",
    )


def _add_pace(group: Any) -> None:
    group.add_argument(
        "--requests",
        type=_count,
        default=100,
        metavar="N",
        help="counted at least, and four for each that run at once (default 100); five times as"
        " many end a level early",
    )
    group.add_argument(
        "--seconds",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="measured at least (default 10); three times as long ends a level early",
    )
    group.add_argument(
        "--warmup",
        type=_rounds,
        default=1,
        metavar="N",
        help="requests for each that run at once which are not counted (default 1)",
    )


def _sweep(run_loop: RunLoop, arguments: argparse.Namespace) -> int:
    from sidecar.sweep.order import order
    from sidecar.sweep.run import run_sweep

    return run_loop(run_sweep(order(arguments), json=arguments.json))


def _count(text: str) -> int:
    return _whole(text, 1, 100_000)


def _levels(text: str) -> int:
    return _whole(text, 2, 1_000)


def _rounds(text: str) -> int:
    return _whole(text, 0, 100)


def _whole(text: str, lowest: int, highest: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise argparse.ArgumentTypeError(f"must be a whole number from {lowest} to {highest}")
    return number


def _seconds(text: str) -> float:
    return _real(text, "a number of seconds above 0, at most 86400", lambda x: 0 < x <= 86_400)


def _share(text: str) -> float:
    return _real(text, "a share from 0 to below 1", lambda x: 0 <= x < 1)


def _real(text: str, allowed: str, fits: Callable[[float], bool]) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not fits(number):
        raise argparse.ArgumentTypeError(f"must be {allowed}")
    return number
