"""Errors become HTTP: every one of them, in the shape that the app's SDK reads."""

from collections.abc import Iterator

import orjson
import pytest

from sidecar import errors
from sidecar.dialects import DIALECTS
from sidecar.errors import ShedError, SidecarError
from sidecar.outcomes import RequestStatus, ShedReason
from sidecar.proxy.rescue import (
    INTERNAL,
    RESCUES,
    SHED_MESSAGES,
    reason_phrase,
    rescue_answer,
    rescue_of,
)

PROMISED = {
    "queue_full", "queue_timeout", "deadline", "draining", "buffer_full", "body_too_large",
    "no_route", "upstream_connect", "upstream_timeout", "upstream_protocol",
    "quota_exhausted",
}  # fmt: skip
"""Values of `x-sidecar-reason` that the documentation names."""


def family(kind: type[SidecarError]) -> Iterator[type[SidecarError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


FAMILY = list(dict.fromkeys(family(SidecarError)))


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_has_its_answer(kind: type[SidecarError]) -> None:
    assert kind in RESCUES or kind is ShedError


def test_the_tree_is_all_in_one_file() -> None:
    assert {kind.__module__ for kind in family(SidecarError)} == {errors.__name__}


@pytest.mark.parametrize(
    ("error", "http_status", "reason"),
    [
        (errors.NoRouteError(), 404, "no_route"),
        (errors.BodyTooLargeError(), 413, "body_too_large"),
        (errors.BadRequestError(), 400, "bad_request"),
        (errors.ConnectError(), 502, "upstream_connect"),
        (errors.UpstreamTimeoutError(), 504, "upstream_timeout"),
        (errors.ConnectTimeoutError(), 504, "upstream_timeout"),
        (errors.UpstreamProtocolError(), 502, "upstream_protocol"),
        (errors.NoAnswerError(), 502, "upstream_protocol"),
        (errors.StreamBrokenError(), 502, "upstream_protocol"),
        (errors.AnswerTooLargeError(), 502, "upstream_protocol"),
        (errors.VectorsError(), 502, "upstream_protocol"),
        (errors.UpstreamError(), 502, "upstream_protocol"),
        (errors.DeadlineError(), 504, "deadline"),
        (errors.ConfigError(["x"]), 500, "internal"),
        (SidecarError(), 500, "internal"),
    ],
)
def test_errors_have_the_promised_statuses_and_reasons(
    error: SidecarError, http_status: int, reason: str
) -> None:
    rescue = rescue_of(error)

    assert (rescue.http_status, rescue.reason) == (http_status, reason)
    client = 400 <= http_status < 500
    assert rescue.status is (RequestStatus.CLIENT_ERROR if client else RequestStatus.SERVER_ERROR)


def test_an_error_without_an_entry_is_answered_as_its_nearest_ancestor() -> None:
    class NewError(errors.ConnectError):
        """For this test only."""

    assert rescue_of(NewError()) is RESCUES[errors.ConnectError]
    del NewError


@pytest.mark.parametrize("reason", ShedReason)
def test_every_shed_is_a_503_with_its_own_reason_and_message(reason: ShedReason) -> None:
    rescue = rescue_of(ShedError(reason))

    assert (rescue.http_status, rescue.reason) == (503, reason.value)
    assert rescue.message == SHED_MESSAGES[reason]
    assert rescue.status is RequestStatus.SHED
    assert rescue.again


def test_every_promised_reason_exists() -> None:
    reasons = {rescue.reason for rescue in RESCUES.values()} | {str(r) for r in ShedReason}

    assert reasons >= PROMISED


@pytest.mark.parametrize("name", DIALECTS)
def test_the_answer_is_json_in_the_shape_of_the_route_s_provider(name: str) -> None:
    fields, body = rescue_answer(INTERNAL, DIALECTS[name])

    assert dict(fields)[b"Content-Type"] == b"application/json"
    assert dict(fields)[b"x-sidecar-reason"] == b"internal"
    assert INTERNAL.message in str(orjson.loads(body))


def test_fields_that_a_provider_s_sdk_needs_come_along() -> None:
    fields, _ = rescue_answer(rescue_of(ShedError(ShedReason.QUEUE_FULL)), DIALECTS["bedrock"])

    assert b"x-amzn-errortype" in dict(fields)


def test_what_was_tried_often_enough_is_not_worth_a_later_try() -> None:
    fields, _ = rescue_answer(RESCUES[errors.ConnectError], DIALECTS["openai"], final=True)

    assert dict(fields)[b"x-should-retry"] == b"false"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, None), (0.0, b"1"), (0.2, b"1"), (1.2, b"2"), (60.0, b"60")]
)
def test_retry_after_is_in_whole_seconds_and_never_0(
    seconds: float | None, shown: bytes | None
) -> None:
    rescue = rescue_of(ShedError(ShedReason.QUEUE_FULL))

    fields, _ = rescue_answer(rescue, DIALECTS["openai"], retry_after=seconds)

    assert dict(fields).get(b"Retry-After") == shown
    assert b"x-should-retry" not in dict(fields)


def test_where_a_later_try_cannot_help_sdks_are_told_so() -> None:
    rescue = RESCUES[errors.BodyTooLargeError]

    fields, _ = rescue_answer(rescue, DIALECTS["openai"], retry_after=5.0)

    assert dict(fields)[b"x-should-retry"] == b"false"
    assert b"Retry-After" not in dict(fields)


@pytest.mark.parametrize(
    ("status", "phrase"), [(404, b"Not Found"), (503, b"Service Unavailable"), (499, b"Error")]
)
def test_the_status_line_has_words(status: int, phrase: bytes) -> None:
    assert reason_phrase(status) == phrase
