"""An API that the sidecar does not know: relayed, limited as one, never looked into."""

import orjson

from sidecar.dialects import OwnError
from sidecar.dialects.other import OTHER
from sidecar.outcomes import Endpoint, RejectionKind


def test_neither_endpoint_nor_model_is_read() -> None:
    call = OTHER.describe("/v1/chat/completions", b"application/json", b'{"model":"m"}', whole=True)

    assert (call.endpoint, call.model) == (Endpoint.OTHER, None)


def test_only_the_status_counts() -> None:
    body = b'{"error":{"code":"insufficient_quota"}}'

    assert OTHER.classify(429, body) is RejectionKind.RATE


def test_an_error_of_our_own_is_plain_json() -> None:
    document = orjson.loads(OTHER.error_body(OwnError(404, "no_route", "Words.")))

    assert document == {"error": {"message": "Words.", "code": "no_route"}}
