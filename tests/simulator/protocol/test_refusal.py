"""Errors are called what the providers call them, as far as the SDKs and the sidecar can tell."""

import pytest

from sidecar.dialects.anthropic import ANTHROPIC
from sidecar.dialects.base import Dialect
from sidecar.dialects.openai import OPENAI
from sidecar.outcomes import RejectionKind
from sidecar.simulator.protocol import style
from sidecar.simulator.protocol.refusal import (
    ANTHROPIC_REFUSALS,
    BY_STATUS,
    OPENAI_REFUSALS,
    RefusedError,
    Trouble,
)

KINDS = {
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


@pytest.mark.parametrize("trouble", Trouble)
def test_every_provider_has_a_word_for_every_trouble(trouble: Trouble) -> None:
    for refusals in (OPENAI_REFUSALS, ANTHROPIC_REFUSALS):
        refusal = refusals[trouble]
        assert 400 <= refusal.status < 600
        assert refusal.type
        assert refusal.message


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize(
    ("speaker", "dialect"), [(style.OPENAI, OPENAI), (style.ANTHROPIC, ANTHROPIC)]
)
def test_the_sidecars_dialect_understands_each_of_them(
    speaker: style.Style, dialect: Dialect, trouble: Trouble
) -> None:
    refusal = speaker.refusals[trouble]

    kind = dialect.classify(refusal.status, speaker.error_body(refusal, "req_1"))

    assert kind == KINDS.get(trouble)


def test_each_status_stands_for_a_trouble_that_has_it() -> None:
    for status, trouble in BY_STATUS.items():
        assert status in (OPENAI_REFUSALS[trouble].status, ANTHROPIC_REFUSALS[trouble].status)


def test_overload_has_each_providers_own_status() -> None:
    assert OPENAI_REFUSALS[Trouble.OVERLOAD].status == 503
    assert ANTHROPIC_REFUSALS[Trouble.OVERLOAD].status == 529


def test_a_request_that_makes_no_sense_says_which_field() -> None:
    error = RefusedError(Trouble.BAD_REQUEST, "no", param="model")

    assert (error.trouble, error.message, error.param, str(error)) == (
        Trouble.BAD_REQUEST,
        "no",
        "model",
        "no",
    )
