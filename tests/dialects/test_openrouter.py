"""OpenRouter and what its answers mean."""

import orjson
import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects import OwnError, Rejection
from sidecar.dialects.openrouter import OPENROUTER
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.whole_answer import error_in
from sidecar.outcomes import RejectionKind
from tests.dialects.made import NOW, WALL, headers, rejection
from tests.metering.wire import sse


def error(code: object, **metadata: object) -> object:
    return {"error": {"message": "m", "code": code, "metadata": metadata}}


@pytest.mark.parametrize(
    ("status", "body", "fields", "expected"),
    [
        (429, error(429), {b"retry-after": b"3"}, Rejection(RejectionKind.RATE, 3)),
        (
            429,
            error(429, headers={"X-RateLimit-Reset": str((NOW + 60) * 1000)}),
            {},
            Rejection(RejectionKind.RATE, 60),
        ),
        # The free requests of a day, known by the time of their return or by a code.
        (
            429,
            error(429, headers={"X-RateLimit-Reset": str((NOW + 7200) * 1000)}),
            {},
            Rejection(RejectionKind.QUOTA, 7200),
        ),
        (
            429,
            error(429, limit_source="openrouter_free_tier_daily"),
            {},
            Rejection(RejectionKind.QUOTA, None),
        ),
        (
            429,
            error(429),
            {b"x-ratelimit-reset": b"%d" % ((NOW + 5) * 1000)},
            Rejection(RejectionKind.RATE, 5),
        ),
        (402, error(402), {}, Rejection(RejectionKind.QUOTA, None)),
        (
            402,
            error(402, limit_source="openrouter_in_flight_budget"),
            {b"retry-after": b"2"},
            Rejection(RejectionKind.OVERLOAD, 2),
        ),
        (
            503,
            error(503, error_type="provider_overloaded"),
            {},
            Rejection(RejectionKind.OVERLOAD, None),
        ),
        (502, error(502), {}, Rejection(RejectionKind.TRANSIENT, None)),
        (400, error(400), {}, None),
    ],
)
def test_a_402_may_be_congestion_and_a_429_a_quota(
    status: int, body: object, fields: dict[bytes, bytes], expected: Rejection | None
) -> None:
    assert rejection(OPENROUTER, status, body, fields) == expected


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (429, RejectionKind.RATE),
        (502, RejectionKind.TRANSIENT),
        (503, RejectionKind.OVERLOAD),
        ("server_error", None),
    ],
)
def test_an_error_inside_of_a_success_has_a_status_of_its_own(
    code: object, kind: RejectionKind | None
) -> None:
    tail = StreamTail(Framing.EVENTS)
    choices = [{"delta": {"content": ""}, "finish_reason": "error"}]
    body = {"id": "gen-1", "error": {"code": code, "message": "m"}, "choices": choices}
    tail.feed([b": OPENROUTER PROCESSING\n\n", sse(body), b"data: [DONE]\n\n"])

    for found in (tail.error(), error_in(orjson.dumps(body))):
        assert found is not None
        assert OPENROUTER.classify_document(found) is kind


def test_resets_are_milliseconds_since_1970() -> None:
    recorded = headers(
        f"""
        X-RateLimit-Limit: 50
        X-RateLimit-Remaining: 0
        X-RateLimit-Reset: {(NOW + 60) * 1000}
        """
    )

    assert OPENROUTER.allowances(recorded, WALL) == (Allowance(Unit.REQUESTS, 50, 0, 60),)


def test_an_error_of_our_own_has_the_status_as_its_code() -> None:
    document = orjson.loads(OPENROUTER.error_body(OwnError(503, "reason", "Words.")))

    assert document == {
        "error": {"code": 503, "message": "Words.", "metadata": {"reason": "reason"}}
    }
