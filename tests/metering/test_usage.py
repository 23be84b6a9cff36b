"""Reading the tokens that an answer says it used."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.usage import (
    MOST_TOKENS,
    Usage,
    UsageShape,
    find_usage,
    find_usage_in_fragment,
)

SHAPE = UsageShape(
    at=("a", "usage"),
    input=(("in",), ("more", "in")),
    output=(("out",),),
    cached_input=(("cached",), ("details", "cached")),
    reasoning=(("thoughts",),),
)
FLAT = UsageShape(at=(), input=(("prompt_eval_count",),), output=(("eval_count",),))

NONSENSE = st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.lists(st.just(1))
FIGURES = st.recursive(
    NONSENSE | st.integers(-5, 2**62),
    lambda inner: st.dictionaries(st.sampled_from(("in", "out", "more", "cached")), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("figures", "usage"),
    [
        ({"in": 3, "out": 5}, Usage(3, 5, 0, 0)),
        ({"in": 3, "more": {"in": 4}, "out": 5}, Usage(7, 5, 0, 0)),
        ({"in": 3}, Usage(3, 0, 0, 0)),
        ({"out": 0}, Usage(0, 0, 0, 0)),
        ({"in": 3, "out": None}, Usage(3, 0, 0, 0)),
        ({"in": 9, "out": 8, "cached": 2, "thoughts": 7}, Usage(9, 8, 2, 7)),
        ({"in": 9, "details": {"cached": 4}}, Usage(9, 0, 4, 0)),
        ({"in": 9, "cached": 1, "details": {"cached": 4}}, Usage(9, 0, 1, 0)),
        ({"in": 9, "cached": "1", "details": {"cached": 4}}, Usage(9, 0, 4, 0)),
        # A part is never more than its whole.
        ({"in": 9, "out": 1, "cached": 10, "thoughts": 2}, Usage(9, 1, 9, 1)),
        ({"in": 5.0}, Usage(5, 0, 0, 0)),
        ({"in": MOST_TOKENS}, Usage(MOST_TOKENS, 0, 0, 0)),
    ],
)
def test_figures_are_added_up_to_wholes(figures: dict[str, object], usage: Usage) -> None:
    assert SHAPE.read(figures) == usage


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {"cached": 5},
        {"in": None, "out": None},
        {"in": -1},
        {"in": True},
        {"in": 1.5},
        {"in": "7"},
        {"in": [7]},
        {"in": float("nan")},
        {"in": float("inf")},
        {"in": MOST_TOKENS + 1},
        {"in": 7, "out": -1},
        {"in": "7", "out": 5},
        {"in": 7, "more": {"in": False}},
    ],
)
def test_nonsense_is_no_usage(figures: dict[str, object]) -> None:
    assert SHAPE.read(figures) is None


@given(st.dictionaries(st.sampled_from(("in", "out", "more", "cached", "thoughts")), FIGURES))
def test_whatever_is_told_gives_a_usage_or_none(figures: dict[str, object]) -> None:
    usage = SHAPE.read(figures)

    if usage is not None:
        assert 0 <= usage.cached_input <= usage.input
        assert 0 <= usage.reasoning <= usage.output


@pytest.mark.parametrize("document", [{}, [], None, 5, {"a": None}, {"a": {"usage": [1]}}])
def test_a_document_without_figures_has_no_usage(document: object) -> None:
    assert find_usage(document, (SHAPE,)) is None


def test_of_several_shapes_the_first_that_fits_counts() -> None:
    document = {"a": {"usage": {"in": 1}}, "eval_count": 2}

    assert find_usage(document, (SHAPE, FLAT)) == (SHAPE, {"in": 1}, Usage(1, 0, 0, 0))
    assert find_usage(document, (FLAT, SHAPE)) == (FLAT, document, Usage(0, 2, 0, 0))
    assert find_usage({"a": {"usage": {"in": "x"}}, "eval_count": 2}, (SHAPE, FLAT)) is not None


@pytest.mark.parametrize(
    ("fragment", "figures"),
    [
        (b'ext"}],"usage":{"in":1},"user":null}', {"in": 1}),
        (b'"usage" : \n {"in":1,"more":{"in":2}}}', {"in": 1, "more": {"in": 2}}),
        (b'"usage":{"in":1},"x":"\xff\xfe","usage":{"in":2}', {"in": 2}),
        (b'"usage":{"in":1},"usage":{"in":"x"},"usage":{"in"', {"in": 1}),
        (b'"usage":{"in":1},"usage":5,"usage":[],"usage":null,["usage"]', {"in": 1}),
        # Inside of a string quotes are escaped.
        (b'"usage":{"in":1},"text":"\\"usage\\":{\\"in\\":9}"', {"in": 1}),
        # A schema's property of that name.
        (b'"usage":{"in":1},"properties":{"usage":{"type":"string"}}', {"in": 1}),
    ],
)
def test_figures_are_found_in_what_is_left_of_a_document(
    fragment: bytes, figures: dict[str, object]
) -> None:
    found = find_usage_in_fragment(fragment, (FLAT, SHAPE))

    assert found == (SHAPE, figures, SHAPE.read(figures))


@pytest.mark.parametrize(
    "fragment",
    [b"", b'"usage"', b'"usage":', b'"usage":{', b'"usage":' + b'{"a":' * 50_000, b'e":{"in":1}'],
)
def test_what_is_left_may_hold_no_figures(fragment: bytes) -> None:
    assert find_usage_in_fragment(fragment, (FLAT, SHAPE)) is None


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_fragment_raises(before: bytes, after: bytes) -> None:
    find_usage_in_fragment(before + b'"usage":{"in":' + after, (SHAPE,))


def test_a_marker_stands_in_every_text_with_figures() -> None:
    assert SHAPE.marker in orjson.dumps({"a": {"usage": {"in": 1}}})
    assert FLAT.marker in orjson.dumps({"eval_count": 5, "done": True})
