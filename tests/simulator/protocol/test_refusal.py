"""Every trouble has a name, and every status that may be asked for a trouble."""

import pytest

from sidecar.simulator.protocol.refusal import (
    ANTHROPIC_REFUSALS,
    BY_STATUS,
    OPENAI_REFUSALS,
    RefusedError,
    Trouble,
)


@pytest.mark.parametrize("trouble", Trouble)
def test_every_provider_has_a_word_for_every_trouble(trouble: Trouble) -> None:
    for refusals in (OPENAI_REFUSALS, ANTHROPIC_REFUSALS):
        refusal = refusals[trouble]
        assert 400 <= refusal.status < 600
        assert refusal.type
        assert refusal.message


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
