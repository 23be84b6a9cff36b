"""Time to look at one whole answer: taking it in, error and usage at its end."""

import time
from collections.abc import Sequence
from statistics import median

from benchmarks.metering.bodies import Body
from sidecar.dialects import DIALECTS
from sidecar.proxy.answer import AnswerTap
from sidecar.upstream.transport import ResponseHead

_FIELDS = (
    (b"Date", b"Mon, 01 Jan 2024 00:00:00 GMT"),
    (b"Content-Type", b"application/json"),
    (b"Connection", b"keep-alive"),
    *((b"x-ratelimit-%d" % n, b"1") for n in range(6)),
    (b"x-request-id", b"req_0"),
)


class _Nowhere:
    """Takes everything and keeps nothing; stands for the sink and for the permit."""

    sent_at = 0.0

    @property
    def ticket(self) -> "_Nowhere":
        return self

    def write(self, _pieces: Sequence[bytes]) -> bool:
        return True

    def measure(self, _latency: float, _kind: object) -> None:
        """The limiter's business."""


def seconds_per_answer(body: Body, rounds: int) -> float:
    """The median, from the head to the end, everything that the tap does included."""
    head = ResponseHead(200, b"OK", _FIELDS, len(body.data))
    dialect, nowhere, now = DIALECTS[body.dialect], _Nowhere(), time.monotonic
    spent: list[float] = []
    for _ in range(rounds):
        begin = time.perf_counter()
        tap = AnswerTap(head, dialect, nowhere, nowhere, now, endpoint=body.endpoint)  # type: ignore[arg-type]
        tap.write([body.data])
        ending = tap.finish()
        spent.append(time.perf_counter() - begin)
        assert ending.usage is not None
    return median(spent)
