"""What an attempt's answer says about the limit, watched as it goes by."""

import asyncio
import gc
import weakref
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.admission.permit import Permit
from sidecar.control.law import SUCCESS, LatencyKind, Verdict
from sidecar.dialects import DIALECTS
from sidecar.outcomes import Endpoint, Outcome, RejectionKind, UsageSource
from sidecar.proxy.answer import AnswerTap, Ending, verdict_of
from sidecar.tokens import Usage
from sidecar.upstream.transport import ResponseHead
from tests.admission.callers import LATE
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.metering.coded import CODINGS, coded
from tests.metering.coded import whole as compressed
from tests.support import splits, virtual_time

SSE = (b"Content-Type", b"text/event-stream; charset=utf-8")
JSON = (b"Content-Type", b"application/json")
DONE = b"data: [DONE]\n\n"
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
        self,
        permit: Permit,
        status: int,
        *headers: tuple[bytes, bytes],
        dialect: str = "openai",
        endpoint: Endpoint = Endpoint.CHAT,
    ) -> None:
        self.sink = Collected()
        self.tap = AnswerTap(
            ResponseHead(status, b"X", headers, None),
            DIALECTS[dialect],
            permit,
            self.sink,  # type: ignore[arg-type]
            asyncio.get_running_loop().time,
            endpoint=endpoint,
            prompt_tokens=33,
        )


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
    endpoint: Endpoint = Endpoint.CHAT,
) -> Ending:
    """How an attempt with this answer ends; a second passes before its body."""
    limiter = make_limiter(law)
    with await limiter.acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, status, *headers, dialect=dialect, endpoint=endpoint)
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

        assert watched.tap.finish().verdict == SUCCESS

    assert latencies(law) == [(3.0, LatencyKind.FIRST_BYTE)]


@pytest.mark.parametrize("encoding", CODINGS)
@virtual_time
async def test_a_compressed_stream_is_measured_at_its_first_meaningful_byte_too(
    make_limiter: MakeLimiter, law: ScriptedLaw, encoding: bytes
) -> None:
    body = coded(encoding, b": waiting\n\n", b"\n", b"data: {}\n\n", DONE)
    with await make_limiter(law).acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, 200, SSE, (b"Content-Encoding", encoding))
        for piece in body:
            watched.tap.write([piece])
            await asyncio.sleep(1)

    assert latencies(law) == [(2.0, LatencyKind.FIRST_BYTE)]
    assert watched.sink.pieces == body


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"compress", b"gzip, br"])
@pytest.mark.parametrize("kind", [SSE, JSON])
@virtual_time
async def test_a_compressed_answer_that_cannot_be_read_begins_with_its_first_byte(
    make_limiter: MakeLimiter, law: ScriptedLaw, encoding: bytes, kind: tuple[bytes, bytes]
) -> None:
    with await make_limiter(law).acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, 200, kind, (b"Content-Encoding", encoding))
        await asyncio.sleep(1)
        watched.tap.write([b"\n\xff no such thing"])

        assert watched.tap.first_byte_at == asyncio.get_running_loop().time()
        assert watched.tap.finish() == Ending(SUCCESS, usage_source=UsageSource.ABSENT)
    assert watched.sink.pieces == [b"\n\xff no such thing"]


@virtual_time
async def test_a_whole_answer_is_measured_by_its_length(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    """Two seconds for 8 tokens and the prefill's 32."""
    body = orjson.dumps({"usage": {"completion_tokens": 8}})

    ended = await ending(make_limiter, law, 200, JSON, body=[body[:5], body[5:]])

    assert ended == Ending(SUCCESS, None, Usage(0, 8), UsageSource.TOLD)
    assert ended.tokens == 8
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


FIGURES = b'{"usage":{"prompt_tokens":30,"completion_tokens":8}}'
WRONG = b'{"usage":{"prompt_tokens":-30,"completion_tokens":8}}'


@pytest.mark.parametrize("kind", [SSE, JSON])
@pytest.mark.parametrize(
    ("document", "usage", "source"),
    [
        (FIGURES, Usage(30, 8), UsageSource.TOLD),
        (WRONG, None, UsageSource.INVALID),
        (b'{"usage":"38"}', None, UsageSource.INVALID),
        (b'{"usage":null}', None, UsageSource.ABSENT),
        (b"{}", None, UsageSource.ABSENT),
    ],
)
@virtual_time
async def test_usage_is_told_absent_or_invalid(
    make_limiter: MakeLimiter,
    law: ScriptedLaw,
    kind: tuple[bytes, bytes],
    document: bytes,
    usage: Usage | None,
    source: UsageSource,
) -> None:
    body = [b"data: ", document, b"\n\n"] if kind == SSE else [document]

    ended = await ending(make_limiter, law, 200, kind, body=body)

    assert ended == Ending(SUCCESS, None, usage, source)


@pytest.mark.parametrize(
    ("status", "document", "usage", "source"),
    [
        (200, FIGURES, Usage(30, 8), UsageSource.TOLD),
        (200, WRONG, None, None),
        (200, b"{}", None, None),
        (304, b"", None, None),
    ],
)
@virtual_time
async def test_of_other_endpoints_no_usage_is_expected(
    make_limiter: MakeLimiter,
    law: ScriptedLaw,
    status: int,
    document: bytes,
    usage: Usage | None,
    source: UsageSource | None,
) -> None:
    """Lists of models, moderations, files: it counts if it is told."""
    other = Endpoint.OTHER
    ended = await ending(make_limiter, law, status, JSON, body=[document], endpoint=other)

    assert (ended.usage, ended.usage_source) == (usage, source)


@pytest.mark.parametrize(
    ("body", "usage", "source"),
    [
        (ERROR % b"rate_limit_exceeded", None, None),
        (b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n' * 5, Usage(33, 5),
         UsageSource.ESTIMATED),
        (b"data: " + FIGURES + b"\n\n", Usage(30, 8), UsageSource.TOLD),
    ],
)  # fmt: skip
@virtual_time
async def test_a_stream_that_ends_with_an_error_used_what_it_generated_before(
    make_limiter: MakeLimiter,
    law: ScriptedLaw,
    body: bytes,
    usage: Usage | None,
    source: UsageSource | None,
) -> None:
    ended = await ending(make_limiter, law, 200, SSE, body=[body, ERROR % b"slow_down"])

    assert ended.rejection is RejectionKind.RAMP
    assert (ended.usage, ended.usage_source) == (usage, source)


@virtual_time
async def test_a_document_that_is_an_error_used_nothing(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    ended = await ending(make_limiter, law, 200, JSON, body=[b'{"error":{"code":"slow_down"}}'])

    assert (ended.usage, ended.usage_source) == (None, None)


@pytest.mark.parametrize("encoding", CODINGS)
@virtual_time
async def test_compressed_answers_are_looked_into(
    make_limiter: MakeLimiter, law: ScriptedLaw, encoding: bytes
) -> None:
    named = (b"Content-Encoding", b" " + encoding.upper())
    events = coded(encoding, b"data: {}\n\n", b"data: " + FIGURES + b"\n\n", DONE)
    failing = coded(encoding, b"data: {}\n\n", ERROR % b"slow_down")
    document = compressed(encoding, FIGURES)

    streamed = await ending(make_limiter, law, 200, SSE, named, body=events)
    failed = await ending(make_limiter, law, 200, SSE, named, body=failing)
    whole = await ending(make_limiter, law, 200, JSON, named, body=[document[:9], document[9:]])

    assert streamed == whole == Ending(SUCCESS, None, Usage(30, 8), UsageSource.TOLD)
    assert failed.rejection is RejectionKind.RAMP


@given(
    st.sampled_from((None, *CODINGS)),
    st.sampled_from((SSE, JSON)),
    st.binary(max_size=300),
    st.lists(st.integers(0, 300), max_size=6),
)
@settings(deadline=None)
def test_whatever_passes_passes_untouched(
    encoding: bytes | None, kind: tuple[bytes, bytes], data: bytes, cuts: list[int]
) -> None:
    async def pass_on() -> None:
        limiter = MakeLimiter()(ScriptedLaw())
        with await limiter.acquire(max_wait=0, late=LATE) as permit:
            extra = () if encoding is None else ((b"Content-Encoding", encoding),)
            watched = Watched(permit, 200, kind, *extra)
            for piece in pieces:
                watched.tap.write([piece])
            watched.tap.finish()
            watched.tap.broken()
        assert watched.sink.pieces == pieces

    pieces = splits(data, cuts)
    asyncio.run(pass_on())


async def broken(
    make_limiter: MakeLimiter,
    *headers: tuple[bytes, bytes],
    body: Sequence[bytes],
    status: int = 200,
    dialect: str = "openai",
    endpoint: Endpoint = Endpoint.CHAT,
) -> Usage | None:
    """What an answer used that broke off behind this."""
    with await make_limiter(ScriptedLaw()).acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, status, *headers, dialect=dialect, endpoint=endpoint)
        for piece in body:
            watched.tap.write([piece])
        return watched.tap.broken()


EVENTS = [b'data: {"choices":[{"delta":{"content":" word"}}]}\n\n'] * 20


@pytest.mark.parametrize("encoding", [None, *CODINGS])
@virtual_time
async def test_a_stream_that_broke_off_used_the_prompt_and_what_it_generated(
    make_limiter: MakeLimiter, encoding: bytes | None
) -> None:
    named = [] if encoding is None else [(b"Content-Encoding", encoding)]
    body = EVENTS if encoding is None else coded(encoding, *EVENTS)[:-1]

    assert await broken(make_limiter, SSE, *named, body=body) == Usage(33, 25)


@pytest.mark.parametrize(
    ("status", "kind", "body", "endpoint", "usage"),
    [
        (200, SSE, [], Endpoint.CHAT, None),
        (200, SSE, [b": wait\n\n"], Endpoint.CHAT, None),
        (200, JSON, [b'{"choices":[{"mess'], Endpoint.CHAT, Usage(33, 0)),
        (200, JSON, [b" " * 4000, FIGURES[:-1]], Endpoint.CHAT, Usage(30, 8)),
        (200, SSE, EVENTS, Endpoint.OTHER, None),
        (200, SSE, [b"data: ", FIGURES, b"\n\n"], Endpoint.OTHER, Usage(30, 8)),
        (200, JSON, [b'{"data":['], Endpoint.OTHER, None),
        (301, JSON, [b"x"], Endpoint.CHAT, None),
    ],
)
@virtual_time
async def test_only_what_began_and_uses_tokens_is_estimated(
    make_limiter: MakeLimiter,
    status: int,
    kind: tuple[bytes, bytes],
    body: list[bytes],
    endpoint: Endpoint,
    usage: Usage | None,
) -> None:
    found = await broken(make_limiter, kind, body=body, status=status, endpoint=endpoint)

    assert found == usage


@virtual_time
async def test_a_bug_in_looking_on_is_raised_at_the_end_and_not_before(
    make_limiter: MakeLimiter, law: ScriptedLaw
) -> None:
    with await make_limiter(law).acquire(max_wait=0, late=LATE) as permit:
        watched = Watched(permit, 200, SSE)
        watched.tap._first_byte = None  # type: ignore[assignment]
        for piece in EVENTS:
            assert watched.tap.write([piece])

        assert watched.sink.pieces == EVENTS
        with pytest.raises(AttributeError):
            watched.tap.finish()
        with pytest.raises(AttributeError):
            watched.tap.broken()


@pytest.mark.parametrize("encoding", [b"identity", b"gzip"])
@pytest.mark.parametrize("body", [[], EVENTS], ids=["empty", "events"])
@pytest.mark.parametrize("whole", [True, False])
@virtual_time
async def test_nothing_of_an_answer_outlives_it(
    make_limiter: MakeLimiter, encoding: bytes, body: list[bytes], whole: bool
) -> None:
    """Not even until the next garbage collection: there may be thousands of answers before it."""
    with await make_limiter(ScriptedLaw()).acquire(max_wait=0, late=LATE) as permit:
        tap = Watched(permit, 200, SSE, (b"Content-Encoding", encoding)).tap
        for piece in body if encoding == b"identity" else coded(encoding, *body):
            tap.write([piece])
        if whole:
            tap.finish()
        else:
            tap.broken()
        seen = weakref.ref(tap)
        gc.disable()
        try:
            del tap
            assert seen() is None
        finally:
            gc.enable()
