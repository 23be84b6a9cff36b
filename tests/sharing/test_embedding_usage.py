"""Shares of a usage add up to it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidecar.sharing.embedding_usage import added, apportioned, divided, divided_usage, replaced
from sidecar.tokens import Usage

weights_of_calls = st.lists(st.integers(1, 10_000), min_size=1, max_size=50)
counts = st.integers(0, 10**9)


@given(counts, weights_of_calls)
def test_shares_add_up_and_none_is_off_by_one_or_more(total: int, weights: list[int]) -> None:
    shares = apportioned(total, weights)

    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * sum(weights) - total * weight) < sum(weights)


def test_what_is_left_goes_to_the_largest_remainders() -> None:
    assert apportioned(10, [1, 1, 1]) == [4, 3, 3]
    assert apportioned(7, [1, 5, 4]) == [1, 3, 3]
    assert apportioned(0, [3, 4]) == [0, 0]


@given(counts, counts, weights_of_calls)
def test_every_figure_of_a_usage_is_shared(given_: int, cached: int, weights: list[int]) -> None:
    usage = Usage(given_, 0, cached_input=cached)

    shares = divided_usage(usage, weights)

    total = shares[0]
    for share in shares[1:]:
        total = total + share
    assert total == usage


@given(counts, counts, weights_of_calls)
def test_dividing_and_adding_up_changes_nothing(one: int, two: int, weights: list[int]) -> None:
    figures = {"prompt_tokens": one, "total_tokens": two, "details": {"text": one, "note": "x"}}

    shares = divided(figures, weights)

    assert added(shares) == figures


def test_what_is_no_count_passes_as_it_is() -> None:
    nonsense: dict[str, Any] = {"a": None, "b": -5, "c": "12", "d": True, "e": ["1"]}

    assert divided(nonsense, [1, 2]) == [nonsense, nonsense]
    assert added([nonsense, nonsense]) == nonsense
    assert divided(None, [1, 2]) == [None, None]


def test_money_is_shared_too() -> None:
    assert divided({"cost": 0.75}, [1, 2]) == [{"cost": 0.25}, {"cost": 0.5}]
    assert added([{"cost": 0.25}, {"cost": 0.5}]) == {"cost": 0.75}


def test_a_figure_that_only_some_parts_have_is_added_up_too() -> None:
    assert added([{"a": 1}, {"a": 2, "b": 3}]) == {"a": 3, "b": 3}


def test_a_value_is_replaced_in_a_copy() -> None:
    document: dict[str, Any] = {"meta": {"billed_units": 1, "version": 2}, "id": 3}

    changed = replaced(document, ("meta", "billed_units"), 9)

    assert changed == {"meta": {"billed_units": 9, "version": 2}, "id": 3}
    assert document["meta"]["billed_units"] == 1


def test_figures_by_modality_are_divided_and_added_too() -> None:
    whole = {"promptTokenDetails": [{"modality": "TEXT", "tokenCount": 5}]}
    shares = divided(whole, [3, 2])

    assert [share["promptTokenDetails"][0]["tokenCount"] for share in shares] == [3, 2]
    assert added(shares) == whole
