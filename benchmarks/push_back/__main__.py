"""`python -m benchmarks.push_back`: runs the cases one after the other and prints a table."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.control.scenario import Target
from benchmarks.loopback.processes import HarnessError
from benchmarks.loopback.table import table as aligned
from benchmarks.push_back.cases import Case, all_cases
from benchmarks.push_back.run import run
from benchmarks.push_back.trial import Trial

_SECONDS = 60.0
"""Of each case; the targets are meant for it."""
_TITLES = ("case", "figure", "value", "target", "met", "besides", "core denied")


@dataclass(frozen=True, slots=True)
class Result:
    """A case and what came of it."""

    case: Case
    figures: Mapping[str, float]
    denied: float
    """Seconds per second in which a process of ours wanted a core that others had."""

    @property
    def missed(self) -> list[Target]:
        """The targets that were not met."""
        return [target for target in self.case.targets if not target.met(self._of(target))]

    def _of(self, target: Target) -> float:
        return self.figures[target.measure]

    def lines(self) -> list[tuple[str, ...]]:
        """For the table: one for each target, the first one with what is common to them."""
        judged = {target.measure for target in self.case.targets}
        besides = ", ".join(
            f"{name} {number(value)}" for name, value in self.figures.items() if name not in judged
        )
        first, *others = (self._judged(target) for target in self.case.targets)
        return [
            (self.case.name, *first, besides, f"{self.denied:.0%}"),
            *(("", *other, "", "") for other in others),
        ]

    def _judged(self, target: Target) -> tuple[str, str, str, str]:
        value = self._of(target)
        return target.measure, number(value), str(target), "yes" if target.met(value) else "NO"


def number(value: float) -> str:
    """Short, and exact where it matters."""
    return f"{value:.0f}" if value >= 1000 or value == int(value) else f"{value:.2f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for. Returns 0; 1 where the harness failed or, with --check, on a miss."""
    arguments = _parser().parse_args(argv)
    cases = [
        case for case in all_cases(arguments.seconds) if case.name.startswith(tuple(arguments.case))
    ]
    results: list[Result] = []
    documents: list[dict[str, object]] = []
    try:
        for case in cases:
            print(f"{case.name}, {case.end:.0f} s …", file=sys.stderr, flush=True)
            trial = run(case)
            results.append(Result(case, case.figures(trial), trial.denied))
            if arguments.json:
                documents.append(_document(results[-1], trial))
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(documents, indent=1) if arguments.json else table(results))
    return int(arguments.check and any(result.missed for result in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.push_back",
        description="What an app sees of a provider that pushes back, over real sockets: token "
        "buckets, an outage, random errors under a retrying SDK, a quota that is used up.",
    )
    parser.add_argument(
        "--case",
        type=_beginning,
        nargs="+",
        default=[""],
        metavar="NAME",
        help="those whose names begin so; default all: " + ", ".join(_names()),
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=_SECONDS,
        help="length of what is tried, in each case (default 60, for which the targets are meant)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, every sample included")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    return parser


def _names() -> list[str]:
    return [case.name for case in all_cases(_SECONDS)]


def _beginning(text: str) -> str:
    if not any(name.startswith(text) for name in _names()):
        raise argparse.ArgumentTypeError(f"no case of {', '.join(_names())}")
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 5 <= seconds <= 600:
        raise argparse.ArgumentTypeError("between 5 and 600")
    return seconds


def _document(result: Result, trial: Trial) -> dict[str, object]:
    return {
        "case": result.case.name,
        "figures": result.figures,
        "missed": [target.measure for target in result.missed],
        **asdict(trial),
    }


def table(results: Sequence[Result]) -> str:
    """For people."""
    return aligned(_TITLES, [line for result in results for line in result.lines()])


if __name__ == "__main__":
    sys.exit(main())
