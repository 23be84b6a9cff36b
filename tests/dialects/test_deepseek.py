"""DeepSeek and what its answers mean."""

import orjson
import pytest

from sidecar.dialects.deepseek import DEEPSEEK
from sidecar.metering.whole_answer import WholeAnswer
from sidecar.outcomes import RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import WALL, kind_of


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (402, RejectionKind.QUOTA),
        (429, RejectionKind.RATE),
        (500, RejectionKind.TRANSIENT),
        (503, RejectionKind.OVERLOAD),
        (422, None),
    ],
)
def test_statuses_tell_kinds(status: int, kind: RejectionKind | None) -> None:
    body = {"error": {"message": "m", "type": "unknown_error", "code": "invalid_request_error"}}

    assert kind_of(DEEPSEEK, status, body) is kind


def test_there_are_no_rate_limit_headers() -> None:
    assert DEEPSEEK.allowances([(b"x-ratelimit-remaining-requests", b"0")], WALL) == ()


@pytest.mark.parametrize(
    "cached", [{"prompt_cache_hit_tokens": 4}, {"prompt_tokens_details": {"cached_tokens": 4}}]
)
def test_blank_lines_before_an_answer_change_nothing(cached: dict[str, object]) -> None:
    figures = {
        "prompt_tokens": 9,
        "completion_tokens": 7,
        "completion_tokens_details": {"reasoning_tokens": 5},
        **cached,
    }
    answer = WholeAnswer()
    answer.feed([b"\n\n\n", b"\n", orjson.dumps({"usage": figures})])

    assert answer.usage(DEEPSEEK.usages, None) == Usage(9, 7, 4, 5)
