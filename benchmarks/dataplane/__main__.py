"""`python -m benchmarks.dataplane`: runs the measures and prints a table."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from benchmarks.dataplane.measures.instructions import instructions
from benchmarks.dataplane.measures.latency import latency
from benchmarks.dataplane.measures.leaving import leaving
from benchmarks.dataplane.measures.memory import bodies
from benchmarks.dataplane.measures.start import start
from benchmarks.dataplane.measures.streams import streams
from benchmarks.dataplane.measures.throughput import throughput
from benchmarks.dataplane.measures.waiters import waiters
from benchmarks.dataplane.peers import missing_peers
from benchmarks.dataplane.plan import FULL, QUICK, Plan
from benchmarks.dataplane.processes import HarnessError
from benchmarks.dataplane.rows import Row, table

MEASURES: dict[str, Callable[[Plan], list[Row]]] = {
    "start": start,
    "latency": latency,
    "throughput": throughput,
    "streams": streams,
    "bodies": bodies,
    "leaving": leaving,
    "waiters": waiters,
}


def main(argv: Sequence[str] | None = None, *, plan: Plan | None = None) -> int:
    """Run what was asked for. Returns 0; 1 where something was lost or, with --check, missed."""
    arguments = _parser().parse_args(argv)
    plan = plan or (QUICK if arguments.quick else FULL)
    measures = {name: MEASURES[name] for name in arguments.only or MEASURES}
    if arguments.callgrind:
        measures["instructions"] = instructions
    rows: list[Row] = []
    try:
        for name, measure in measures.items():
            print(f"{name} …", file=sys.stderr, flush=True)
            rows += measure(plan)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(table(rows))
        for name in missing_peers():
            print(f"skipped: {name} is not installed")
    lost = any(row.lost for row in rows)
    missed = any(row.met is False for row in rows)
    return int(lost or (arguments.check and missed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dataplane",
        description="What the sidecar costs in time, processor and memory.",
    )
    parser.add_argument("--quick", action="store_true", help="under 40 s; rougher")
    parser.add_argument("--only", action="append", choices=MEASURES, help="may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument(
        "--callgrind", action="store_true", help="also count instructions, where valgrind is"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
