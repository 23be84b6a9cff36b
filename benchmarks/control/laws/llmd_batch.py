"""The AIMD controller of llm-d's batch gateway.

Source: github.com/llm-d-incubation/batch-gateway, internal/util/semaphore/aimd.go, fed by
internal/processor/pipeline/dispatcher_aimd.go, defaults in internal/processor/config/config.go;
read at commits 09d66eb, 736eff3 and 00c4a7b.

As many successes in a row as the limit add 1; every rejection halves it, never below 5. There is no
memory, no pause, and a burst of rejections cuts as often as it is long.

In the source the limit starts at the maximum, which the user sets (10 if he does not). The
published table fits a start at 20 and a maximum of at least 120, so 20 and 200 are used here.
"""
# ruff: noqa: ARG002  # arguments are Rule's

import math

from benchmarks.control.laws.adapter import room

_START = 20
_MINIMUM = 5
_MAXIMUM = 200
_BACKOFF = 0.5
_STEP = 1


class LlmdBatch:
    """See the module; a Rule."""

    def __init__(self) -> None:
        self.limit = _START
        self._successes = 0

    def wait(self, in_flight: int, now: float) -> float:
        """See Rule."""
        return room(self.limit, in_flight)

    def sent(self, *, in_flight: int) -> None:
        """See Rule."""

    def succeeded(self, *, took: float, in_flight: int, now: float) -> None:
        """See Rule."""
        self._successes += 1
        if self._successes >= self.limit:
            self._successes = 0
            self.limit = min(self.limit + _STEP, _MAXIMUM)

    def rejected(self, *, under: float, retry_after: float | None, now: float) -> None:
        """See Rule."""
        self._successes = 0
        self.limit = max(_MINIMUM, math.floor(self.limit * _BACKOFF))
