"""NVIDIA NeMo DataDesigner's request admission, the successor of its throttle manager.

Source: github.com/NVIDIA-NeMo/DataDesigner, packages/data-designer-engine/src/data_designer/engine/
models/request_admission/controller.py with the defaults of config.py beside it; read at commit
097a100. The older clients/throttle_manager.py grows only to 10 % above the lowest rejected level
and cuts once in a run of rejections; the published table fits the newer file.

25 successes in a row add 1. A rejection of an attempt that was sent under a limit not above the
present one cuts to 75 %; every rejection stops all attempts for its Retry-After, 2 s without one,
and what succeeds meanwhile does not count.

In the source the limit starts at the maximum, which the user sets (4 if he does not). The published
table fits a start at 64 and a maximum of 200, so these are used here.
"""
# ruff: noqa: ARG002  # arguments are Rule's

import math

from benchmarks.control.laws.adapter import room

_START = 64
_MAXIMUM = 200
_DECREASE = 0.75
_ROUND = 25
"""Successes in a row that add 1."""
_COOLDOWN = 2.0
"""Seconds without attempts after a rejection that states none."""


class DataDesigner:
    """See the module; a Rule."""

    def __init__(self) -> None:
        self.limit = _START
        self._held_until = -math.inf
        self._successes = 0

    def wait(self, in_flight: int, now: float) -> float:
        """See Rule."""
        return room(self.limit, in_flight) or max(0.0, self._held_until - now)

    def sent(self, *, in_flight: int) -> None:
        """See Rule."""

    def succeeded(self, *, took: float, in_flight: int, now: float) -> None:
        """See Rule."""
        if now < self._held_until:
            return
        self._successes += 1
        if self._successes >= _ROUND:
            self._successes = 0
            self.limit = min(self.limit + 1, _MAXIMUM)

    def rejected(self, *, under: float, retry_after: float | None, now: float) -> None:
        """See Rule."""
        self._held_until = now + (retry_after or _COOLDOWN)
        self._successes = 0
        if under <= self.limit:
            self.limit = max(1, math.floor(self.limit * _DECREASE))
