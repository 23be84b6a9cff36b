"""What error answers mean, by tables."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dialects.rejections import QUOTA_HINT, STATUS_KINDS, Document, Rejection, Rejections
from sidecar.outcomes import RejectionKind
from tests.dialects.made import WALL


def special(error: Document) -> RejectionKind | None:
    return RejectionKind.TOO_LARGE if error.get("special") else None


TABLES = Rejections(
    special=special,
    messages=((re.compile("too many in all", re.IGNORECASE), RejectionKind.QUOTA),),
    code_header=b"x-code",
    code_paths=(("error", "code"), ("error", "type")),
    codes={"slow_down": RejectionKind.RAMP, "1300": RejectionKind.RATE},
    hint_headers=(b"x-reset",),
    hint=lambda error: error.get("hint"),
)
PLAIN = Rejections()


def kind(
    status: int, document: object, code: bytes | None = None, tables: Rejections = TABLES
) -> RejectionKind | None:
    found = tables.classify(status, {b"x-code": code}.get, document, WALL)
    return None if found is None else found.kind


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, None),
        (401, None),
        (403, None),
        (404, None),
        (422, None),
        (498, None),
        (499, None),
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
@pytest.mark.parametrize(
    "document",
    [None, [], [5], {}, "words", {"error": "busy"}, {"error": {"code": "new"}}, {"error": {}}],
)
@pytest.mark.parametrize("tables", [TABLES, PLAIN])
def test_the_status_decides_where_the_document_names_nothing_we_know(
    tables: Rejections, document: object, status: int, expected: RejectionKind | None
) -> None:
    assert kind(status, document, tables=tables) is expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"error": {"code": "slow_down"}}, RejectionKind.RAMP),
        ({"error": {"type": "slow_down"}}, RejectionKind.RAMP),
        ({"error": {"code": "1300", "type": "slow_down"}}, RejectionKind.RATE),
        ({"error": {"code": "new", "type": "slow_down"}}, RejectionKind.RAMP),
        ({"error": {"code": 1300}}, RejectionKind.RATE),
        ({"error": {"code": ["slow_down"], "type": "slow_down"}}, RejectionKind.RAMP),
        # The last element of an array is the error.
        ([{"error": {"code": "1300"}}, {"error": {"code": "slow_down"}}], RejectionKind.RAMP),
    ],
)
def test_codes_count_more_than_the_status_the_most_specific_first(
    document: object, expected: RejectionKind
) -> None:
    assert kind(500, document) is expected
    assert kind(400, document) is expected
    assert TABLES.kind_of(document) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (429, RejectionKind.RATE),
        ("429", RejectionKind.RATE),
        (503, RejectionKind.OVERLOAD),
        (577, RejectionKind.TRANSIENT),
        (400, None),
        (200, None),
        (4290, None),
        (-42, None),
        (True, None),
        ("4²9", None),
    ],
)
def test_a_code_may_be_a_status(code: object, expected: RejectionKind | None) -> None:
    """Of an error inside of a stream, which has no status but 200."""
    assert TABLES.kind_of({"error": {"code": code}}) is expected


def test_a_header_with_the_code_counts_more_than_the_document_s_codes() -> None:
    assert kind(500, {"error": {"code": "1300"}}, b"slow_down") is RejectionKind.RAMP
    assert kind(500, None, b"slow_down:http://internal/") is RejectionKind.RAMP
    assert kind(500, {"error": {"code": "1300"}}, b"new") is RejectionKind.RATE
    assert kind(500, None, b"\xff") is RejectionKind.TRANSIENT


def test_a_message_counts_where_it_begins_as_known_and_more_than_codes() -> None:
    error = {"code": "slow_down", "message": "Too many in all, dear."}

    assert kind(429, {"error": error}, b"slow_down") is RejectionKind.QUOTA
    assert TABLES.kind_of({"error": error}) is RejectionKind.QUOTA
    for message in ("Not too many in all", None, 5, ["too many in all"]):
        assert kind(429, {"error": {**error, "message": message}}) is RejectionKind.RAMP


def test_what_no_single_code_says_counts_most() -> None:
    document = {"special": True, "error": {"message": "too many in all", "code": "slow_down"}}

    assert kind(429, document) is RejectionKind.TOO_LARGE


@pytest.mark.parametrize(
    ("headers", "document", "seconds"),
    [
        ({}, {}, None),
        ({b"retry-after": b"5"}, {}, 5.0),
        ({b"x-reset": b"5"}, {}, 5.0),
        ({}, {"hint": "5s"}, 5.0),
        ({}, {"hint": "soon"}, None),
        ({}, {"hint": 5}, None),
        ({b"retry-after": b"soon"}, {"hint": "5s"}, 5.0),
        ({b"retry-after": b"1"}, {"hint": "5s"}, 1.0),
    ],
)
def test_the_hint_is_the_header_s_or_else_the_document_s(
    headers: dict[bytes, bytes], document: object, seconds: float | None
) -> None:
    assert TABLES.classify(503, headers.get, document, WALL) == Rejection(
        RejectionKind.OVERLOAD, seconds
    )


@pytest.mark.parametrize(
    ("status", "seconds", "expected"),
    [
        (429, QUOTA_HINT - 1, RejectionKind.RATE),
        (429, QUOTA_HINT, RejectionKind.QUOTA),
        (503, QUOTA_HINT, RejectionKind.OVERLOAD),
        (500, QUOTA_HINT, RejectionKind.TRANSIENT),
    ],
)
def test_a_rate_limit_of_hours_is_a_used_up_allowance(
    status: int, seconds: float, expected: RejectionKind
) -> None:
    headers = {b"retry-after": b"%d" % seconds}

    assert PLAIN.classify(status, headers.get, None, WALL) == Rejection(expected, seconds)


@given(st.integers(400, 599), st.recursive(st.text() | st.integers() | st.none(), st.lists))
def test_no_document_raises(status: int, document: object) -> None:
    for shaped in (document, {"error": document}, {"error": {"code": document, "hint": document}}):
        TABLES.classify(status, lambda _name: None, shaped, WALL)
        TABLES.kind_of(shaped)


def test_a_table_of_statuses_may_be_a_provider_s_own() -> None:
    own = Rejections(statuses={**STATUS_KINDS, 498: RejectionKind.OVERLOAD})

    assert kind(498, None, tables=own) is RejectionKind.OVERLOAD
