"""Errors and headers look like the providers' own."""

from datetime import UTC, datetime

import orjson
import pytest

from sidecar.control.allowance import Unit
from sidecar.dialects import DIALECTS
from sidecar.outcomes import RejectionKind
from sidecar.simulator.protocol.bedrock import BEDROCK
from sidecar.simulator.protocol.cohere import COHERE
from sidecar.simulator.protocol.compatible import (
    DEEPSEEK,
    FIREWORKS,
    OPENROUTER,
    TOGETHER,
    VLLM,
)
from sidecar.simulator.protocol.gemini import GEMINI
from sidecar.simulator.protocol.groq import GROQ
from sidecar.simulator.protocol.local import OLLAMA, TGI
from sidecar.simulator.protocol.mistral import MISTRAL
from sidecar.simulator.protocol.refusal import Trouble
from sidecar.simulator.protocol.style import (
    ANTHROPIC,
    AZURE,
    OPENAI,
    Allowance,
    Style,
    Told,
    go_duration,
    no_hint,
)

_NOW = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
_LEFT = Allowance("requests", 60, 59, 360.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-1, "0s"),
        (0.012, "12ms"),
        (0.0001, "1ms"),
        (1, "1s"),
        (7.66, "7.66s"),
        (60, "1m0s"),
        (179.56, "2m59.56s"),
        (360, "6m0s"),
        (3603, "1h0m3s"),
    ],
)
def test_go_durations(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text", "millis"),
    [(0, "0", "0"), (2, "2", "2000"), (0.0204, "0.021", "21"), (89.5, "89.500", "89500")],
)
def test_hints_are_exact_to_the_millisecond_and_never_too_early(
    seconds: float, text: str, millis: str
) -> None:
    assert OPENAI.hint(seconds) == (("retry-after", text), ("retry-after-ms", millis))
    assert ANTHROPIC.hint(seconds) == (("retry-after", text),)
    assert no_hint(seconds) == ()


def test_rate_headers_of_each_provider() -> None:
    assert OPENAI.allowance_headers(_LEFT, _NOW) == (
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "6m0s"),
    )
    assert AZURE.allowance_headers(_LEFT, _NOW)[2] == ("x-ratelimit-reset-requests", "360")
    assert ANTHROPIC.allowance_headers(_LEFT, _NOW) == (
        ("anthropic-ratelimit-requests-limit", "60"),
        ("anthropic-ratelimit-requests-remaining", "59"),
        ("anthropic-ratelimit-requests-reset", "2026-01-02T03:10:05Z"),
    )


STYLES = {
    speaker.name: speaker
    for speaker in (
        OPENAI,
        AZURE,
        ANTHROPIC,
        GEMINI,
        BEDROCK,
        MISTRAL,
        GROQ,
        COHERE,
        DEEPSEEK,
        TOGETHER,
        FIREWORKS,
        OPENROUTER,
        VLLM,
        OLLAMA,
        TGI,
    )
}


@pytest.mark.parametrize("known", STYLES.values(), ids=STYLES)
def test_every_trouble_has_a_shape(known: Style) -> None:
    for trouble in Trouble:
        refusal = known.refusals[trouble]
        document = orjson.loads(known.error_body(refusal, Told("req_1")))

        assert refusal.status >= 400
        assert refusal.message in (document.get("message"), *_messages(document.get("error")))


def _messages(error: object) -> tuple[object, ...]:
    return (error.get("message"),) if isinstance(error, dict) else (error,)


_MEANT = {
    Trouble.RATE: RejectionKind.RATE,
    Trouble.RAMP: RejectionKind.RAMP,
    Trouble.QUOTA: RejectionKind.QUOTA,
    Trouble.BILLING: RejectionKind.QUOTA,
    Trouble.OVERLOAD: RejectionKind.OVERLOAD,
    Trouble.TOO_LARGE: RejectionKind.TOO_LARGE,
    Trouble.SERVER_ERROR: RejectionKind.TRANSIENT,
    Trouble.BAD_GATEWAY: RejectionKind.TRANSIENT,
    Trouble.GATEWAY_TIMEOUT: RejectionKind.TRANSIENT,
    Trouble.REQUEST_TIMEOUT: RejectionKind.TRANSIENT,
    Trouble.CONFLICT: RejectionKind.TRANSIENT,
}
"""What the sidecar must make of them; the rest is the client's own fault."""
_HAVE_RAMPS = {"openai", "anthropic"}
"""To the others, growing too fast is a rate limit like any other."""
_EXCEPTIONS: dict[tuple[str, Trouble], RejectionKind | None] = {
    ("azure", Trouble.QUOTA): RejectionKind.RATE,  # its 429s have no code
    ("azure", Trouble.RAMP): RejectionKind.RATE,
    ("gemini", Trouble.TOO_LARGE): None,  # 400 like any other bad request
    ("bedrock", Trouble.TOO_LARGE): None,
    ("fireworks", Trouble.QUOTA): None,  # 412: the account is suspended
    ("vllm", Trouble.QUOTA): RejectionKind.RATE,  # who runs it himself has no quota
    ("ollama", Trouble.QUOTA): RejectionKind.RATE,
    ("tgi", Trouble.RATE): RejectionKind.OVERLOAD,  # it has no limits, only a full queue
    ("tgi", Trouble.RAMP): RejectionKind.OVERLOAD,
}


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("name", STYLES)
def test_the_sidecars_dialects_read_them_as_meant(name: str, trouble: Trouble) -> None:
    known = STYLES[name]
    refusal = known.refusals[trouble]
    headers = {field.encode(): value.encode() for field, value in known.error_headers(refusal)}
    body = known.error_body(refusal, Told("req_1"))

    found = DIALECTS[name].classify(refusal.status, headers.get, body, wall=_NOW)

    meant = _MEANT.get(trouble)
    if meant is RejectionKind.RAMP and name not in _HAVE_RAMPS:
        meant = RejectionKind.RATE
    assert (found and found.kind) is _EXCEPTIONS.get((name, trouble), meant)


@pytest.mark.parametrize(
    ("name", "told"),
    [("gemini", 46.0), ("openai", 46.0), ("groq", 46.0), ("bedrock", None), ("ollama", None)],
)
def test_hints_are_understood_where_the_provider_gives_any(name: str, told: float | None) -> None:
    known = STYLES[name]
    refusal = known.refusals[Trouble.RATE]
    headers = {field.encode(): value.encode() for field, value in known.hint(46.0)}
    body = known.error_body(refusal, Told("req_1", retry_after=46.0))

    found = DIALECTS[name].classify(refusal.status, headers.get, body, wall=_NOW)

    assert found is not None
    assert found.retry_after == told


_BOTH = (_LEFT, Allowance("tokens", 6000, 5000, 10.0))


@pytest.mark.parametrize(
    ("name", "requests", "tokens"),
    [
        ("openai", 59, 5000),
        ("azure", 59, 5000),
        ("anthropic", 59, 5000),
        ("mistral", 59, 5000),
        ("groq", 60 * 1440 - 1, 5000),
        ("together", 59, 5000),
        ("fireworks", 59, None),
        ("openrouter", 59, None),
        ("deepseek", None, None),
        ("gemini", None, None),
        ("vllm", None, None),
    ],
)
def test_rate_headers_are_understood(name: str, requests: int | None, tokens: int | None) -> None:
    known = STYLES[name]
    headers = [
        (field.encode(), value.encode())
        for left in _BOTH
        for field, value in known.allowance_headers(left, _NOW)
    ]

    found = DIALECTS[name].allowances(headers, _NOW)

    assert {item.unit: item.remaining for item in found} == {
        unit: left
        for unit, left in ((Unit.REQUESTS, requests), (Unit.TOKENS, tokens))
        if left is not None
    }
