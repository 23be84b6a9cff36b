"""Answers: checked, divided and joined."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sharing.embedding_answer import WrongVectorsError, checked, joined
from sidecar.sharing.embedding_shapes import EmbeddingShape
from tests.sharing.test_embedding_call import COHERE, GEMINI, OLLAMA, OPENAI


def _items(*indexes: int | None) -> list[dict[str, Any]]:
    """Items whose vectors tell their place in the list."""
    return [
        {"embedding": [place + 0.5]} | ({} if index is None else {"index": index})
        for place, index in enumerate(indexes)
    ]


def _openai(items: Any, tokens: Any = 10) -> bytes:
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json.dumps({"object": "list", "data": items, "model": "m", "usage": usage}).encode()


def _divided(
    shape: EmbeddingShape, body: bytes, counts: list[int], weights: list[int] | None = None
) -> list[Any]:
    answer = checked(shape, body, sum(counts))
    return [json.loads(part) for part in answer.divided(counts, weights or counts)]


def test_each_call_gets_its_own_vectors_from_index_zero() -> None:
    first, second = _divided(OPENAI, _openai(_items(0, 1, 2)), [1, 2], [1, 3])

    assert first == {
        "object": "list",
        "data": [{"index": 0, "embedding": [0.5]}],
        "model": "m",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    assert second["data"] == [
        {"index": 0, "embedding": [1.5]},
        {"index": 1, "embedding": [2.5]},
    ]
    assert second["usage"] == {"prompt_tokens": 7, "total_tokens": 7}


def test_indexes_count_and_order_does_not() -> None:
    first, second = _divided(OPENAI, _openai(_items(2, 0, 1)), [1, 2])

    assert [item["embedding"] for item in first["data"]] == [[1.5]]
    assert [item["embedding"] for item in second["data"]] == [[2.5], [0.5]]


def test_order_counts_where_nothing_has_an_index() -> None:
    first, second = _divided(OPENAI, _openai(_items(None, None)), [1, 1])

    assert (first["data"], second["data"]) == ([{"embedding": [0.5]}], [{"embedding": [1.5]}])


def test_base64_stays_the_same_text() -> None:
    items = [{"index": place, "embedding": f"AAA+/{place}=="} for place in (0, 1)]

    parts = _divided(OPENAI, _openai(items), [1, 1])

    assert [part["data"][0]["embedding"] for part in parts] == ["AAA+/0==", "AAA+/1=="]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"error":{"message":"no"}}',
        b'{"data":null}',
        b'{"data":{}}',
        b'{"data":"no"}',
        _openai([]),
        _openai(_items(0)),
        _openai(_items(0, 1, 2)),
        _openai(_items(0, 0)),
        _openai(_items(1, 2)),
        _openai(_items(0, None)),
        _openai(_items(0, -1)),
        _openai([{"index": "0", "embedding": [1]}, {"index": "1", "embedding": [1]}]),
        _openai([{"index": 0.0, "embedding": [1]}, {"index": 1.0, "embedding": [1]}]),
        _openai([{"index": False, "embedding": [1]}, {"index": True, "embedding": [1]}]),
        _openai([None, None]),
        _openai(["a", "b"]),
        _openai([{"index": 0}, {"index": 1}]),
        _openai([{"index": 0, "embedding": None}, {"index": 1, "embedding": [1]}]),
    ],
)
def test_wrong_vectors_are_refused(body: bytes) -> None:
    with pytest.raises(WrongVectorsError):
        checked(OPENAI, body, 2)


def test_the_refusal_says_nothing_of_the_answer() -> None:
    with pytest.raises(WrongVectorsError) as caught:
        checked(OPENAI, b'{"data":["secret"]}', 2)

    assert "secret" not in str(caught.value)


def test_usage_that_is_nonsense_or_absent_passes_as_it_is() -> None:
    for tokens in (None, -3, "7"):
        parts = _divided(OPENAI, _openai(_items(0, 1), tokens), [1, 1])
        assert {part["usage"]["prompt_tokens"] for part in parts} == {tokens}
    bare = json.dumps({"data": _items(0, 1)}).encode()
    assert all("usage" not in part for part in _divided(OPENAI, bare, [1, 1]))


def test_cohere_lists_texts_and_units_are_divided() -> None:
    body = json.dumps(
        {
            "id": "i",
            "embeddings": {"float": [[1.5], [2.5], [3.5]], "base64": ["a", "b", "c"], "int8": []},
            "texts": ["x", "y", "z"],
            "images": [],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 7}},
        }
    ).encode()

    first, second = _divided(COHERE, body, [2, 1])

    assert first["embeddings"] == {"float": [[1.5], [2.5]], "base64": ["a", "b"], "int8": []}
    assert (first["texts"], second["texts"]) == (["x", "y"], ["z"])
    assert second["embeddings"] == {"float": [[3.5]], "base64": ["c"], "int8": []}
    units = [part["meta"]["billed_units"]["input_tokens"] for part in (first, second)]
    assert units == [5, 2]
    assert first["meta"]["api_version"] == {"version": "2"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"embeddings":{"float":[[1],[2]],"int8":[[1]]}}',
        b'{"embeddings":{"float":[[1],[2]]},"texts":["a"]}',
        b'{"embeddings":{}}',
        b'{"embeddings":{"float":null}}',
        b'{"embeddings":[[1],null]}',
    ],
)
def test_a_type_or_an_echo_of_another_length_is_wrong(body: bytes) -> None:
    with pytest.raises(WrongVectorsError):
        checked(COHERE, body, 2)


def test_plain_lists_of_vectors_are_divided() -> None:
    cohere = _divided(COHERE, b'{"embeddings":[[1],[2]]}', [1, 1])
    gemini = _divided(GEMINI, b'{"embeddings":[{"values":[1]},{"values":[2]}]}', [1, 1])
    ollama = _divided(OLLAMA, b'{"embeddings":[[1],[2]],"prompt_eval_count":5}', [1, 1])

    assert [part["embeddings"] for part in cohere] == [[[1]], [[2]]]
    assert [part["embeddings"] for part in gemini] == [[{"values": [1]}], [{"values": [2]}]]
    assert [part["prompt_eval_count"] for part in ollama] == [3, 2]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 10**6), st.randoms())
def test_what_is_divided_and_joined_is_as_before(counts: list[int], tokens: int, dice: Any) -> None:
    """Whatever the order in which the provider lists them."""
    total = sum(counts)
    items = [{"index": place, "embedding": [place + 0.25]} for place in range(total)]
    shuffled = dice.sample(items, total)
    weights = [count * 3 for count in counts]

    parts = checked(OPENAI, _openai(shuffled, tokens), total).divided(counts, weights)
    again = joined(
        [checked(OPENAI, part, count) for part, count in zip(parts, counts, strict=True)]
    )

    assert json.loads(again) == json.loads(_openai(items, tokens))


def test_numbers_keep_their_digits_through_both() -> None:
    body = b'{"data":[{"index":1,"embedding":[1.500]},{"index":0,"embedding":[-2e-07]}]}'

    parts = checked(OPENAI, body, 2).divided([1, 1], [1, 1])
    again = joined([checked(OPENAI, part, 1) for part in parts])

    assert b"[-2e-07]" in parts[0]
    assert b"[1.500]" in parts[1]
    assert again.index(b"[-2e-07]") < again.index(b"[1.500]")


def test_parts_of_different_types_are_not_joined() -> None:
    one = checked(COHERE, b'{"embeddings":{"float":[[1]]}}', 1)
    other = checked(COHERE, b'{"embeddings":{"int8":[[1]]}}', 1)

    with pytest.raises(WrongVectorsError):
        joined([one, other])


def test_joined_usage_is_the_exact_sum() -> None:
    parts = [checked(OPENAI, _openai(_items(0), tokens), 1) for tokens in (3, 5, 11)]

    document = json.loads(joined(parts))

    assert document["usage"] == {"prompt_tokens": 19, "total_tokens": 19}
    assert [item["index"] for item in document["data"]] == [0, 1, 2]


@pytest.mark.parametrize("depth", [300, 1000])
def test_an_answer_nested_deeper_than_it_can_be_written_is_a_wrong_one(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    body = b'{"data":[{"embedding":[1]},{"embedding":[2]}],"more":' + deep + b"}"

    with pytest.raises(WrongVectorsError):
        checked(OPENAI, body, 2).divided([1, 1], [1, 1])
    with pytest.raises(WrongVectorsError):
        joined([checked(OPENAI, body, 2)] * 2)
