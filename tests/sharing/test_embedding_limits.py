"""How much one call may carry, and where a larger one is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.sharing.embedding_limits import EmbeddingLimits, cut, embedding_limits


@pytest.mark.parametrize(
    ("dialect", "inputs", "tokens"),
    [
        ("openai", 2048, 300_000),
        ("azure", 2048, 300_000),
        ("cohere", 96, None),
        ("gemini", 100, None),
        ("vllm", None, None),
        ("ollama", None, None),
    ],
)
def test_a_provider_has_the_limits_that_it_documents(
    dialect: str, inputs: int | None, tokens: int | None
) -> None:
    assert embedding_limits(dialect) == EmbeddingLimits(inputs, tokens)


def test_what_is_configured_takes_the_place_of_what_is_documented() -> None:
    assert embedding_limits("openai", inputs=16) == EmbeddingLimits(16, 300_000)
    assert embedding_limits("openai", tokens=9) == EmbeddingLimits(2048, 9)
    assert embedding_limits("vllm", inputs=32, tokens=1000) == EmbeddingLimits(32, 1000)


def test_a_limit_can_be_reached() -> None:
    limits = EmbeddingLimits(2, 10)

    assert limits.hold(2, 10)
    assert not limits.hold(3, 10)
    assert not limits.hold(2, 11)
    assert EmbeddingLimits().hold(10**9, 10**9)
    assert EmbeddingLimits().unknown
    assert not limits.unknown


def test_what_does_not_fit_by_itself_stands_alone() -> None:
    assert cut([5, 20, 5], EmbeddingLimits(None, 10)) == [slice(0, 1), slice(1, 2), slice(2, 3)]


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=60),
    st.none() | st.integers(1, 20),
    st.none() | st.integers(1, 100),
)
def test_parts_fit_and_are_as_few_as_their_order_allows(
    weights: list[int], inputs: int | None, tokens: int | None
) -> None:
    limits = EmbeddingLimits(inputs, tokens)

    parts = cut(weights, limits)

    assert [weight for part in parts for weight in weights[part]] == weights
    for part in parts:
        held = weights[part]
        assert len(held) == 1 or limits.hold(len(held), sum(held))
    for part, following in pairwise(parts):
        grown = weights[part.start : following.start + 1]
        assert not limits.hold(len(grown), sum(grown))
