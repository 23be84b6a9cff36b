"""Arguments as the command line gives them."""

import argparse

from sidecar.sweep.arguments import RunLoop, add
from sidecar.sweep.order import Order, order

URL = "http://127.0.0.1:9/v1"


def never(_: object) -> int:
    """A loop that must not be run."""
    raise AssertionError


def parsed(*arguments: str, run_loop: RunLoop = never) -> argparse.Namespace:
    """These, understood."""
    parser = argparse.ArgumentParser(prog="llm-sidecar")
    add(parser.add_subparsers(), run_loop)
    return parser.parse_args(("sweep", *arguments))


def ordered(*arguments: str, url: str = URL) -> Order:
    """A model and these, checked."""
    return order(parsed(url, "--model", "sim", *arguments))
