"""Text Generation Inference and what its answers mean."""

import orjson
import pytest

from sidecar.dialects import OwnError
from sidecar.dialects.tgi import TGI
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import WALL, call, kind_of
from tests.metering.wire import sse


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/generate", Endpoint.COMPLETIONS),
        ("/generate_stream", Endpoint.COMPLETIONS),
        ("/v1/chat/completions", Endpoint.CHAT),
        ("/info", Endpoint.OTHER),
    ],
)
def test_the_end_of_the_path_tells_the_endpoint(path: str, endpoint: Endpoint) -> None:
    assert call(TGI, path).endpoint is endpoint


def test_its_own_api_limits_output_among_the_parameters() -> None:
    document = {"inputs": "x", "parameters": {"max_new_tokens": 900}}

    found = call(TGI, "/generate", document)

    assert found.model is None
    assert 900 < found.tokens < 930


@pytest.mark.parametrize(
    ("status", "kind_of_error", "kind"),
    [
        (429, "overloaded", RejectionKind.OVERLOAD),
        (424, "generation", RejectionKind.TRANSIENT),
        (500, "incomplete_generation", RejectionKind.TRANSIENT),
        (422, "validation", None),
    ],
)
def test_error_types_tell_kinds(
    status: int, kind_of_error: str, kind: RejectionKind | None
) -> None:
    body = {"error": "Model is overloaded", "error_type": kind_of_error}

    assert kind_of(TGI, status, body) is kind


def test_an_error_of_our_own_has_its_shape() -> None:
    document = orjson.loads(TGI.error_body(OwnError(503, "reason", "Words.")))

    assert document == {"error": "Words.", "error_type": "reason"}


def test_a_stream_tells_at_its_end() -> None:
    tail = StreamTail(Framing.EVENTS)
    details = {"finish_reason": "length", "generated_tokens": 20, "input_length": 9}
    tail.feed([sse({"token": {"text": "x"}, "details": None}), sse({"details": details})])

    assert tail.usage(TGI.usages) == Usage(9, 20, 0, 0)


def test_there_are_no_rate_limit_headers() -> None:
    assert TGI.allowances([(b"x-ratelimit-remaining-requests", b"0")], WALL) == ()
