"""The command line of the control benchmark."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from benchmarks.control.laws import LAWS, OURS
from benchmarks.control.neighbours import NEIGHBOURS
from benchmarks.control.run import SCENARIOS, Job, Played, play_all
from benchmarks.control.scenario import Scenario
from benchmarks.control.scenarios import TABLE
from benchmarks.control.table import Row, as_data, number, rows, table

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Play and print. Returns 0; 1 where --check finds a missed target; 130 after Ctrl-C."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    named = _flat(arguments.law)
    if arguments.check and named and OURS not in named:
        parser.error(f"--check judges our law: add --law {OURS}")
    scenarios = _scenarios(_flat(arguments.scenario), neighbours=arguments.neighbours)
    jobs = [
        Job(scenario.name, law, seed)
        for scenario in scenarios
        for law in _laws(scenario, named)
        for seed in arguments.seeds
    ]
    try:
        played = list(_reported(play_all(jobs, processes=arguments.jobs), len(jobs)))
    except KeyboardInterrupt:
        return _INTERRUPTED
    found = rows(scenarios, played)
    _show(found, as_json=arguments.json)
    missed = _missed(found)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return int(arguments.check and bool(missed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.control",
        description="How well concurrency laws find a provider's hidden limits, in virtual time.",
    )
    parser.add_argument(
        "--scenario",
        type=_names("scenario", SCENARIOS),
        action="append",
        metavar="NAME",
        help="play only this row, or several with commas; may be repeated (default: the table's)",
    )
    parser.add_argument(
        "--law",
        type=_names("law", LAWS),
        action="append",
        metavar="NAME",
        help=f"play only this law: {', '.join(LAWS)}; may be repeated (default: all)",
    )
    parser.add_argument(
        "--seeds",
        type=_seeds,
        default=range(1, 6),
        metavar="FIRST-LAST",
        help="means are taken over these (default: 1-5)",
    )
    parser.add_argument(
        "--neighbours",
        action="store_true",
        help="also the table's neighbours, with our law alone unless --law says otherwise",
    )
    parser.add_argument(
        "--jobs",
        type=_processes,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one for each processor)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit 1 where our law misses a target")
    return parser


def _names(what: str, known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"there is no {what} {name!r}; there are {', '.join(known)}"
                )
        return names

    return parse


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    try:
        seeds = range(int(first), int(last or first) + 1)
    except ValueError:
        seeds = range(0)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of seeds such as 1-5")
    return seeds


def _processes(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes")
    return int(text)


def _flat(lists: Iterable[list[str]] | None) -> list[str]:
    """All names once, in the order given."""
    return list(dict.fromkeys(name for names in lists or () for name in names))


def _scenarios(names: Sequence[str], *, neighbours: bool) -> list[Scenario]:
    named = [SCENARIOS[name] for name in names] or list(TABLE)
    return named + [one for one in NEIGHBOURS if neighbours and one not in named]


def _laws(scenario: Scenario, named: Sequence[str]) -> Sequence[str]:
    if named:
        return named
    return [OURS] if scenario.costly or scenario in NEIGHBOURS else list(LAWS)


def _reported(played: Iterable[Played], total: int) -> Iterator[Played]:
    """Pass results on and tell stderr about every tenth of them."""
    for count, one in enumerate(played, start=1):
        if count * 10 // total > (count - 1) * 10 // total and total > 20:
            print(f"{count} of {total} runs played", file=sys.stderr, flush=True)
        yield one


def _show(found: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([as_data(row) for row in found], indent=2))
        return
    laws = [law for law in LAWS if any(law in row.runs for row in found)]
    print(table(found, laws))


def _missed(found: Sequence[Row]) -> list[str]:
    lines = []
    for row in found:
        figures = row.mean(OURS) or {}
        lines += [
            f"{row.scenario.name} {target.measure}"
            f" {number(target.measure, figures[target.measure])}, not {target}"
            for target in row.missed()
        ]
    return lines
