"""Errors and headers look like the providers' own."""

from datetime import UTC, datetime

import orjson
import pytest

from sidecar.dialects.anthropic import ANTHROPIC as ANTHROPIC_DIALECT
from sidecar.dialects.openai import OPENAI as OPENAI_DIALECT
from sidecar.outcomes import RejectionKind
from sidecar.simulator.protocol.refusal import Trouble
from sidecar.simulator.protocol.style import ANTHROPIC, AZURE, OPENAI, Allowance, Style, go_duration

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


@pytest.mark.parametrize("known", [OPENAI, AZURE, ANTHROPIC])
def test_every_trouble_has_a_shape(known: Style) -> None:
    for trouble in Trouble:
        refusal = known.refusals[trouble]
        assert refusal.status >= 400
        assert "error" in orjson.loads(known.error_body(refusal, "req_1"))


_KINDS = {
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
    Trouble.BAD_REQUEST: None,
    Trouble.UNAUTHORIZED: None,
    Trouble.NOT_FOUND: None,
}


@pytest.mark.parametrize("trouble", list(_KINDS))
def test_the_sidecars_dialects_read_them_as_meant(trouble: Trouble) -> None:
    for style, dialect in ((OPENAI, OPENAI_DIALECT), (ANTHROPIC, ANTHROPIC_DIALECT)):
        refusal = style.refusals[trouble]

        kind = dialect.classify(refusal.status, style.error_body(refusal, "req_1"))

        assert kind is _KINDS[trouble]
