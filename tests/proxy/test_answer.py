"""What an attempt's answer says about the limit, watched as it goes by."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import pytest

from sidecar.admission.limiter import Permit
from sidecar.control.law import FAILED, IGNORED, SUCCESS, LatencyKind, Verdict
from sidecar.dialects import DIALECTS
from sidecar.outcomes import Outcome, RejectionKind
from sidecar.proxy.answer import AnswerTap
from sidecar.upstream.transport import ResponseHead
from tests.admission.callers import LATE
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.support import virtual_time

WALL = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
SSE = (b"Content-Type", b"text/event-stream; charset=utf-8")
JSON = (b"Content-Type", b"application/json")
GZIP = (b"Content-Encoding", b"GZIP ")
ERROR = b'data: {"error":{"code":"%b"}}\n\n'


class Collected:
    """Stands for the app's end of the line."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.drained = 0
        self.room = True

    def write(self, pieces: Sequence[bytes]) -> bool:
        self.pieces += pieces
        return self.room

    async def drain(self) -> None:
        self.drained += 1


class Watched:
    """One answer under a permit."""

    def __init__(
        self, permit: Permit, status: int, *headers: tuple[bytes, bytes], dialect: str = "openai"
    ) -> None:
        self.sink = Collected()
        head = ResponseHead(status, b"X", headers, None)
        now = asyncio.get_running_loop().time
        self.tap = AnswerTap(head, DIALECTS[dialect], permit, self.sink, now)  # type: ignore[arg-type]


@pytest.fixture
def law() -> ScriptedLaw:
    return ScriptedLaw()


async def ending(
    make_limiter: MakeLimiter,
    law: ScriptedLaw,
    status: int,
    *headers: tuple[bytes, bytes],
    body: Sequence[bytes] = (b"x",),
    dialect: str = "openai",
) -> tuple[Verdict, RejectionKind | None]:
    """How an attempt with this answer ends; a second passes before its body."""
    limiter = make_limiter(law)
    with await limiter.acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, status, *headers, dialect=dialect)
        await asyncio.sleep(1)
        for piece in body:
            watched.tap.write([piece])
        await asyncio.sleep(1)
        return watched.tap.finish(WALL)


def latencies(law: ScriptedLaw) -> list[tuple[float, LatencyKind]]:
    return [(round(latency, 6), kind) for _, latency, kind in law.measured]


@virtual_time
async def test_bytes_pass_untouched_with_the_sink_s_own_back_pressure(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    with await make_limiter(law).acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, 200, SSE)
        assert watched.tap.write([b"a", b"b"])
        watched.sink.room = False
        assert not watched.tap.write([b"c"])
        await watched.tap.drain()

    assert watched.sink.pieces == [b"a", b"b", b"c"]
    assert watched.sink.drained == 1


@virtual_time
async def test_a_stream_is_measured_at_its_first_meaningful_byte(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    with await make_limiter(law).acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, 200, SSE)
        watched.tap.write([b": waiting\n\n"])
        assert watched.tap.first_byte_at is None
        await asyncio.sleep(3)
        watched.tap.write([b"\n", b"data: {}\n\n"])
        await asyncio.sleep(3)
        watched.tap.write([b"data: [DONE]\n\n"])

        assert watched.tap.finish(WALL) == (SUCCESS, None)

    assert latencies(law) == [(3.0, LatencyKind.FIRST_BYTE)]


@virtual_time
async def test_a_compressed_stream_is_measured_at_its_first_byte_of_any_kind(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    await ending(make_limiter, law, 200, SSE, GZIP, body=[b"\n"])

    assert latencies(law) == [(1.0, LatencyKind.FIRST_BYTE)]


@virtual_time
async def test_a_whole_answer_is_measured_by_its_length(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    """Two seconds for 8 tokens and the prefill's 32."""
    body = orjson.dumps({"usage": {"completion_tokens": 8}})

    assert await ending(make_limiter, law, 200, JSON, body=[body[:5], body[5:]]) == (SUCCESS, None)
    assert latencies(law) == [(2.0 / 40, LatencyKind.PER_TOKEN)]


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        (b"{}", "openai"),
        (b"", "openai"),
        (b'{"usage":{"completion_tokens":0}}', "openai"),
        (b"x" * 300_000, "openai"),
        (b'{"usage":{"completion_tokens":8}}', "other"),
    ],
)
@virtual_time
async def test_a_whole_answer_without_tokens_is_measured_in_total(
    make_limiter: MakeLimiter, law: ScriptedLaw, body: bytes, dialect: str
) -> None:
    await ending(make_limiter, law, 200, JSON, body=[body], dialect=dialect)

    assert latencies(law) == [(2.0, LatencyKind.TOTAL)]


@pytest.mark.parametrize(
    ("status", "code", "outcome", "kind"),
    [
        (429, b"rate_limit_exceeded", Outcome.OVERLOAD, RejectionKind.RATE),
        (429, b"slow_down", Outcome.OVERLOAD, RejectionKind.RAMP),
        (503, b"", Outcome.OVERLOAD, RejectionKind.OVERLOAD),
        (429, b"insufficient_quota", Outcome.IGNORED, RejectionKind.QUOTA),
        (413, b"", Outcome.IGNORED, RejectionKind.TOO_LARGE),
        (409, b"", Outcome.IGNORED, RejectionKind.TRANSIENT),
        (400, b"", Outcome.IGNORED, None),
        (401, b"", Outcome.IGNORED, None),
        (500, b"", Outcome.FAILED, RejectionKind.TRANSIENT),
        (502, b"", Outcome.FAILED, RejectionKind.TRANSIENT),
    ],
)
@virtual_time
async def test_a_refusal_ends_as_its_kind_and_is_never_measured(
    make_limiter: MakeLimiter,
    law: ScriptedLaw,
    status: int,
    code: bytes,
    outcome: Outcome,
    kind: RejectionKind | None,
) -> None:
    verdict, found = await ending(
        make_limiter, law, status, JSON, body=[b'{"error":{"code":"%b"}}' % code]
    )

    assert (verdict.outcome, found) == (outcome, kind)
    assert verdict.kind is (kind if outcome is Outcome.OVERLOAD else None)
    assert law.measured == []


@pytest.mark.parametrize(
    ("code", "outcome", "kind"),
    [
        (b"rate_limit_exceeded", Outcome.OVERLOAD, RejectionKind.RATE),
        (b"server_is_overloaded", Outcome.OVERLOAD, RejectionKind.OVERLOAD),
        (b"insufficient_quota", Outcome.IGNORED, RejectionKind.QUOTA),
        (b"some_new_code", Outcome.FAILED, RejectionKind.TRANSIENT),
    ],
)
@virtual_time
async def test_an_error_in_mid_stream_ends_as_its_kind_though_the_status_was_200(
    make_limiter: MakeLimiter,
    law: ScriptedLaw,
    code: bytes,
    outcome: Outcome,
    kind: RejectionKind,
) -> None:
    verdict, found = await ending(make_limiter, law, 200, SSE, body=[b"data: {}\n\n", ERROR % code])

    assert (verdict.outcome, found) == (outcome, kind)


@virtual_time
async def test_a_push_back_carries_the_provider_s_hint(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    retry = (b"Retry-After", b"Tue, 24 Nov 2026 12:00:30 GMT")

    verdict, _ = await ending(make_limiter, law, 429, JSON, retry)

    assert verdict == Verdict(Outcome.OVERLOAD, RejectionKind.RATE, 30.0)


@pytest.mark.parametrize(
    ("status", "verdict"), [(204, SUCCESS), (304, SUCCESS), (404, IGNORED), (500, FAILED)]
)
@virtual_time
async def test_an_answer_without_a_body_ends_by_its_status(
    make_limiter: MakeLimiter, law: ScriptedLaw, status: int, verdict: Verdict
) -> None:
    ended, _ = await ending(make_limiter, law, status, body=[])

    assert ended == verdict


@virtual_time
async def test_a_refusal_that_says_it_is_a_stream_is_read_whole(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    body = b'{"error":{"code":"insufficient_quota"}}'

    assert await ending(make_limiter, law, 429, SSE, body=[body]) == (IGNORED, RejectionKind.QUOTA)


@virtual_time
async def test_an_error_body_of_unreasonable_size_counts_by_its_status(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    body = b'{"error":{"code":"insufficient_quota"}}' + b" " * 20_000

    _, kind = await ending(make_limiter, law, 429, JSON, body=[body])

    assert kind is RejectionKind.RATE
