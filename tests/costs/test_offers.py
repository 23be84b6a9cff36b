"""Finding prices by what users call a model."""

import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sidecar.cost.listing import listed_prices
from sidecar.cost.price_file import NO_PRICES, PriceFile
from sidecar.cost.unit_prices import UnitPrices
from sidecar.costs.offers import find_offer, suggestions

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
OWN = PriceFile(
    {
        "openai": {"gpt-4o": UnitPrices(input=Decimal(111))},
        "*": {"my/*": UnitPrices(input=Decimal(222))},
    }
)


@pytest.mark.parametrize(
    ("name", "place", "provider", "model"),
    [
        ("gpt-4o", "openai", "openai", "gpt-4o"),
        ("llama-3.3-70b-versatile", "groq", "groq", "llama-3.3-70b-versatile"),
        ("azure/gpt-4o", "azure", "azure", "gpt-4o"),
        ("gemini/gemini-2.5-flash", "gemini", "google", "gemini-2.5-flash"),
        ("google/gemini-2.5-flash", "google", "google", "gemini-2.5-flash"),
        ("bedrock/amazon.nova-pro-v1:0", "bedrock", "aws", "amazon.nova-pro-v1:0"),
        ("openrouter/openai/gpt-4o", "openrouter", "openrouter", "openai/gpt-4o"),
        ("x-ai/grok-4", "x-ai", "x-ai", "grok-4"),
        # No provider is called so: it is the model's own name.
        ("qwen/qwen3-32b", "groq", "groq", "qwen/qwen3-32b"),
    ],
)
def test_a_name_tells_model_and_provider(name: str, place: str, provider: str, model: str) -> None:
    found = find_offer(name, NO_PRICES, WHEN)

    assert found is not None
    assert (found.model, found.provider, found.own) == (name, place, False)
    assert found.prices == listed_prices(provider, model, WHEN)


@pytest.mark.parametrize(
    ("name", "place", "price"),
    [
        ("gpt-4o", "openai", 111),
        ("openai/gpt-4o", "openai", 111),
        ("my/model", "any", 222),
        ("vllm/my/model", "vllm", 222),
    ],
)
def test_own_prices_come_first(name: str, place: str, price: int) -> None:
    found = find_offer(name, OWN, WHEN)

    assert found is not None
    assert (found.provider, found.prices.input, found.own) == (place, Decimal(price), True)


def test_own_prices_are_for_their_upstream_only() -> None:
    found = find_offer("azure/gpt-4o", OWN, WHEN)

    assert found is not None
    assert not found.own


@pytest.mark.parametrize("name", ["no-such-model", "vllm/gpt-4o", "openai/no-such", "/", "a/", ""])
def test_an_unknown_name_has_no_offer(name: str) -> None:
    assert find_offer(name, NO_PRICES, WHEN) is None


def test_names_that_may_have_been_meant_are_told() -> None:
    assert "anthropic/claude-sonnet-4-5" in suggestions("claude-sonet-4-5", WHEN)
    assert "openai/gpt-4o" in suggestions("opnai/gpt-4o", WHEN)
    assert suggestions("qqqqqqqqqqqq", WHEN) == []


def test_what_is_suggested_has_a_price() -> None:
    found = suggestions("whisper-large", WHEN) + suggestions("gpt-5", WHEN)

    assert found
    for name in found:
        assert find_offer(name, NO_PRICES, WHEN) is not None


def test_without_the_list_own_prices_are_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    assert find_offer("my/model", OWN, WHEN) is not None
    assert find_offer("openai/gpt-5", OWN, WHEN) is None
    assert find_offer("gpt-5", OWN, WHEN) is None
    assert suggestions("gpt-5", WHEN) == []
