"""What an attempt's answer says about the limit, watched as it goes by."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from sidecar.admission.permit import Permit
from sidecar.control.law import SUCCESS, LatencyKind, Verdict
from sidecar.dialects import DIALECTS
from sidecar.outcomes import Outcome, RejectionKind
from sidecar.proxy.answer import AnswerTap, Ending, verdict_of
from sidecar.upstream.transport import ResponseHead
from tests.admission.callers import LATE
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.support import virtual_time

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
) -> Ending:
    """How an attempt with this answer ends; a second passes before its body."""
    limiter = make_limiter(law)
    with await limiter.acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, status, *headers, dialect=dialect)
        await asyncio.sleep(1)
        for piece in body:
            watched.tap.write([piece])
        await asyncio.sleep(1)
        return watched.tap.finish()


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

        assert watched.tap.finish() == Ending(SUCCESS)

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

    ended = await ending(make_limiter, law, 200, JSON, body=[body[:5], body[5:]])

    assert ended == Ending(SUCCESS, None, 8)
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
    ("kind", "broken", "outcome"),
    [
        (RejectionKind.RATE, False, Outcome.OVERLOAD),
        (RejectionKind.RAMP, False, Outcome.OVERLOAD),
        (RejectionKind.OVERLOAD, True, Outcome.OVERLOAD),
        (RejectionKind.QUOTA, False, Outcome.IGNORED),
        (RejectionKind.TOO_LARGE, False, Outcome.IGNORED),
        (RejectionKind.TRANSIENT, False, Outcome.IGNORED),
        (None, False, Outcome.IGNORED),
        (RejectionKind.TRANSIENT, True, Outcome.FAILED),
        (None, True, Outcome.FAILED),
    ],
)
def test_only_push_back_tells_of_capacity(
    kind: RejectionKind | None, broken: bool, outcome: Outcome
) -> None:
    verdict = verdict_of(kind, broken=broken, retry_after=30.0)

    pushed = outcome is Outcome.OVERLOAD
    assert verdict == Verdict(outcome, kind if pushed else None, 30.0 if pushed else None)


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
    ended = await ending(make_limiter, law, 200, SSE, body=[b"data: {}\n\n", ERROR % code])

    assert (ended.verdict.outcome, ended.rejection) == (outcome, kind)


@pytest.mark.parametrize(("status", "body"), [(204, []), (304, [])])
@virtual_time
async def test_an_answer_without_a_body_is_a_success(
    make_limiter: MakeLimiter, law: ScriptedLaw, status: int, body: list[bytes]
) -> None:
    ended = await ending(make_limiter, law, status, body=body)

    assert ended == Ending(SUCCESS)


@virtual_time
async def test_a_document_that_is_an_error_though_the_status_was_200(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    """OpenRouter, when a model's own provider fails."""
    body = b'{"error":{"code":429,"message":"upstream is busy"}}'

    ended = await ending(make_limiter, law, 200, JSON, body=[body], dialect="openrouter")

    assert (ended.verdict.outcome, ended.rejection) == (Outcome.OVERLOAD, RejectionKind.RATE)
    assert law.measured == []


@pytest.mark.parametrize(
    ("headers", "body", "tokens"),
    [
        ([JSON], b'{"usage":{"prompt_tokens":30,"completion_tokens":8}}', 38),
        ([SSE], b'data: {"usage":{"prompt_tokens":30,"completion_tokens":8}}\n\n', 38),
        ([JSON], b"{}", None),
        ([SSE], b"data: {}\n\n", None),
    ],
)
@virtual_time
async def test_the_tokens_used_are_told(
    make_limiter: MakeLimiter,
    law: ScriptedLaw,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    tokens: int | None,
) -> None:
    assert (await ending(make_limiter, law, 200, *headers, body=[body])).tokens == tokens


@virtual_time
async def test_tokens_may_stand_in_headers(make_limiter: MakeLimiter, law: ScriptedLaw) -> None:
    """Bedrock's InvokeModel, whose body has the shape of any model there."""
    counts = [
        (b"x-amzn-bedrock-input-token-count", b"30"),
        (b"x-amzn-bedrock-output-token-count", b"8"),
    ]

    ended = await ending(make_limiter, law, 200, JSON, *counts, body=[b"{}"], dialect="bedrock")

    assert ended.tokens == 38
