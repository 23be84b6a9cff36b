"""Waiting for what other processes do."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_EVERY = 0.05
"""Seconds between two looks."""


def eventually(look: Callable[[], T | None], what: str, *, seconds: float = 30.0) -> T:
    """Look until there is something to see, and give it. Raises TimeoutError after `seconds`."""
    pause = threading.Event()
    end = time.monotonic() + seconds  # noqa: TID251  # another process keeps no virtual time
    while not (seen := look()):
        if time.monotonic() > end:  # noqa: TID251
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        pause.wait(_EVERY)
    return seen
