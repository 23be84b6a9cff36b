"""An API that the sidecar does not know: relayed, limited as one, never looked into."""

import orjson

from sidecar.dialects import Call, OwnError
from sidecar.dialects.other import OTHER
from sidecar.outcomes import Endpoint, RejectionKind
from tests.dialects.made import WALL, call, kind_of


def test_neither_endpoint_nor_model_nor_tokens_are_read() -> None:
    document = {"model": "m", "max_tokens": 5}

    assert call(OTHER, "/v1/chat/completions", document) == Call(Endpoint.OTHER, None, 0)


def test_only_the_status_counts() -> None:
    assert kind_of(OTHER, 429, {"error": {"code": "insufficient_quota"}}) is RejectionKind.RATE


def test_no_headers_and_no_usage_are_known() -> None:
    assert OTHER.allowances([(b"x-ratelimit-remaining-requests", b"0")], WALL) == ()
    assert OTHER.usages == ()


def test_an_error_of_our_own_is_plain_json() -> None:
    document = orjson.loads(OTHER.error_body(OwnError(404, "no_route", "Words.")))

    assert document == {"error": {"message": "Words.", "code": "no_route"}}
