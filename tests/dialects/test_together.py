"""Together and what its answers mean."""

import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects.together import TOGETHER
from sidecar.outcomes import RejectionKind
from tests.dialects.made import WALL, headers, kind_of


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "dynamic_request_limited", RejectionKind.RATE),
        (429, "dynamic_token_limited", RejectionKind.RATE),
        (429, None, RejectionKind.RATE),
        # At or below one's own rate: the provider lacks capacity.
        (503, None, RejectionKind.OVERLOAD),
    ],
)
def test_above_the_own_rate_is_told_from_a_lack_of_capacity(
    status: int, code: str | None, kind: RejectionKind
) -> None:
    assert kind_of(TOGETHER, status, {"error": {"message": "m", "code": code}}) is kind


def test_limits_have_names_of_their_own() -> None:
    recorded = headers(
        """
        x-ratelimit-limit: 10
        x-ratelimit-remaining: 9
        x-ratelimit-reset: 1
        x-tokenlimit-limit: 3000
        x-tokenlimit-remaining: 2900
        """
    )

    assert TOGETHER.allowances(recorded, WALL) == (
        Allowance(Unit.REQUESTS, 10, 9, 1),
        Allowance(Unit.TOKENS, 3000, 2900, None),
    )
