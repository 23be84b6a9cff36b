"""Reading the tokens that an answer says it used."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.usage import dig, output_tokens

PATHS = (("usage", "completion_tokens"), ("usage", "output_tokens"))


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"completion_tokens": 7}, 7),
        ({"output_tokens": 8}, 8),
        ({"completion_tokens": 7, "output_tokens": 8}, 7),
        ({"completion_tokens": None, "output_tokens": 8}, 8),
        ({"completion_tokens": 0}, 0),
        ({"completion_tokens": -1}, None),
        ({"completion_tokens": True}, None),
        ({"completion_tokens": 1.5}, None),
        ({"completion_tokens": "7"}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_the_first_whole_number_at_a_known_place_counts(usage: object, tokens: int | None) -> None:
    assert output_tokens(orjson.dumps({"usage": usage}), PATHS) == tokens


@given(st.binary(max_size=100))
def test_nonsense_is_no_usage_and_no_exception(body: bytes) -> None:
    assert output_tokens(b"\x00" + body, PATHS) is None


@pytest.mark.parametrize(
    ("document", "found"),
    [({"a": {"b": 1}}, 1), ({"a": {}}, None), ({"a": 5}, None), ([], None), (None, None)],
)
def test_a_path_leads_through_objects_only(document: object, found: object) -> None:
    assert dig(document, ("a", "b")) == found


def test_an_empty_path_leads_to_the_document() -> None:
    assert dig(5, ()) == 5
