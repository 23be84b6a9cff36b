"""What every dialect does with its tables."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dialects import DIALECTS, Call, Dialect, OwnError, Rejection
from sidecar.dialects.base import BYTES_PER_TOKEN, MOST_OUTPUT_TOKENS
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import JSON, WALL, call, headers, kind_of, rejection

DIALECT = st.sampled_from(list(DIALECTS.values()))
OPENAI = DIALECTS["openai"]
each_dialect = pytest.mark.parametrize(
    "dialect", DIALECTS.values(), ids=lambda dialect: dialect.name
)


def test_every_dialect_is_found_by_its_own_name() -> None:
    """The names that the documentation promises."""
    assert list(DIALECTS) == [
        "openai", "azure", "anthropic", "gemini", "bedrock", "mistral", "groq", "cohere",
        "deepseek", "together", "fireworks", "openrouter", "vllm", "tgi", "ollama", "other",
    ]  # fmt: skip
    assert all(name == dialect.name for name, dialect in DIALECTS.items())


class TestDescribe:
    """What a request asks for."""

    @pytest.mark.parametrize(
        "content_type",
        [JSON, b"Application/JSON", b"application/json; charset=utf-8", b" application/json "],
    )
    def test_a_json_body_is_read_however_its_type_is_written(self, content_type: bytes) -> None:
        body = b'{"model":"m"}'

        found = OPENAI.describe("/v1/embeddings", content_type, body, whole=True)

        assert found == Call(Endpoint.EMBEDDINGS, "m", len(body) // BYTES_PER_TOKEN)

    @pytest.mark.parametrize(
        ("body", "model"),
        [
            (b'{"model":"gpt-5"}', "gpt-5"),
            (b'{"a":{"model":"inner"},"model":"outer"}', "outer"),
            (b'{"a":{"model":"inner"}}', None),
            (b'{"model":{"model":"x"}}', None),
            (b'{"model":5}', None),
            (b'{"model":null}', None),
            (b'["model","x"]', None),
            (b'"model"', None),
            (b"{", None),
            (b"\xff\xfe", None),
            (b"[" * 100_000, None),
            (b'{"model":"\\u00e9"}', "é"),
        ],
    )
    def test_a_whole_body_names_its_model_at_the_top(self, body: bytes, model: str | None) -> None:
        assert OPENAI.describe("/v1/responses", JSON, body, whole=True).model == model

    def test_the_beginning_of_a_body_is_enough(self) -> None:
        body = b'{"model":"m","max_tokens":50,"input":["a'

        found = OPENAI.describe("/v1/embeddings", JSON, body, whole=False)

        assert found == Call(Endpoint.EMBEDDINGS, "m", len(body) // BYTES_PER_TOKEN)

    def test_a_form_names_its_model_in_a_field_and_reserves_nothing(self) -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--x'
        path, kind = "/v1/audio/transcriptions", b"multipart/form-data; boundary=x"

        for whole in (True, False):
            found = OPENAI.describe(path, kind, body, whole=whole)
            assert found == Call(Endpoint.OTHER, "whisper", 0)

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [(JSON, b""), (b"text/plain", b'{"model":"m"}'), (b"", b'{"model":"m"}')],
    )
    def test_what_is_neither_json_nor_a_form_says_nothing(
        self, content_type: bytes, body: bytes
    ) -> None:
        for whole in (True, False):
            found = OPENAI.describe("/v1/responses", content_type, body, whole=whole)
            assert found == Call(Endpoint.RESPONSES, None, 0)

    @pytest.mark.parametrize("body", [b"{", b"[]", b"null"])
    def test_what_cannot_be_read_reserves_nothing(self, body: bytes) -> None:
        assert OPENAI.describe("/v1/responses", JSON, body, whole=True).tokens == 0

    def test_an_unknown_endpoint_reserves_nothing(self) -> None:
        document = {"model": "m", "max_tokens": 100}

        assert call(OPENAI, "/v1/moderations", document) == Call(Endpoint.OTHER, "m", 0)
        body = orjson.dumps(document)
        assert OPENAI.describe("/v1/moderations", JSON, body, whole=False).tokens == 0

    @pytest.mark.parametrize(
        ("limit", "reserved"),
        [
            (100, 100),
            (0, 0),
            (MOST_OUTPUT_TOKENS + 1, MOST_OUTPUT_TOKENS),
            (2**62, MOST_OUTPUT_TOKENS),
            (-1, 0),
            (True, 0),
            (None, 0),
            ("100", 0),
            (1.5, 0),
            ([100], 0),
        ],
    )
    def test_prompt_and_output_are_reserved(self, limit: object, reserved: int) -> None:
        document = {"model": "m", "max_tokens": limit}
        prompt = len(orjson.dumps(document)) // BYTES_PER_TOKEN

        assert call(OPENAI, "/v1/chat/completions", document).tokens == prompt + reserved

    @each_dialect
    def test_the_output_that_a_request_allows_is_reserved(self, dialect: Dialect) -> None:
        for path in dialect.output_limits:
            document: dict[str, object] = {path[-1]: 1000}
            for key in reversed(path[:-1]):
                document = {key: document}
            end = next(iter(dialect.endpoints))
            prompt = len(orjson.dumps(document)) // BYTES_PER_TOKEN
            assert call(dialect, f"/x{end}", document).tokens == prompt + 1000

    @given(
        DIALECT,
        st.text(max_size=30),
        st.sampled_from((JSON, b"multipart/form-data", b"text/plain")) | st.binary(max_size=20),
        st.binary(max_size=200),
        st.booleans(),
    )
    def test_describing_never_raises(
        self, dialect: Dialect, path: str, content_type: bytes, body: bytes, whole: bool
    ) -> None:
        assert dialect.describe(path, content_type, body, whole=whole).tokens >= 0


class TestClassify:
    """What an answer means."""

    @pytest.mark.parametrize("status", [200, 204, 302, 304])
    def test_a_success_is_no_rejection_whatever_it_says(self, status: int) -> None:
        assert rejection(OPENAI, status, {"error": {"code": "insufficient_quota"}}) is None

    @each_dialect
    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error":"busy"}', b"null"])
    def test_without_a_code_the_status_decides(self, dialect: Dialect, body: bytes) -> None:
        expected = {
            400: None,
            401: None,
            403: None,
            404: None,
            422: None,
            402: RejectionKind.QUOTA,
            409: RejectionKind.TRANSIENT,
            413: RejectionKind.TOO_LARGE,
            429: RejectionKind.RATE,
            500: RejectionKind.TRANSIENT,
            503: RejectionKind.OVERLOAD,
            529: RejectionKind.OVERLOAD,
        }

        assert {status: kind_of(dialect, status, body) for status in expected} == expected

    @each_dialect
    def test_retry_after_is_read(self, dialect: Dialect) -> None:
        assert rejection(dialect, 503, b"", {b"retry-after": b"7"}) == Rejection(
            RejectionKind.OVERLOAD, 7.0
        )

    @each_dialect
    def test_every_code_is_known_at_every_place(self, dialect: Dialect) -> None:
        tables = dialect.rejections
        for path in tables.code_paths:
            for code, kind in tables.codes.items():
                document: object = code
                for key in reversed(path):
                    document = {key: document}
                assert dialect.classify_document(orjson.dumps(document)) is kind

    @given(DIALECT, st.integers(100, 599), st.binary(max_size=200), st.binary(max_size=20))
    def test_classifying_never_raises(
        self, dialect: Dialect, status: int, body: bytes, value: bytes
    ) -> None:
        dialect.classify(status, lambda _name: value, body, wall=WALL)
        dialect.classify_document(body)


class TestAnswers:
    """What else an answer tells."""

    @given(DIALECT, st.data())
    def test_no_header_makes_allowances_raise(self, dialect: Dialect, data: st.DataObject) -> None:
        names = st.binary(max_size=9) | st.sampled_from([b"", *dialect.allowance_headers])
        fields = data.draw(st.lists(st.tuples(names, st.binary(max_size=20)), max_size=8))

        dialect.allowances(fields, WALL)

    def test_headers_may_tell_the_usage(self) -> None:
        bedrock = DIALECTS["bedrock"]
        told = {
            b"x-amzn-bedrock-input-token-count": b"10",
            b"x-amzn-bedrock-output-token-count": b"7",
        }

        assert bedrock.usage_in_headers(told.get) == Usage(10, 7, 0, 0)
        assert OPENAI.usage_in_headers(told.get) is None
        for nonsense in (b"-1", b"", b"1.5", b"x", b"9" * 5000):
            name = b"x-amzn-bedrock-input-token-count"
            assert bedrock.usage_in_headers({name: nonsense}.get) is None


class TestOwnErrors:
    """Errors that the sidecar answers itself."""

    @each_dialect
    @pytest.mark.parametrize("status", [400, 404, 413, 500, 502, 503, 504])
    def test_an_error_of_our_own_is_json_with_the_message(
        self, dialect: Dialect, status: int
    ) -> None:
        body = dialect.error_body(OwnError(status, "queue_full", "No room."))

        assert b"No room." in body
        assert isinstance(orjson.loads(body), dict)

    def test_most_providers_say_all_in_the_body(self) -> None:
        assert OPENAI.error_headers(OwnError(503, "queue_full", "No room.")) == ()


def test_allowances_are_read_by_the_table() -> None:
    found = OPENAI.allowances(headers("X-RateLimit-Remaining-Tokens: 5\nDate: now"), WALL)

    assert [allowance.remaining for allowance in found] == [5.0]
