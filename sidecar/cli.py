"""Arguments, settings, exit codes: 0 fine; 2 wrong arguments or settings; 1 anything else."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from sidecar.costs import arguments as costs
from sidecar.errors import ConfigError, SidecarError
from sidecar.sweep import arguments as sweep
from sidecar.version import __version__

T = TypeVar("T")

_SCENARIO_HELP = "one of sidecar/simulator/scenarios by its name, or a .toml file by its path"
_EPILOG = "Settings are environment variables: see `llm-sidecar config`."


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments)
    except BrokenPipeError:  # who read the output has seen enough: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still unsaid
        return 1
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201  # a command speaks to its user
        return 2
    except SidecarError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 1


def _run(arguments: argparse.Namespace) -> int:
    command: Callable[[argparse.Namespace], int] = arguments.command
    code = command(arguments)
    sys.stdout.flush()
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-sidecar",
        description="A pod-local proxy that finds the concurrency limit of every LLM API its app calls.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"llm-sidecar {__version__}")
    parser.set_defaults(command=_serve)
    commands = parser.add_subparsers(title="commands", metavar="")
    commands.add_parser("serve", help="run the sidecar (the default)", epilog=_EPILOG)
    injector = commands.add_parser(
        "injector",
        help="run the webhook that puts the sidecar into pods",
        description="The admission webhook for Kubernetes before 1.36; the Helm chart runs it.",
        epilog=_EPILOG,
    )
    injector.set_defaults(command=_injector)
    _add_demo(commands)
    _add_provider(commands)
    sweep.add(commands, run_loop)
    costs.add(commands)
    config = commands.add_parser("config", help="print every setting", epilog=_EPILOG)
    config.add_argument("--check", action="store_true", help="only validate; print nothing if fine")
    config.add_argument("--json", action="store_true", help="print JSON")
    config.set_defaults(command=_config)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="watch the limit find a simulated provider's capacity",
        description="Starts a simulated provider, the sidecar before it and a load of real HTTP"
        " requests, shows what happens, and ends with a summary. Needs no key and no network.",
        epilog="The environment's SIDECAR_LIMIT_* and SIDECAR_QUEUE_* are obeyed: compare with"
        " SIDECAR_LIMIT_MODE=fixed.",
    )
    demo.add_argument(
        "--seconds",
        type=_positive,
        default=60.0,
        help="length; the scenario's changes are stretched to it (default 60)",
    )
    demo.add_argument("--scenario", default="demo", help=f"{_SCENARIO_HELP} (default demo)")
    demo.set_defaults(command=_demo)


def _add_provider(commands: Any) -> None:
    provider = commands.add_parser(
        "provider",
        help="run the simulated provider alone",
        description="A provider with hidden limits that speaks the APIs of all dialects:"
        " /openai/v1, /anthropic, /gemini, … begin the paths; without them OpenAI's and Anthropic's.",
        epilog="The truth about its capacity stands at GET /_simulator/state. A request's header"
        " `x-simulate` makes it fail, hang or break off: `x-simulate: 429; retry-after=2`,"
        " `x-simulate: reset-mid-stream`; see sidecar/simulator/directive.py.",
    )
    provider.add_argument("--scenario", default="slots", help=f"{_SCENARIO_HELP} (default slots)")
    provider.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
    provider.add_argument("--port", type=_port, default=18081, help="default 18081; 0 = any")
    provider.set_defaults(command=_provider)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("must be between 0 and 65535")
    return port


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return seconds


def _serve(_: argparse.Namespace) -> int:
    from sidecar.app import serve
    from sidecar.environment import load_settings
    from sidecar.telemetry.logs import make_log

    settings = load_settings()
    run_loop(serve(settings, make_log(settings.log_level, settings.log_format)))
    return 0


def _injector(_: argparse.Namespace) -> int:
    from sidecar.environment import load_settings
    from sidecar.injector_app import serve
    from sidecar.telemetry.logs import make_log

    settings = load_settings()
    run_loop(serve(settings, make_log(settings.log_level, settings.log_format)))
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from sidecar.demo import run_demo

    return run_loop(run_demo(seconds=arguments.seconds, scenario=arguments.scenario))


def _provider(arguments: argparse.Namespace) -> int:
    from sidecar.simulator.server import run_provider

    run_loop(run_provider(arguments.scenario, arguments.host, arguments.port))
    return 0


def _config(arguments: argparse.Namespace) -> int:
    from sidecar.environment import load_settings
    from sidecar.setting_rows import setting_rows

    rows = setting_rows(load_settings())
    if arguments.check:
        return 0
    if arguments.json:
        fields = ("name", "value", "default", "source", "unit", "allowed", "effect")
        print(json.dumps([{f: getattr(row, f) for f in fields} for row in rows], indent=2))  # noqa: T201
        return 0
    for row in rows:
        unit = f" {row.unit}" if row.unit and row.value != "none" else ""
        print(f"{row.name} = {row.value}{unit}  ({row.source})")  # noqa: T201
        print(f"    {row.effect}; {row.allowed}; default {row.default}")  # noqa: T201
    return 0


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest event loop there is."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for this platform
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
