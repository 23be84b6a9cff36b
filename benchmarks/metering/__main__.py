"""`python -m benchmarks.metering`: measures, compares the books, and prints a table."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from benchmarks.loopback.processes import HarnessError
from benchmarks.loopback.table import table as aligned
from benchmarks.metering.bodies import BODIES
from benchmarks.metering.books import Account, compare
from benchmarks.metering.streams import ChunkCost, chunk_cost
from benchmarks.metering.whole import seconds_per_answer

_MOST_SHARE = 0.05
"""Of a relayed chunk's processor time."""
_MOST_SECONDS = 20e-6
"""For a whole answer."""
_EVENTS = 300
"""Of a stream: LLM tokens of a usual answer."""
_REPEATS = 5
"""Of the streams: where things lie in memory changes from one to the next, and what they cost."""
_TITLES = ("what", "value", "target", "met", "besides")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    what: str
    value: str
    target: str
    met: bool | None
    """None = nothing is demanded."""
    besides: str = ""

    def cells(self) -> tuple[str, ...]:
        """For people."""
        met = "" if self.met is None else "yes" if self.met else "NO"
        return self.what, self.value, self.target, met, self.besides


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for. Returns 0; 1 where the harness failed or, with --check, on a miss."""
    arguments = _parser().parse_args(argv)
    rows: list[Row] = []
    try:
        for row in _rows(arguments):
            print(f"{row.what}: {row.value}", file=sys.stderr, flush=True)
            rows.append(row)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        print(aligned(_TITLES, [row.cells() for row in rows]))
    return int(arguments.check and any(row.met is False for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.metering",
        description="What it costs to look at answers for errors and LLM tokens, and whether the "
        "sums are the provider's own.",
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    return parser


def _rows(arguments: argparse.Namespace) -> Iterator[Row]:
    part = 10 if arguments.quick else 1
    for gzip in (False, True):
        costs = [_on_one_core(streams=400 // part, gzip=gzip) for _ in range(_REPEATS)]
        yield stream_row(costs, gzip=gzip)
    for body in BODIES:
        seconds = seconds_per_answer(body, 5000 // part)
        what = f"whole answer: {body.name}, {len(body.data) / 1000:.1f} kB"
        met = seconds <= _MOST_SECONDS
        yield Row(what, f"{seconds * 1e6:.1f} µs", f"≤ {_MOST_SECONDS * 1e6:.0f} µs", met)
    yield books_row(asyncio.run(compare(10_000 // part)))


def _on_one_core(*, streams: int, gzip: bool) -> ChunkCost:
    """Sidecar and load take turns on one core: how a scheduler spreads them does not show then."""
    if not hasattr(os, "sched_setaffinity"):
        return chunk_cost(streams=streams, events=_EVENTS, gzip=gzip)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        return chunk_cost(streams=streams, events=_EVENTS, gzip=gzip)
    finally:
        os.sched_setaffinity(0, allowed)


def stream_row(costs: Sequence[ChunkCost], *, gzip: bool) -> Row:
    """The one in the middle of an odd number; decoding has no target."""
    cost = sorted(costs, key=lambda each: each.share)[len(costs) // 2]
    return Row(
        f"streamed chunk, {'gzip' if gzip else 'plain'}",
        f"{cost.share:.1%}",
        "" if gzip else f"≤ {_MOST_SHARE:.0%}",
        None if gzip else cost.share <= _MOST_SHARE,
        f"{cost.tap * 1e6:.2f} of {cost.whole * 1e6:.1f} µs",
    )


def books_row(accounts: Sequence[Account]) -> Row:
    """All APIs together."""
    wrong = [account.name for account in accounts if not account.equal]
    calls = sum(account.calls for account in accounts)
    tokens = sum(sum(account.billed.values()) for account in accounts)
    return Row(
        f"{calls} answers of {len(accounts)} APIs: sums that differ",
        str(len(wrong)),
        "0",
        not wrong,
        ", ".join(wrong) or f"{tokens} tokens of all types",
    )


if __name__ == "__main__":
    sys.exit(main())
