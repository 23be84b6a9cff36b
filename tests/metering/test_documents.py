"""Looking into documents whose shape nobody promised."""

import pytest

from sidecar.metering.documents import dig, parsed


@pytest.mark.parametrize(
    ("document", "found"),
    [({"a": {"b": 1}}, 1), ({"a": {}}, None), ({"a": 5}, None), ([], None), (None, None)],
)
def test_a_path_leads_through_objects_only(document: object, found: object) -> None:
    assert dig(document, ("a", "b")) == found


def test_an_empty_path_leads_to_the_document() -> None:
    assert dig(5, ()) == 5


@pytest.mark.parametrize(
    ("text", "document"),
    [(b'{"a":1}', {"a": 1}), (b"null", None), (b"", None), (b"{", None), (b"[" * 9999, None)],
)
def test_what_is_no_json_is_no_document(text: bytes, document: object) -> None:
    assert parsed(text) == document
