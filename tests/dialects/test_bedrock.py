"""Amazon Bedrock's runtime and what its answers mean."""

import orjson
import pytest

from sidecar.dialects import OwnError, Rejection
from sidecar.dialects.bedrock import BEDROCK
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.whole_answer import WholeAnswer
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import WALL, call, kind_of, rejection
from tests.metering.wire import event_frame, exception_frame

ARN = "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude"


@pytest.mark.parametrize(
    ("path", "endpoint", "model"),
    [
        ("/model/amazon.nova-pro-v1%3A0/converse", Endpoint.CHAT, "amazon.nova-pro-v1:0"),
        ("/model/amazon.nova-pro-v1:0/converse-stream", Endpoint.CHAT, "amazon.nova-pro-v1:0"),
        ("/model/m/invoke", Endpoint.CHAT, "m"),
        ("/model/m/invoke-with-response-stream", Endpoint.CHAT, "m"),
        (f"/model/{ARN.replace(':', '%3A').replace('/', '%2F')}/converse", Endpoint.CHAT, ARN),
        (f"/model/{ARN}/converse", Endpoint.CHAT, ARN),
        ("/model/m/async-invoke", Endpoint.OTHER, None),
        ("/guardrail/g/version/1/apply", Endpoint.OTHER, None),
    ],
)
def test_the_path_names_endpoint_and_model(
    path: str, endpoint: Endpoint, model: str | None
) -> None:
    found = call(BEDROCK, path)

    assert (found.endpoint, found.model) == (endpoint, model)


@pytest.mark.parametrize(
    "document",
    [
        {"messages": [], "inferenceConfig": {"maxTokens": 900}},
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 900},
        {"inputText": "x", "textGenerationConfig": {"maxTokenCount": 900}},
    ],
)
def test_output_limits_are_those_of_converse_or_of_the_model(document: object) -> None:
    assert 900 < call(BEDROCK, "/model/m/invoke", document).tokens < 930


def named(code: str) -> dict[bytes, bytes]:
    return {b"x-amzn-errortype": f"{code}:http://internal.amazon.com/coral/x/".encode()}


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (429, "ThrottlingException", "Too many requests, please wait.", RejectionKind.RATE),
        (429, "ThrottlingException", "Too many tokens per day, please wait before trying again.",
         RejectionKind.QUOTA),
        (400, "ServiceQuotaExceededException", "m", RejectionKind.QUOTA),
        (429, "ModelNotReadyException", "m", RejectionKind.OVERLOAD),
        (503, "ServiceUnavailableException", "m", RejectionKind.OVERLOAD),
        (500, "InternalServerException", "m", RejectionKind.TRANSIENT),
        (408, "ModelTimeoutException", "m", RejectionKind.TRANSIENT),
        (424, "ModelErrorException", "m", RejectionKind.TRANSIENT),
        (400, "ValidationException", "m", None),
        (403, "AccessDeniedException", "m", None),
        (403, "ExpiredTokenException", "m", None),
    ],
)  # fmt: skip
def test_a_header_names_the_exception(
    status: int, code: str, message: str, kind: RejectionKind | None
) -> None:
    assert kind_of(BEDROCK, status, {"message": message}, named(code)) is kind
    assert kind_of(BEDROCK, status, {"message": message}, {b"x-amzn-errortype": code.encode()}) is (
        kind
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [(424, RejectionKind.TRANSIENT), (429, RejectionKind.RATE), (529, RejectionKind.OVERLOAD)],
)
def test_without_the_header_the_status_counts(status: int, kind: RejectionKind) -> None:
    assert rejection(BEDROCK, status, {"message": "m"}) == Rejection(kind, None)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("throttlingException", "m", RejectionKind.RATE),
        ("throttlingException", "Too many tokens per day, …", RejectionKind.QUOTA),
        ("serviceUnavailableException", "m", RejectionKind.OVERLOAD),
        ("modelStreamErrorException", "m", RejectionKind.TRANSIENT),
        ("internalServerException", "m", RejectionKind.TRANSIENT),
        ("validationException", "m", None),
    ],
)
def test_an_exception_in_a_stream_is_understood(
    code: str, message: str, kind: RejectionKind | None
) -> None:
    tail = StreamTail(Framing.FRAMES)
    tail.feed([event_frame("messageStart", {"role": "assistant"}), exception_frame(code, message)])

    error = tail.error()

    assert error is not None
    assert BEDROCK.classify_document(error) is kind


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, b"ResourceNotFoundException"),
        (413, b"ValidationException"),
        (503, b"ServiceUnavailableException"),
        (502, b"ServiceUnavailableException"),
        (504, b"ModelTimeoutException"),
    ],
)
def test_an_error_of_our_own_names_its_exception_in_a_header(status: int, code: bytes) -> None:
    error = OwnError(status, "reason", "Words.")

    assert orjson.loads(BEDROCK.error_body(error)) == {"message": "Words."}
    assert BEDROCK.error_headers(error) == ((b"x-amzn-errortype", code),)


@pytest.mark.parametrize(
    ("document", "usage"),
    [
        ({"usage": {"inputTokens": 10, "outputTokens": 20, "totalTokens": 45,
                    "cacheReadInputTokens": 5, "cacheWriteInputTokens": 10}},
         Usage(25, 20, 5, 0, 10)),
        ({"usage": {"input_tokens": 10, "output_tokens": 20}}, Usage(10, 20, 0, 0)),
        ({"embedding": [0.5], "inputTextTokenCount": 5}, None),
    ],
)  # fmt: skip
def test_converse_and_some_models_tell_in_the_body(document: object, usage: Usage | None) -> None:
    answer = WholeAnswer()
    answer.feed([orjson.dumps(document)])

    assert answer.usage(BEDROCK.usages, None) == usage


def test_there_are_no_rate_limit_headers() -> None:
    assert BEDROCK.allowances([(b"x-ratelimit-remaining-requests", b"0")], WALL) == ()
