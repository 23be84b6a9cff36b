"""Fireworks and what its answers mean."""

import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects.fireworks import FIREWORKS
from sidecar.outcomes import RejectionKind
from tests.dialects.made import WALL, headers, kind_of


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RejectionKind.RATE), (503, RejectionKind.OVERLOAD)]
)
def test_statuses_tell_kinds(status: int, kind: RejectionKind) -> None:
    assert kind_of(FIREWORKS, status, {"error": {"message": "m", "type": "error"}}) is kind


def test_tokens_per_second_are_no_allowance() -> None:
    """Taken for a limit per minute, they would be sixty times too small."""
    recorded = headers(
        """
        x-ratelimit-limit-requests: 600
        x-ratelimit-remaining-requests: 599
        x-ratelimit-limit-tokens-prompt: 60000
        x-ratelimit-limit-tokens-generated: 600
        """
    )

    assert FIREWORKS.allowances(recorded, WALL) == (Allowance(Unit.REQUESTS, 600, 599, None),)
