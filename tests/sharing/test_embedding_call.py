"""Embeddings calls: read, merged and cut."""

import json
from typing import Any

import pytest

from sidecar.sharing.embedding_call import EmbeddingCall, InputKind, merged, read_call
from sidecar.sharing.embedding_shapes import EmbeddingShape, embedding_shape


def _shape(dialect: str, path: str) -> EmbeddingShape:
    shape = embedding_shape(dialect, path)
    assert shape is not None
    return shape


OPENAI = _shape("openai", "/v1/embeddings")
COHERE = _shape("cohere", "/v2/embed")
GEMINI = _shape("gemini", "/v1beta/models/m:batchEmbedContents")
OLLAMA = _shape("ollama", "/api/embed")


def _read(document: Any, shape: EmbeddingShape = OPENAI) -> EmbeddingCall | None:
    return read_call(shape, json.dumps(document).encode())


def _call(document: Any, shape: EmbeddingShape = OPENAI) -> EmbeddingCall:
    call = _read(document, shape)
    assert call is not None
    return call


INPUTS: list[tuple[Any, InputKind, list[Any]]] = [
    ("text", InputKind.TEXT, ["text"]),
    (["a", "b"], InputKind.TEXT, ["a", "b"]),
    ([1, 2, 3], InputKind.TOKENS, [[1, 2, 3]]),
    ([[1, 2], [3]], InputKind.TOKENS, [[1, 2], [3]]),
]


@pytest.mark.parametrize(("value", "kind", "inputs"), INPUTS)
def test_inputs_are_one_text_or_many_or_token_arrays(
    value: Any, kind: InputKind, inputs: list[Any]
) -> None:
    """A list of numbers is one input."""
    call = _call({"model": "m", "input": value})

    assert (call.kind, call.inputs, call.fields) == (kind, inputs, {"model": "m"})


@pytest.mark.parametrize(
    "document",
    [
        {"model": "m"},
        {"model": "m", "input": []},
        {"model": "m", "input": None},
        {"model": "m", "input": 5},
        {"model": "m", "input": {"text": "a"}},
        {"model": "m", "input": ["a", 1]},
        {"model": "m", "input": ["a", [1]]},
        {"model": "m", "input": [True, 1]},
        {"model": "m", "input": [[1], [True]]},
        {"model": "m", "input": [[1], []]},
        {"model": "m", "input": [[1], ["a"]]},
        {"model": "m", "input": [1.5]},
        {"model": "m", "input": "a", "unheard_of": 1},
        {"model": "m", "input": ["a", "b"], "late_chunking": True},
        ["a"],
        "a",
    ],
)
def test_what_is_not_known_passes_as_it_is(document: Any) -> None:
    assert _read(document) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"model":"m","input":"\\ud800"}', b'{"model":"m","input":"\xff"}', b"[" * 9999],
)
def test_what_is_no_json_passes_as_it_is(body: bytes) -> None:
    assert read_call(OPENAI, body) is None


def test_providers_have_their_own_inputs() -> None:
    request = {"model": "models/m", "content": {"parts": [{"text": "a"}]}}

    assert _call({"model": "m", "texts": ["a"], "input_type": "x"}, COHERE).inputs == ["a"]
    assert _call({"requests": [request]}, GEMINI).inputs == [request]
    assert _call({"model": "m", "input": "a"}, OLLAMA).inputs == ["a"]
    assert _read({"model": "m", "texts": "a"}, COHERE) is None
    assert _read({"model": "m", "texts": ["a"], "images": ["b"]}, COHERE) is None
    assert _read({"requests": ["a"]}, GEMINI) is None
    assert _read({"requests": [request], "more": 1}, GEMINI) is None
    assert _read({"model": "m", "input": [1, 2]}, OLLAMA) is None


def test_tokens_are_counted_where_they_are_there_and_estimated_where_not() -> None:
    assert _call({"input": [[1, 2, 3], [4]]}).weights == [3, 1]
    assert _call({"input": ["", "abc", "abcd", "\u4e2d\u6587"]}).weights == [1, 1, 2, 2]
    assert _call({"input": ["abcd", "abc"]}).tokens == 3


def test_calls_are_alike_that_differ_in_texts_only() -> None:
    one = _call({"model": "m", "input": "a", "dimensions": 8})

    assert one.alike == _call({"dimensions": 8, "input": ["b", "c"], "model": "m"}).alike
    assert one.alike != _call({"model": "m", "input": "a", "dimensions": 9}).alike
    assert one.alike != _call({"model": "m", "input": "a"}).alike
    assert one.alike != _call({"model": "m", "input": [1], "dimensions": 8}).alike
    assert one.alike != _call({"model": "m", "input": "a", "dimensions": "8"}).alike


def test_a_merged_call_has_everybodys_inputs_in_order() -> None:
    calls = [_call({"model": "m", "input": value, "user": "u"}) for value in ("a", ["b", "\u00e9"])]

    both = merged(calls)

    assert json.loads(both.body()) == {"model": "m", "user": "u", "input": ["a", "b", "\u00e9"]}
    assert both.weights == [1, 1, 1]


def test_merged_token_arrays_are_a_list_of_lists() -> None:
    both = merged([_call({"model": "m", "input": value}) for value in ([1, 2], [[3]])])

    assert json.loads(both.body())["input"] == [[1, 2], [3]]


def test_a_part_has_some_of_the_inputs_and_all_of_the_rest() -> None:
    call = _call({"model": "m", "input": ["a", "b", "cccccc"], "dimensions": 4})

    part = call.part(slice(1, 3))

    assert json.loads(part.body()) == {"model": "m", "input": ["b", "cccccc"], "dimensions": 4}
    assert part.tokens == 3


def test_what_is_nested_deeper_than_it_can_be_written_passes_as_it_is() -> None:
    deep = b'{"a":' * 300 + b"1" + b"}" * 300

    assert read_call(OPENAI, b'{"input":["a"],"metadata":' + deep + b"}") is None
    assert read_call(GEMINI, b'{"requests":[' + deep + b"]}") is None
