"""Netflix's AIMD limit.

Source: github.com/Netflix/concurrency-limits, concurrency-limits-core/src/main/java/com/netflix/
concurrency/limits/limit/AIMDLimit.java; read at commit 784c960. Another version of the file
(00f751f) starts at 10 and has neither floor nor ceiling; the published table fits this one.

Every answer counts by itself: a drop, or an answer that took longer than 5 s, cuts to 90 %; any
other adds 1 if at least half of the limit was in flight when it was sent. A burst of drops cuts as
often as it is long. The limit stays from 20 to 200.
"""
# ruff: noqa: ARG002  # arguments are Rule's

from benchmarks.control.laws.adapter import room

_MINIMUM = 20
_MAXIMUM = 200
_BACKOFF = 0.9
_TIMEOUT = 5.0
"""Seconds; a longer answer counts as a drop."""


class NetflixAimd:
    """See the module; a Rule."""

    def __init__(self) -> None:
        self.limit = _MINIMUM

    def wait(self, in_flight: int, now: float) -> float:
        """See Rule."""
        return room(self.limit, in_flight)

    def sent(self, *, in_flight: int) -> None:
        """See Rule."""

    def succeeded(self, *, took: float, in_flight: int, now: float) -> None:
        """See Rule."""
        if took > _TIMEOUT:
            self._cut()
        elif in_flight * 2 >= self.limit:
            self.limit = min(self.limit + 1, _MAXIMUM)

    def rejected(self, *, under: float, retry_after: float | None, now: float) -> None:
        """See Rule."""
        self._cut()

    def _cut(self) -> None:
        self.limit = max(int(self.limit * _BACKOFF), _MINIMUM)
