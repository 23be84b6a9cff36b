"""A question is put into a request's body, and nothing else changes."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.dialects.stream_options import asking_for_usage


@pytest.mark.parametrize(
    ("body", "asking"),
    [
        (b'{"stream":true}', b'{"stream_options":{"include_usage":true},"stream":true}'),
        (
            b' \n{ "model" : "m", "stream" : true }\n',
            b' \n{"stream_options":{"include_usage":true}, "model" : "m", "stream" : true }\n',
        ),
        (
            b'{"stream":true,"stream_options":{}}',
            b'{"stream":true,"stream_options":{"include_usage":true}}',
        ),
        (
            b'{"stream_options" : { "include_obfuscation": false },"stream":true}',
            b'{"stream_options" : {"include_usage":true, "include_obfuscation": false },'
            b'"stream":true}',
        ),
        (  # what stands in a text is no field
            rb'{"stream":true,"messages":[{"content":"\"stream_options\": {}"}]}',
            rb'{"stream_options":{"include_usage":true},'
            rb'"stream":true,"messages":[{"content":"\"stream_options\": {}"}]}',
        ),
        (  # the last of two fields counts for everybody
            b'{"stream":false,"stream":true}',
            b'{"stream_options":{"include_usage":true},"stream":false,"stream":true}',
        ),
    ],
)
def test_a_stream_without_the_question_gets_it(body: bytes, asking: bytes) -> None:
    assert asking_for_usage(body) == asking


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"stream":tru',
        b'["stream"]',
        b'{"model":"m"}',
        b'{"stream":false}',
        b'{"stream":null}',
        b'{"stream":1}',
        b'{"stream":"true"}',
        b'{"stream":true,"stream":false}',
        b'{"stream":true,"stream_options":null}',
        b'{"stream":true,"stream_options":[]}',
        b'{"stream":true,"stream_options":{"include_usage":true}}',
        b'{"stream":true,"stream_options":{"include_usage":false}}',
        b'{"stream":true,"stream_options":{"include_usage":null}}',
        # Nobody but the one who wrote it knows which of two is meant.
        b'{"stream":true,"stream_options":{},"stream_options":{}}',
        b'{"stream":true,"metadata":{"stream_options":{}},"stream_options":{}}',
        rb'{"stream":true,"stream_option\u0073":{}}',
        rb'{"stream":true,"metadata":{"stream_options":{}},"stream_option\u0073":{}}',
        b'{"stream":true,"deep":' + b"[" * 1000 + b"]" * 1000 + b"}",
    ],
)
def test_any_other_body_stays(body: bytes) -> None:
    assert asking_for_usage(body) is None


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""However busy the machine is."""

NAMES = st.sampled_from(["stream", "stream_options", "include_usage", "a", '"stream_options":{'])
VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@unhurried
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.sampled_from([None, 2]))
def test_everything_else_stays_byte_for_byte(document: dict[str, Any], indent: int | None) -> None:
    body = json.dumps({**document, "stream": True}, indent=indent).encode()

    asking = asking_for_usage(body)

    if asking is not None:
        place = next(n for n, (a, b) in enumerate(zip(body, asking, strict=False)) if a != b)
        added = len(asking) - len(body)
        assert any(
            asking[:at] + asking[at + added :] == body
            for at in range(max(0, place - 40), place + 1)
        )
        told = json.loads(asking)
        assert told.pop("stream_options").pop("include_usage") is True
        before = json.loads(body)
        before.pop("stream_options", None)
        assert told == before
