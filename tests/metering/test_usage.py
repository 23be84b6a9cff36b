"""Reading the tokens that an answer says it used."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.metering.usage import MOST_TOKENS, UsageShape, find_usage, tells_nonsense
from sidecar.tokens import Usage

SHAPE = UsageShape(
    at=("a", "usage"),
    input=(("in",), ("more", "in")),
    output=(("out",),),
    cached_input=(("cached",), ("details", "cached")),
    reasoning=(("thoughts",),),
    cache_write=(("written",),),
    cache_write_1h=(("written_1h",),),
    input_audio=(("heard",),),
    output_audio=(("spoken",),),
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
        (
            {"in": 9, "out": 8, "written": 6, "written_1h": 5, "heard": 4, "spoken": 3},
            Usage(9, 8, cache_write=6, cache_write_1h=5, input_audio=4, output_audio=3),
        ),
        # A part is never more than its whole.
        (
            {"in": 9, "out": 8, "written": 10, "written_1h": 11, "heard": 12, "spoken": 13},
            Usage(9, 8, cache_write=9, cache_write_1h=9, input_audio=9, output_audio=8),
        ),
        ({"in": 9, "written": 3, "written_1h": 4}, Usage(9, 0, cache_write=3, cache_write_1h=3)),
        # One that makes no sense takes nothing from the others.
        ({"in": 9, "out": 8, "cached": -1, "thoughts": "7"}, Usage(9, 8)),
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


@pytest.mark.parametrize(
    ("usage", "nonsense"),
    [
        ({"in": -1}, True),
        ({"in": 5, "out": "7"}, True),
        ({"out": True}, True),
        ("5", True),
        ([5], True),
        (5, True),
        ({}, False),
        ({"in": None, "out": None}, False),
        ({"total": "x"}, False),
        (None, False),
        ({"in": 5}, False),
    ],
)
def test_what_stands_in_place_of_figures_may_be_nonsense(usage: object, nonsense: bool) -> None:
    assert tells_nonsense({"a": {"usage": usage}}, (FLAT, SHAPE)) is nonsense
    assert tells_nonsense({"a": {}, "eval_count": -1}, (SHAPE, FLAT))


@pytest.mark.parametrize("document", [{}, [], "x", None, 5, {"a": "usage"}])
def test_a_document_without_a_place_for_figures_tells_no_nonsense(document: object) -> None:
    assert not tells_nonsense(document, (SHAPE, FLAT))


@pytest.mark.parametrize("document", [{}, [], None, 5, {"a": None}, {"a": {"usage": [1]}}])
def test_a_document_without_figures_has_no_usage(document: object) -> None:
    assert find_usage(document, (SHAPE,)) is None


def test_of_several_shapes_the_first_that_fits_counts() -> None:
    document = {"a": {"usage": {"in": 1}}, "eval_count": 2}

    assert find_usage(document, (SHAPE, FLAT)) == (SHAPE, {"in": 1}, Usage(1, 0, 0, 0))
    assert find_usage(document, (FLAT, SHAPE)) == (FLAT, document, Usage(0, 2, 0, 0))
    assert find_usage({"a": {"usage": {"in": "x"}}, "eval_count": 2}, (SHAPE, FLAT)) is not None


def test_a_marker_stands_in_every_text_with_figures() -> None:
    assert SHAPE.marker in orjson.dumps({"a": {"usage": {"in": 1}}})
    assert FLAT.marker in orjson.dumps({"eval_count": 5, "done": True})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'"usage":{', True),
        (b'"usage" : \n 5', True),
        (b'"usage":null', False),
        (b'"usage": null', False),
        (b'"usage":', False),
        (b'"usage"', False),
        (b'"usage":null,"usage":{', True),
    ],
)
def test_a_place_is_where_there_is_more_than_null(text: bytes, found: bool) -> None:
    assert bool(SHAPE.place.search(text)) is found
