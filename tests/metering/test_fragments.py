"""Figures in JSON texts whose beginning is cut off."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.fragments import find_usage_in_fragment, tells_nonsense_in_fragment
from sidecar.metering.usage import UsageShape
from sidecar.tokens import Usage

SHAPE = UsageShape(at=("a", "usage"), input=(("in",), ("more", "in")), output=(("out",),))
FLAT = UsageShape(at=(), input=(("prompt_eval_count",),), output=(("eval_count",),))


@pytest.mark.parametrize(
    ("fragment", "figures"),
    [
        (b'ext"}],"usage":{"in":1},"user":null}}', {"in": 1}),
        (b'"usage" : \n {"in":1,"more":{"in":2}}}}', {"in": 1, "more": {"in": 2}}),
        (b'"usage":{"in":1},"x":"\xff\xfe","usage":{"in":2}}}', {"in": 2}),
        (b'"usage":{"in":1},"usage":{"in":"x"}}}', {"in": 1}),
        (b'"usage":{"in":1},"usage":5,"usage":[],"usage":null,"x":["usage"]}}', {"in": 1}),
        # Inside of a string quotes are escaped.
        (b'"usage":{"in":1},"text":"\\"usage\\":{\\"in\\":9}"}}', {"in": 1}),
        # A schema's property of that name.
        (b'"usage":{"in":1},"properties":{"usage":{"type":"string"}}}}', {"in": 1}),
        # What the model gave a tool, what a server says of its parts; the last of an array.
        (b'"usage":{"in":1},"input":{"usage":{"in":9}}}}', {"in": 1}),
        (b'"usage":{"in":1},"parts":[{"x":{"usage":{"in":9}}}]}}', {"in": 1}),
        (b'"usage":{"in":1},"user":nul', None),
        (b'"usage":{"in":1},"user":null', {"in": 1}),
        (b'{"a":{"usage":{"in":9}}},{"a":{"usage":{"in":1}}}]', {"in": 1}),
    ],
)
def test_figures_are_found_in_what_is_left_of_a_document(
    fragment: bytes, figures: dict[str, object] | None
) -> None:
    found = find_usage_in_fragment(fragment, (FLAT, SHAPE))

    assert found == (figures and (SHAPE, figures, SHAPE.read(figures)))


@pytest.mark.parametrize(
    ("fragment", "usage"),
    [
        (b'7],"prompt_eval_count":5,"eval_count" : 7}', Usage(5, 7)),
        (b'"prompt_eval_count":5}', Usage(5, 0)),
        (b'"eval_count":1,"eval_count":2,"prompt_eval_count":null}', Usage(0, 2)),
        (b'"eval_count":1,"arguments":{"eval_count":2}}', Usage(0, 1)),
    ],
)
def test_figures_may_stand_among_all_the_rest(fragment: bytes, usage: Usage) -> None:
    found = find_usage_in_fragment(fragment, (SHAPE, FLAT))

    assert found is not None
    assert found.usage == usage


@pytest.mark.parametrize(
    ("fragment", "nonsense"),
    [
        (b'"usage":{"in":-1}}}', True),
        (b'"usage":"5"}}', True),
        (b'"usage":{"in":1},"usage":{"in":"x"}}}', True),
        (b'"eval_count":-7}', True),
        (b'"usage":{"in":"x"},"usage":{"in":1}}}', False),
        (b'"usage":null}}', False),
        (b'"input":{"usage":"5"}}}', False),
        (b'"usage":{"in"', False),
        (b"", False),
    ],
)
def test_nonsense_counts_where_it_comes_last(fragment: bytes, nonsense: bool) -> None:
    assert tells_nonsense_in_fragment(fragment, (SHAPE, FLAT)) is nonsense


@pytest.mark.parametrize(
    "fragment",
    [b"", b'"usage"', b'"usage":', b'"usage":{', b'"usage":' + b'{"a":' * 50_000, b'e":{"in":1}'],
)
def test_what_is_left_may_hold_no_figures(fragment: bytes) -> None:
    assert find_usage_in_fragment(fragment, (FLAT, SHAPE)) is None


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_fragment_raises(before: bytes, after: bytes) -> None:
    fragment = before + b'"usage":{"in":' + after

    find_usage_in_fragment(fragment, (SHAPE, FLAT))
    tells_nonsense_in_fragment(fragment, (SHAPE, FLAT))


def test_a_text_full_of_the_name_is_not_read_again_and_again() -> None:
    inner = b'{"usage":{"in":1}},' * 50_000
    begin = process_time()

    assert find_usage_in_fragment(b'"usage":{"in":2},"x":[' + inner + b"1]}}", (SHAPE,)) is None
    assert process_time() - begin < 1
