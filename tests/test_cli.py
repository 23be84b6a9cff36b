"""Arguments and exit codes: 0 fine, 2 wrong arguments or settings, 1 anything else."""

import asyncio
import json
import os
import socket
import sys

import pytest

from sidecar.cli import main, run_loop
from sidecar.version import __version__


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine's own."""
    for name in list(os.environ):  # noqa: TID251  # the reader of the environment is under test
        if name.startswith("SIDECAR_"):
            monkeypatch.delenv(name)


def exit_code(*arguments: str) -> int:
    """As the shell sees it."""
    try:
        return main(arguments)
    except SystemExit as leaving:  # argparse
        return int(str(leaving.code))


def test_config_prints_every_setting_with_its_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDECAR_QUEUE_TIMEOUT", "5")

    assert exit_code("config") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "SIDECAR_QUEUE_TIMEOUT = 5 s  (environment)" in lines
    assert "SIDECAR_LIMIT_LATENCY_TARGET = none  (default)" in lines
    at = lines.index("SIDECAR_LIMIT_MAX = 256 attempts  (default)")
    assert lines[at + 1].startswith("    the limit never rises above; a whole number, at least 1")
    assert lines[at + 1].endswith("; default 256")


def test_config_can_be_read_by_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("config", "--json") == 0
    rows = json.loads(capsys.readouterr().out)

    assert rows[0] == {
        "name": "SIDECAR_UPSTREAM_DEFAULT",
        "value": "openai",
        "default": "openai",
        "source": "default",
        "unit": "",
        "allowed": "text",
        "effect": "upstream of paths without a prefix",
    }


def test_config_can_be_checked_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("config", "--check") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "arguments", [(), ("serve",), ("injector",), ("config",), ("config", "--check")]
)
def test_wrong_settings_are_exit_2_with_a_line_each(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setenv("SIDECAR_LIMIT_MAX", "many")
    monkeypatch.setenv("SIDECAR_FOO", "1")

    assert exit_code(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split("=")[0].split(":")[0] for line in err.splitlines()] == [
        "SIDECAR_FOO",
        "SIDECAR_LIMIT_MAX",
    ]


def test_a_port_that_is_taken_is_exit_1_with_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("SIDECAR_PROXY_PORT", str(port))
        monkeypatch.setenv("SIDECAR_ADMIN_PORT", "0")
        monkeypatch.setenv("SIDECAR_ADMIN_HOST", "127.0.0.1")

        assert exit_code("serve") == 1

    err = capsys.readouterr().err
    assert err.startswith(f"SIDECAR_PROXY_PORT={port}: cannot listen on 127.0.0.1: ")
    assert err.count("\n") == 1


def test_an_address_that_is_none_is_exit_1_with_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDECAR_PROXY_PORT", "0")
    monkeypatch.setenv("SIDECAR_PROXY_HOST", "a..b")
    monkeypatch.setenv("SIDECAR_ADMIN_PORT", "0")
    monkeypatch.setenv("SIDECAR_ADMIN_HOST", "127.0.0.1")

    assert exit_code("serve") == 1

    err = capsys.readouterr().err
    assert err.startswith("SIDECAR_PROXY_PORT=0: cannot listen on a..b: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("--nonsense",),
        ("config", "--nonsense"),
        ("demo", "--seconds", "0"),
        ("demo", "--seconds", "-1"),
        ("demo", "--seconds", "inf"),
        ("demo", "--seconds", "long"),
        ("provider", "--port", "http"),
        ("provider", "--port", "-1"),
        ("provider", "--port", "65536"),
    ],
)
def test_wrong_arguments_are_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert exit_code(*arguments) == 2
    assert "llm-sidecar" in capsys.readouterr().err


def test_an_interrupted_command_is_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sidecar.cli._config", interrupted)

    assert exit_code("config") == 1


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capsys.readouterr().out == f"llm-sidecar {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [("--help",), ("serve", "--help"), ("injector", "--help"), ("config", "--help")]
)
def test_help_leads_to_the_settings(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert exit_code(*arguments) == 0
    assert "llm-sidecar config" in capsys.readouterr().out


async def _loop_name() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_the_fastest_loop_there_is_runs_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_loop(_loop_name()) == "uvloop"

    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_loop(_loop_name()) == "asyncio.unix_events"


@pytest.mark.parametrize(
    "command",
    [
        ("config",),
        ("costs", "--requests=1", "--input-tokens=1", "--output-tokens=1", "--models=gpt-4o", "--json"),
    ],
    ids=["config", "costs"],
)  # fmt: skip
async def test_a_reader_that_has_seen_enough_is_no_fault_worth_a_word(
    command: tuple[str, ...],
) -> None:
    """`llm-sidecar config | head -1`, where head leaves before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sidecar", *command),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    _, told = await process.communicate()

    assert (process.returncode, told) == (1, b"")
