"""`python -m benchmarks.sockets`: runs the cases one after the other and prints a table."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.loopback.processes import HarnessError
from benchmarks.loopback.table import table as aligned
from benchmarks.sockets.case import Case
from benchmarks.sockets.judge import (
    MOST_REJECTIONS,
    SETTLED_USE,
    SETTLED_WITHIN,
    Result,
    judge,
)
from benchmarks.sockets.trial import Trial, run

_SLOTS = (8, 40, 200)
_KINDS = {"streamed": True, "whole": False}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for. Returns 0; 1 where the harness failed or, with --check, on a miss."""
    arguments = _parser().parse_args(argv)
    cases = [
        Case(slots=slots, stream=_KINDS[kind], phase=arguments.seconds)
        for slots in arguments.slots
        for kind in arguments.kind or _KINDS
    ]
    trials: list[Trial] = []
    try:
        for case in cases:
            print(f"{case.name}, {case.end:.0f} s …", file=sys.stderr, flush=True)
            trials.append(run(case))
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps([_document(trial) for trial in trials], indent=1))
    else:
        print(table(trials))
    met = all(result.met for trial in trials for result in judge(trial))
    return int(arguments.check and not met)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sockets",
        description="Whether the limit finds a provider's hidden slots over real sockets: three "
        "phases for each case, with all slots, half of them, and all again.",
    )
    parser.add_argument("--slots", type=_slots, nargs="+", default=_SLOTS, help="default 8 40 200")
    parser.add_argument("--kind", action="append", choices=_KINDS, help="default both")
    parser.add_argument("--seconds", type=_seconds, default=30.0, help="per phase (default 30)")
    parser.add_argument("--json", action="store_true", help="print JSON, every sample included")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    return parser


def _slots(text: str) -> int:
    slots = int(text)
    if slots < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return slots


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 5 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("between 5 and 3600")
    return seconds


def _document(trial: Trial) -> dict[str, object]:
    return {
        **asdict(trial),
        "results": [{**asdict(result), "met": result.met} for result in judge(trial)],
    }


_TITLES = (
    "answers", "slots", "s to settle", "use", "rejected per 100", "limit at the end",
    "core denied", "met",
)  # fmt: skip
_TARGETS = (
    "target", "", f"{SETTLED_WITHIN:.0f}", f"{SETTLED_USE:.0%}", f"{MOST_REJECTIONS:g}", "", "", ""
)  # fmt: skip


def table(trials: Sequence[Trial]) -> str:
    """For people."""
    lines = [_cells(result) for trial in trials for result in judge(trial)]
    return aligned(_TITLES, [*lines, _TARGETS])


def _cells(result: Result) -> tuple[str, ...]:
    case = result.case
    kind = "streamed" if case.stream else "whole"
    return (
        f"{kind}, {case.answer_seconds:.2f} s",
        str(result.capacity),
        "never" if result.settled is None else f"{result.settled:.1f}",
        f"{result.use:.1%}",
        f"{result.rejections:.2f}",
        str(result.limit),
        f"{result.denied:.0%}",
        "yes" if result.met else "NO",
    )


if __name__ == "__main__":
    sys.exit(main())
