"""The result for people and for programs."""

import io

import pytest
from rich.console import Console

from sidecar.sweep.level import Level, Targets
from sidecar.sweep.plan import Bounds
from sidecar.sweep.table import conclusion, described, document, table
from tests.sweep.measured import level

LEVELS = [
    level(1, 5.7, tokens=1520),
    level(64, 240.0, p95=12.4, errors={"429": 244, "timeout": 12, "500": 1}, tokens=61_290),
    level(38, 233.6, tokens=60_970),
    level(41, 234.0, errors={"429": 99}, cut_short=True),
]


def rows(levels: list[Level], targets: Targets | None = None, width: int = 110) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(table(levels, targets or Targets()))
    return [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]


def test_the_levels_come_by_concurrency_and_the_best_is_marked() -> None:
    _, _, *body = rows(LEVELS)

    assert [line.split()[0] for line in body] == ["1", "38", "41", "64"]
    assert [line.split()[0] for line in body if line.endswith("<- best")] == ["38"]
    assert body[1].split()[:8] == ["38", "2336", "233.6", "6097", "0.210", "0.180", "0.300", "0.0%"]


def test_on_a_terminal_the_best_is_bright_and_what_misses_a_target_is_dim() -> None:
    styles = [str(row.style) for row in table(LEVELS, Targets()).rows]

    assert styles == ["", "bold green", "dim", "dim"]


def test_what_misses_a_target_says_so() -> None:
    body = rows(LEVELS, Targets(latency=3.0))[2:]

    assert body[2].endswith("4.1%  too many: 429 x 99, cut short")
    assert "9.7%  p95 too high, too many: 429 x 244, timeout" in body[3]


def test_errors_within_the_target_are_told_without_blame() -> None:
    body = rows([level(4, 9.9, errors={"500": 1})])

    assert body[-1].endswith("1.0%  <- best, 500 x 1")


def test_columns_of_what_nobody_told_are_left_out() -> None:
    plain, streamed = rows([level(1, 5.0)]), rows([level(1, 5.0, whole=9.0, tokens=7)])

    assert "tok/s" not in plain[0]
    assert "tok/s" not in rows([level(1, 5.0, tokens=0)])[0], "embeddings generate none"
    assert "TTFT" in streamed[0]
    assert "tok/s" in streamed[1]
    assert streamed[-1].split()[-4:] == ["9.000", "0.0%", "<-", "best"]


@pytest.mark.parametrize("width", [80, 110])
def test_no_number_is_cut_off_in_80_columns(width: int) -> None:
    body = rows([level(100, 12345.6, whole=120.0, p95=119.9, tokens=2_345_670)], width=width)

    for number in ("100", "123456", "12345.6", "234567", "119.9", "120.0"):
        assert number in body[-1]
    assert max(map(len, body)) <= width


def test_a_level_without_an_answer_has_no_times() -> None:
    body = rows([level(1, 0.0, errors={"401": 5})])

    assert body[-1].split()[:7] == ["1", "5", "0.0", "-", "-", "-", "100.0%"]


def test_the_conclusion_names_the_best() -> None:
    told = conclusion(LEVELS, Bounds(levels=4), Targets())

    assert told.startswith("Best: 38 at once: 233.6 requests/s, p95 0.300 s, 0.0% errors.")


def test_an_unfinished_search_is_told() -> None:
    one = [level(1, 5.0)]

    assert conclusion(one, Bounds(), Targets()).startswith("Best so far: 1 at once")
    ended = conclusion([level(1, 5.0), level(64, 50.0, errors={"429": 99})], Bounds(levels=2), Targets())  # fmt: skip
    assert ended.startswith("Best: 1 at once")
    assert ended.endswith("--levels ended the search: more of them may find a better one.")


def test_a_best_at_the_end_of_the_range_is_told() -> None:
    levels = [level(1, 5.0), level(2, 10.0)]

    assert conclusion(levels, Bounds(highest=2), Targets()).endswith("That is --max: a higher one may be better.")  # fmt: skip
    assert "--max" not in conclusion([level(1, 5.0)], Bounds(highest=1), Targets())


def test_that_no_level_keeps_the_targets_is_told() -> None:
    told = conclusion([level(2, 5.0, p95=4.0)], Bounds(lowest=2), Targets(latency=1))

    assert told == "No level keeps the targets, not even 2 at once: p95 4.000 s, 0.0% errors."


def test_the_document_says_the_same() -> None:
    whole = document(LEVELS, Targets(latency=3.0), interrupted=False)
    first, best, _, last = whole["levels"]

    assert (whole["best"], whole["interrupted"]) == (38, False)
    assert whole["targets"] == {"p95_seconds": 3.0, "error_rate": 0.01}
    assert (first["best"], best["best"], last["targets_kept"]) == (False, True, False)
    assert best["latency_seconds"] == {"mean": 0.21, "p50": 0.18, "p95": 0.3}
    assert best["requests_per_second"] == 233.6
    assert best["output_tokens_per_second"] == 6097.0
    assert last["errors"] == {"429": 244, "timeout": 12, "500": 1}
    assert document([level(1, 0.0)], Targets(), interrupted=True)["best"] is None


def test_a_level_is_described_in_a_line() -> None:
    assert described(LEVELS[2]) == "   38 at once  2336 requests  233.6/s  p95 0.300 s"
    assert described(level(1, 0.0, errors={"503": 5})).endswith("no answer  503 x 5")
