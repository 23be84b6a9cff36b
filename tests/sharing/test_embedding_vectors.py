"""Answers are read and written without touching their numbers."""

import json
from time import process_time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sharing.embedding_vectors import read_answer, write_answer

NUMBERS = b"[-1e-05,2.5000, 7 ,\n3E+2,-0.0,0.1000000000000000055511151231257827]"
TRICKY = [
    "",
    "[1,2]",
    'a"[1]',
    '\\"[1]',
    "\\",
    "\\\\",
    '":[1,2],"',
    "\0",
    "\\u00000",
    "\u2028[3]",
    "{[",
]

texts = st.sampled_from(TRICKY) | st.text(max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    texts
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts | st.just("embedding"), inner, max_size=4)
    ),
    max_leaves=20,
)


def test_numbers_keep_their_digits() -> None:
    body = b'{"data":[{"embedding":' + NUMBERS + b',"index":0}],"model":"m"}'

    document = read_answer(body)

    assert isinstance(document["data"][0]["embedding"], orjson.Fragment)
    assert write_answer(document) == body


def test_lists_of_lists_are_lists_of_vectors() -> None:
    document = read_answer(b'{"embeddings":[ [1.50],[2.5] , []]}')

    assert len(document["embeddings"]) == 3
    assert write_answer(document) == b'{"embeddings":[[1.50],[2.5],[]]}'


@given(values, st.booleans())
def test_every_document_comes_out_as_it_went_in(value: Any, spaced: bool) -> None:
    body = json.dumps(value, indent=2 if spaced else None, ensure_ascii=spaced).encode()

    assert json.loads(write_answer(read_answer(body))) == json.loads(body)


def test_a_text_that_looks_like_a_mark_is_none() -> None:
    body = b'{"a":"\\u00000","b":[1.50]}'

    assert json.loads(write_answer(read_answer(body))) == {"a": "\x000", "b": [1.5]}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1,2", b'{"a":[1,2}', b'{"a":"b', b'{"a":"b\\', b'"\\"', b"[1]]", b"\xff"]
)
def test_what_is_no_json_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_answer(body)


@pytest.mark.parametrize("body", [b"[1" * 300_000, b"[1," * 300_000 + b"]", b'[1,{"":"[' * 100_000])
def test_a_garbled_answer_is_read_once(body: bytes) -> None:
    """Not again from each list in it: that would be minutes."""
    begin = process_time()
    with pytest.raises(ValueError, match=r"."):
        read_answer(body)

    assert process_time() - begin < 2
