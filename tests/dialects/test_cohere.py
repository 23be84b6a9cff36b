"""Cohere's API and what its answers mean."""

import orjson
import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects import OwnError, Rejection
from sidecar.dialects.cohere import COHERE
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.whole_answer import WholeAnswer
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import NOW, WALL, call, headers, rejection
from tests.metering.wire import line, sse


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v2/chat", Endpoint.CHAT),
        ("/v1/chat", Endpoint.CHAT),
        ("/v2/embed", Endpoint.EMBEDDINGS),
        ("/v1/generate", Endpoint.COMPLETIONS),
        ("/compatibility/v1/chat/completions", Endpoint.CHAT),
        ("/v2/rerank", Endpoint.OTHER),
    ],
)
def test_the_end_of_the_path_tells_the_endpoint(path: str, endpoint: Endpoint) -> None:
    assert call(COHERE, path).endpoint is endpoint


TRIAL = (
    "You are using a Trial key, which is limited to 1000 API calls / month. You can continue to"
    " use the Trial key for free or upgrade."
)


@pytest.mark.parametrize(
    ("status", "message", "fields", "expected"),
    [
        (429, "You are past the limit.", {b"retry-after": b"3"}, Rejection(RejectionKind.RATE, 3)),
        (
            429,
            "You are past the limit.",
            {b"x-ratelimit-reset": b"%d" % (NOW + 9)},
            Rejection(RejectionKind.RATE, 9),
        ),
        (429, TRIAL.replace("month", "minute"), {}, Rejection(RejectionKind.RATE, None)),
        (429, TRIAL, {}, Rejection(RejectionKind.QUOTA, None)),
        (402, "Payment required.", {}, Rejection(RejectionKind.QUOTA, None)),
        (503, "Unavailable.", {}, Rejection(RejectionKind.OVERLOAD, None)),
        (498, "Unsafe.", {}, None),
        (499, "Cancelled.", {}, None),
    ],
)
def test_statuses_tell_kinds(
    status: int, message: str, fields: dict[bytes, bytes], expected: Rejection | None
) -> None:
    assert rejection(COHERE, status, {"id": "x", "message": message}, fields) == expected


def test_an_error_of_our_own_is_a_message() -> None:
    document = orjson.loads(COHERE.error_body(OwnError(503, "reason", "Words.")))

    assert document == {"message": "Words."}


def test_trial_keys_are_told_their_limit() -> None:
    recorded = headers("x-trial-endpoint-call-limit: 20\nx-trial-endpoint-call-remaining: 0")

    assert COHERE.allowances(recorded, WALL) == (Allowance(Unit.REQUESTS, 20, 0, None),)


BILLED = {"input_tokens": 5.0, "output_tokens": 418.0}
SEEN = {"input_tokens": 71, "output_tokens": 418}


@pytest.mark.parametrize(
    ("document", "usage"),
    [
        ({"usage": {"billed_units": BILLED, "tokens": SEEN}}, Usage(5, 418, 0, 0)),
        ({"usage": {"billed_units": BILLED, "cached_tokens": 2}}, Usage(5, 418, 2, 0)),
        ({"usage": {"tokens": SEEN}}, Usage(71, 418, 0, 0)),
        ({"meta": {"billed_units": BILLED}}, Usage(5, 418, 0, 0)),
        ({"meta": {"billed_units": {"input_tokens": 5}}}, Usage(5, 0, 0, 0)),
        ({"meta": {"billed_units": {"search_units": 1}}}, None),
        ({"usage": {"prompt_tokens": 9, "completion_tokens": 7}}, Usage(9, 7, 0, 0)),
    ],
)
def test_what_is_billed_counts(document: object, usage: Usage | None) -> None:
    answer = WholeAnswer()
    answer.feed([orjson.dumps(document)])

    assert answer.usage(COHERE.usages, None) == usage


def test_streams_of_both_versions_tell_at_their_end() -> None:
    second, first = StreamTail(Framing.EVENTS), StreamTail(Framing.LINES)
    end = {"finish_reason": "COMPLETE", "usage": {"billed_units": BILLED, "tokens": SEEN}}
    second.feed([sse({"type": "message-end", "delta": end}, "message-end")])
    response = {"text": "x", "meta": {"billed_units": BILLED}}
    first.feed([line({"event_type": "stream-end", "response": response})])

    assert second.usage(COHERE.usages) == Usage(5, 418, 0, 0)
    assert first.usage(COHERE.usages) == Usage(5, 418, 0, 0)
