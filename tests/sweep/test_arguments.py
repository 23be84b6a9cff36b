"""The command line, as argparse understands it."""

import subprocess
import sys
from collections.abc import Coroutine
from types import CoroutineType
from typing import Any

import pytest

from sidecar.sweep.call import ENDPOINTS
from tests.sweep.ordering import parsed


def test_the_defaults_are_a_search_from_1_to_64() -> None:
    arguments = parsed("http://127.0.0.1:9")

    assert (arguments.min, arguments.max, arguments.levels) == (1, 64, 12)
    assert (arguments.target_latency, arguments.target_error_rate) == (None, 0.01)
    assert (arguments.endpoint, arguments.stream, arguments.json) == ("chat", False, False)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_can_be_asked_for(endpoint: str) -> None:
    assert parsed("http://127.0.0.1:9", "--endpoint", endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "BASE_URL"),
        (("http://x", "--endpoint", "nonsense"), "--endpoint"),
        (("http://x", "--min", "0"), "--min: must be a whole number from 1 to 100000"),
        (("http://x", "--max", "many"), "--max: must be a whole number"),
        (("http://x", "--levels", "1"), "--levels: must be a whole number from 2 to 1000"),
        (("http://x", "--requests", "1.5"), "--requests: must be a whole number"),
        (("http://x", "--warmup", "-1"), "--warmup: must be a whole number from 0 to 100"),
        (("http://x", "--seconds", "0"), "--seconds: must be a number of seconds above 0"),
        (("http://x", "--seconds", "nan"), "--seconds: must be a number of seconds above 0"),
        (("http://x", "--timeout", "inf"), "--timeout: must be a number of seconds above 0"),
        (("http://x", "--target-latency", "fast"), "--target-latency: must be a number of seconds"),
        (("http://x", "--target-error-rate", "1"), "--target-error-rate: must be a share"),
        (("http://x", "--prompt", "a", "--body", "b"), "--body: not allowed with argument --prompt"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named_with_what_is_allowed(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(SystemExit) as leaving:
        parsed(*arguments)

    assert leaving.value.code == 2
    assert told in capsys.readouterr().err


def test_the_help_has_an_example_that_needs_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        parsed("--help")

    assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert "llm-sidecar provider --port 18081 &" in out
    assert "costs money" in out
    assert max(map(len, out.splitlines())) <= 100


def test_the_command_runs_on_the_loop_it_is_given() -> None:
    ran: list[str] = []

    def run_loop(main: Coroutine[Any, Any, int]) -> int:
        assert isinstance(main, CoroutineType)
        ran.append(main.__name__)
        main.close()
        return 7

    arguments = parsed("http://127.0.0.1:9", "--model", "m", run_loop=run_loop)

    assert arguments.command(arguments) == 7
    assert ran == ["run_sweep"]


@pytest.mark.slow
def test_other_commands_do_not_pay_for_this_one() -> None:
    """`serve` builds this parser too: it must not load rich, or the rest of the sweep."""
    script = (
        "import sys, sidecar.cli; sidecar.cli._parser();"
        "print(sorted(m for m in sys.modules if m.startswith(('rich', 'aiohttp', 'sidecar.sweep'))))"
    )
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert ran.stdout == "['sidecar.sweep', 'sidecar.sweep.arguments']\n"
