"""Google's Gemini API and Vertex AI, and what their answers mean."""

import orjson
import pytest

from sidecar.dialects import OwnError, Rejection
from sidecar.dialects.gemini import GEMINI
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.whole_answer import WholeAnswer
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import WALL, call, kind_of, rejection
from tests.metering.wire import sse

VERTEX = "/v1/projects/p/locations/l"


@pytest.mark.parametrize(
    ("path", "endpoint", "model"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", Endpoint.CHAT, "gemini-2.5-pro"),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", Endpoint.CHAT, "gemini-2.5-pro"),
        ("/v1beta/tunedModels/mine:generateContent", Endpoint.CHAT, "mine"),
        ("/v1beta/models/e:embedContent", Endpoint.EMBEDDINGS, "e"),
        ("/v1beta/models/e:batchEmbedContents", Endpoint.EMBEDDINGS, "e"),
        ("/v1beta/models/gemini-2.5-pro:countTokens", Endpoint.OTHER, "gemini-2.5-pro"),
        (f"{VERTEX}/publishers/google/models/g:generateContent", Endpoint.CHAT, "g"),
        (f"{VERTEX}/publishers/anthropic/models/c@1:rawPredict", Endpoint.MESSAGES, "c@1"),
        (f"{VERTEX}/publishers/anthropic/models/c%401:streamRawPredict", Endpoint.MESSAGES, "c@1"),
        (f"{VERTEX}/publishers/google/models/text-embedding:predict", Endpoint.EMBEDDINGS,
         "text-embedding"),
        (f"{VERTEX}/endpoints/123:generateContent", Endpoint.CHAT, "123"),
        ("/v1beta/openai/chat/completions", Endpoint.CHAT, "named"),
        ("/v1beta/openai/embeddings", Endpoint.EMBEDDINGS, "named"),
        (f"{VERTEX}/endpoints/openapi/chat/completions", Endpoint.CHAT, "named"),
        ("/v1beta/models", Endpoint.OTHER, "named"),
    ],
)  # fmt: skip
def test_the_path_names_endpoint_and_model(path: str, endpoint: Endpoint, model: str) -> None:
    found = call(GEMINI, path, {"model": "named"})

    assert (found.endpoint, found.model) == (endpoint, model)


def test_the_output_limit_is_in_the_generation_config() -> None:
    document = {"contents": [], "generationConfig": {"maxOutputTokens": 1000}}

    assert 1000 < call(GEMINI, "/v1beta/models/g:generateContent", document).tokens < 1030


def exhausted(quota: str, delay: str | None = None, message: str = "Words.") -> object:
    """An error as the API gives it."""
    kind = "type.googleapis.com/google.rpc."
    details: list[object] = [
        {"@type": kind + "Help", "links": []},
        {
            "@type": kind + "QuotaFailure",
            "violations": [
                {
                    "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
                    "quotaId": quota,
                    "quotaDimensions": {"model": "gemini-2.5-flash", "location": "global"},
                    "quotaValue": "20",
                }
            ],
        },
    ]
    if delay is not None:
        details.append({"@type": kind + "RetryInfo", "retryDelay": delay})
    error = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": details}
    return {"error": error}


MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
ZERO = (
    "You exceeded your current quota, please check your plan and billing details.\n"
    "* Quota exceeded for metric: generate_content_free_tier_requests, limit: 0, model: gemini-3\n"
    "Please retry in 45.5s."
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (exhausted(MINUTE, "46s"), Rejection(RejectionKind.RATE, 46.0)),
        (exhausted(MINUTE, "45.578569677s"), Rejection(RejectionKind.RATE, 45.578569677)),
        (exhausted(MINUTE), Rejection(RejectionKind.RATE, None)),
        (exhausted(MINUTE, "soon"), Rejection(RejectionKind.RATE, None)),
        (exhausted(MINUTE, "7200s"), Rejection(RejectionKind.QUOTA, 7200.0)),
        (exhausted(DAY, "46s"), Rejection(RejectionKind.QUOTA, 46.0)),
        (exhausted(MINUTE, "46s", ZERO), Rejection(RejectionKind.QUOTA, 46.0)),
        (
            exhausted(MINUTE, "46s", ZERO.replace(": 0", ": 20")),
            Rejection(RejectionKind.RATE, 46.0),
        ),
        # In answer to a stream that was asked for as an array.
        ([exhausted(DAY, "46s")], Rejection(RejectionKind.QUOTA, 46.0)),
        # Vertex: capacity that is shared by all.
        ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Resource exhausted."}},
         Rejection(RejectionKind.RATE, None)),
    ],
)  # fmt: skip
def test_quotas_tell_days_from_minutes(body: object, expected: Rejection) -> None:
    assert rejection(GEMINI, 429, body) == expected


@pytest.mark.parametrize(
    "details",
    [None, 5, {}, [5], [{}], [{"violations": None}], [{"violations": [5, {}, {"quotaId": 5}]}]],
)
def test_other_details_say_nothing(details: object) -> None:
    body = {"error": {"status": "RESOURCE_EXHAUSTED", "details": details}}

    assert rejection(GEMINI, 429, body) == Rejection(RejectionKind.RATE, None)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, {"error": {"code": 503, "status": "UNAVAILABLE"}}, RejectionKind.OVERLOAD),
        (500, {"error": {"code": 500, "status": "INTERNAL"}}, RejectionKind.TRANSIENT),
        (504, {"error": {"code": 504, "status": "DEADLINE_EXCEEDED"}}, RejectionKind.TRANSIENT),
        (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, None),
        (403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}, None),
        # Anthropic's models at Vertex.
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, RejectionKind.OVERLOAD),
        (429, {"type": "error", "error": {"type": "rate_limit_error"}}, RejectionKind.RATE),
    ],
)
def test_status_words_tell_kinds(status: int, body: object, kind: RejectionKind | None) -> None:
    assert kind_of(GEMINI, status, body) is kind


@pytest.mark.parametrize(
    ("status", "word"),
    [(400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (503, "UNAVAILABLE"), (502, "UNAVAILABLE"),
     (504, "DEADLINE_EXCEEDED")],
)  # fmt: skip
def test_an_error_of_our_own_has_the_shape_that_its_sdk_reads(status: int, word: str) -> None:
    document = orjson.loads(GEMINI.error_body(OwnError(status, "reason", "Words.")))

    assert (
        document["error"].items() >= {"code": status, "message": "Words.", "status": word}.items()
    )
    assert document["error"]["details"][0]["reason"] == "reason"


FIGURES = {
    "promptTokenCount": 10,
    "cachedContentTokenCount": 4,
    "toolUsePromptTokenCount": 3,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 63,
}


def test_thoughts_are_output() -> None:
    answer = WholeAnswer()
    answer.feed([orjson.dumps({"candidates": [], "usageMetadata": FIGURES})])

    assert answer.usage(GEMINI.usages, None) == Usage(13, 50, 4, 30)


def test_an_array_of_answers_is_read() -> None:
    first = {"usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10}}
    body = b"[" + orjson.dumps(first) + b"\n,\r\n" + orjson.dumps({"usageMetadata": FIGURES}) + b"]"
    answer = WholeAnswer()
    answer.feed([body])

    assert answer.usage(GEMINI.usages, None) == Usage(13, 50, 4, 30)


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        ([{"usageMetadata": {"promptTokenCount": 10}}, {"usageMetadata": FIGURES}],
         Usage(13, 50, 4, 30)),
        ([{"type": "message_start", "message": {"usage": {"input_tokens": 5, "output_tokens": 1}}},
          {"type": "message_delta", "usage": {"output_tokens": 7}}], Usage(5, 7, 0, 0)),
        ([{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}],
         Usage(5, 7, 0, 0)),
    ],
)  # fmt: skip
def test_streams_of_all_three_apis_are_read(events: list[object], usage: Usage) -> None:
    tail = StreamTail(Framing.EVENTS)
    tail.feed([sse(event) for event in events])

    assert tail.usage(GEMINI.usages) == usage


def test_there_are_no_rate_limit_headers() -> None:
    assert GEMINI.allowances([(b"x-ratelimit-remaining-requests", b"0")], WALL) == ()
