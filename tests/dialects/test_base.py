"""What every dialect does with its tables."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dialects import DIALECTS, Dialect, OwnError
from sidecar.dialects.base import STATUS_KINDS
from sidecar.outcomes import Endpoint, RejectionKind

DIALECT = st.sampled_from(list(DIALECTS.values()))
JSON = b"application/json"
OPENAI = DIALECTS["openai"]


def test_every_dialect_is_found_by_its_own_name() -> None:
    assert {name: dialect.name for name, dialect in DIALECTS.items()} == {
        "openai": "openai",
        "anthropic": "anthropic",
        "other": "other",
    }


@pytest.mark.parametrize(
    "content_type",
    [JSON, b"Application/JSON", b"application/json; charset=utf-8", b" application/json "],
)
def test_the_model_of_a_json_body_is_found_however_the_type_is_written(content_type: bytes) -> None:
    call = OPENAI.describe("/v1/embeddings", content_type, b'{"model":"m"}', whole=True)

    assert (call.endpoint, call.model) == (Endpoint.EMBEDDINGS, "m")


def test_the_beginning_of_a_body_is_enough() -> None:
    call = OPENAI.describe("/v1/embeddings", JSON, b'{"model":"m","input":["a', whole=False)

    assert call.model == "m"


def test_a_form_names_its_model_in_a_field() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--x'

    call = OPENAI.describe(
        "/v1/audio/transcriptions", b"multipart/form-data; boundary=x", body, whole=True
    )

    assert (call.endpoint, call.model) == (Endpoint.OTHER, "whisper")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(JSON, b""), (b"text/plain", b'{"model":"m"}'), (b"", b'{"model":"m"}')],
)
def test_what_is_neither_json_nor_a_form_names_no_model(content_type: bytes, body: bytes) -> None:
    assert OPENAI.describe("/v1/responses", content_type, body, whole=True).model is None


@given(
    DIALECT,
    st.text(max_size=30),
    st.sampled_from((JSON, b"multipart/form-data", b"text/plain")) | st.binary(max_size=20),
    st.binary(max_size=200),
    st.booleans(),
)
def test_describing_never_raises(
    dialect: Dialect, path: str, content_type: bytes, body: bytes, whole: bool
) -> None:
    dialect.describe(path, content_type, body, whole=whole)


@pytest.mark.parametrize("status", [200, 204, 302, 304])
def test_a_success_is_no_rejection_whatever_it_says(status: int) -> None:
    body = b'{"error":{"code":"insufficient_quota"}}'

    assert OPENAI.classify(status, body) is None


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, None),
        (401, None),
        (403, None),
        (404, None),
        (422, None),
        (402, RejectionKind.QUOTA),
        (408, RejectionKind.TRANSIENT),
        (409, RejectionKind.TRANSIENT),
        (413, RejectionKind.TOO_LARGE),
        (429, RejectionKind.RATE),
        (500, RejectionKind.TRANSIENT),
        (501, RejectionKind.TRANSIENT),
        (502, RejectionKind.TRANSIENT),
        (503, RejectionKind.OVERLOAD),
        (504, RejectionKind.TRANSIENT),
        (529, RejectionKind.OVERLOAD),
        (599, RejectionKind.TRANSIENT),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error":"busy"}', b"null"])
def test_the_status_decides_where_the_body_names_no_code(
    dialect: Dialect, status: int, kind: RejectionKind | None, body: bytes
) -> None:
    assert dialect.classify(status, body) is kind


def test_a_code_counts_more_than_the_status() -> None:
    body = b'{"error":{"code":"insufficient_quota","type":"insufficient_quota"}}'

    assert STATUS_KINDS[429] is RejectionKind.RATE
    assert OPENAI.classify(429, body) is RejectionKind.QUOTA


@given(DIALECT, st.integers(100, 599), st.binary(max_size=200))
def test_classifying_never_raises(dialect: Dialect, status: int, body: bytes) -> None:
    dialect.classify(status, body)


LABELS = [
    (dialect.name, path, label, kind)
    for dialect in DIALECTS.values()
    for path in dialect.label_paths
    for label, kind in dialect.label_kinds.items()
]


@pytest.mark.parametrize(("name", "path", "label", "kind"), LABELS)
def test_every_code_is_known_at_every_place(
    name: str, path: tuple[str, ...], label: str, kind: RejectionKind
) -> None:
    document: object = label
    for key in reversed(path):
        document = {key: document}

    assert DIALECTS[name].classify_document(orjson.dumps(document)) is kind


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_an_error_of_our_own_is_json_with_reason_and_message(dialect: Dialect) -> None:
    body = dialect.error_body(OwnError(503, "queue_full", "No room."))

    assert b"queue_full" in body
    assert b"No room." in body
    assert "error" in orjson.loads(body)
