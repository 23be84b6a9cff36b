"""Ollama and what its answers mean."""

import orjson
import pytest

from sidecar.dialects import OwnError
from sidecar.dialects.ollama import OLLAMA
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.whole_answer import WholeAnswer
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import WALL, call, kind_of
from tests.metering.wire import line


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/api/chat", Endpoint.CHAT),
        ("/api/generate", Endpoint.COMPLETIONS),
        ("/api/embed", Endpoint.EMBEDDINGS),
        ("/api/embeddings", Endpoint.EMBEDDINGS),
        ("/v1/chat/completions", Endpoint.CHAT),
        ("/api/tags", Endpoint.OTHER),
    ],
)
def test_the_end_of_the_path_tells_the_endpoint(path: str, endpoint: Endpoint) -> None:
    assert call(OLLAMA, path).endpoint is endpoint


def test_the_output_limit_is_an_option() -> None:
    document = {"model": "m", "options": {"num_predict": 900}}

    assert 900 < call(OLLAMA, "/api/chat", document).tokens < 930
    endless = {"model": "m", "options": {"num_predict": -1}}
    assert call(OLLAMA, "/api/chat", endless).tokens < 30


@pytest.mark.parametrize(
    ("status", "kind"),
    [(503, RejectionKind.OVERLOAD), (500, RejectionKind.TRANSIENT), (404, None)],
)
def test_statuses_tell_kinds(status: int, kind: RejectionKind | None) -> None:
    body = {"error": "server busy, please try again.  maximum pending requests exceeded"}

    assert kind_of(OLLAMA, status, body) is kind


def test_an_error_of_our_own_is_a_sentence() -> None:
    assert orjson.loads(OLLAMA.error_body(OwnError(503, "reason", "Words."))) == {"error": "Words."}


LAST = {"model": "m", "done": True, "total_duration": 5, "prompt_eval_count": 26, "eval_count": 298}


def test_the_last_line_tells_the_usage() -> None:
    tail, answer = StreamTail(Framing.LINES), WholeAnswer()
    tail.feed([line({"model": "m", "message": {"content": "x"}, "done": False}), line(LAST)])
    answer.feed([orjson.dumps(LAST)])

    assert tail.usage(OLLAMA.usages) == Usage(26, 298, 0, 0)
    assert answer.usage(OLLAMA.usages, None) == Usage(26, 298, 0, 0)


def test_a_prompt_that_is_still_cached_is_not_told() -> None:
    tail = StreamTail(Framing.LINES)
    tail.feed([line({"done": True, "eval_count": 298})])

    assert tail.usage(OLLAMA.usages) == Usage(0, 298, 0, 0)


def test_an_error_in_a_stream_has_no_code() -> None:
    tail = StreamTail(Framing.LINES)
    tail.feed([line({"error": "an error was encountered while running the model"})])

    error = tail.error()

    assert error is not None
    assert OLLAMA.classify_document(error) is None


def test_there_are_no_rate_limit_headers() -> None:
    assert OLLAMA.allowances([(b"x-ratelimit-remaining-requests", b"0")], WALL) == ()
