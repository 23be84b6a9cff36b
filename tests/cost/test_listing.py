"""The prices that genai-prices ships, against that library's own arithmetic."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import ModelPrice, TimeOfDateConstraint
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.cost.listing import (
    is_installed,
    list_version,
    listed_models,
    listed_prices,
    provider_of,
    unit_prices,
)
from sidecar.cost.meter import PERIOD
from sidecar.dialects import DIALECTS
from sidecar.tokens import Usage

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)


def model_prices() -> Iterator[ModelPrice]:
    """All that there are."""
    for provider in providers:
        for model in provider.models:
            if isinstance(model.prices, ModelPrice):
                yield model.prices
            else:
                yield from (conditional.prices for conditional in model.prices)


PRICED = [price for price in model_prices() if unit_prices(price) is not None]
TIERED = [price for price in PRICED if (found := unit_prices(price)) and found.tiers]


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Whose parts fit into their wholes."""
    size = st.sampled_from((0, 1, 7, 4_000, 128_000, 199_999, 200_000, 272_000, 600_000))
    cached, hour, short, sound, text = (draw(size | st.integers(0, 300_000)) for _ in range(5))
    thoughts, said, answer = (draw(st.integers(0, 100_000)) for _ in range(3))
    return Usage(
        input=cached + hour + short + sound + text,
        output=thoughts + said + answer,
        cached_input=cached,
        reasoning=thoughts,
        cache_write=hour + short,
        cache_write_1h=hour,
        input_audio=sound,
        output_audio=said,
    )


def theirs(price: ModelPrice, usage: Usage) -> Decimal:
    """What the library itself asks for; of parts in common it is told that there are none."""
    told = genai_prices.Usage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cached_input,
        cache_write_tokens=usage.cache_write,
        cache_write_1h_tokens=usage.cache_write_1h,
        input_audio_tokens=usage.input_audio,
        output_audio_tokens=usage.output_audio,
        output_reasoning_tokens=usage.reasoning,
        cache_audio_read_tokens=0,
    )
    return price.calc_price(told)["total_price"]


@given(st.sampled_from(PRICED) | st.sampled_from(TIERED), usages())
def test_the_cost_is_the_library_s_own(price: ModelPrice, usage: Usage) -> None:
    prices = unit_prices(price)
    assert prices is not None

    cost = prices.cost(usage)

    if cost is None:  # and never 0: the library takes a missing price for nothing
        assert (prices.input is None and usage.input) or (prices.output is None and usage.output)
    else:
        assert cost == theirs(price, usage)


@pytest.mark.parametrize(
    "usage",
    [Usage(0, 0), Usage(300_000, 10, 10, 3, 20, 5), Usage(10_000, 0, 0, 0, 10_000), Usage(9, 9)],
    ids=str,
)
def test_no_price_of_the_list_is_read_differently(usage: Usage) -> None:
    for price in PRICED:
        prices = unit_prices(price)
        assert prices is not None
        cost = prices.cost(usage)
        assert cost is None or cost == theirs(price, usage)


def test_the_list_has_prices_of_all_kinds_that_are_asked_for_here() -> None:
    assert len(PRICED) > 1_000
    assert len(TIERED) > 50


@pytest.mark.parametrize(
    ("dialect", "model", "known"),
    [
        ("openai", "gpt-4o-2024-08-06", True),
        ("openai", "GPT-4o", True),
        ("openai", "text-embedding-3-small", True),
        ("openai", "ft:gpt-4o-mini-2024-07-18:org::abc", True),
        ("azure", "gpt-4o", True),
        ("azure", "prod-gpt4", False),
        ("azure", "gpt-4o-prod", False),
        ("anthropic", "claude-3-haiku-20240307", True),
        ("gemini", "gemini-2.5-flash", True),
        ("gemini", "models/gemini-2.5-flash", True),
        ("gemini", "google/gemini-2.5-flash", True),
        ("gemini", "claude-3-haiku@20240307", True),
        ("bedrock", "amazon.nova-pro-v1:0", True),
        ("bedrock", "us.amazon.nova-lite-v1:0", True),
        ("bedrock", "eu.anthropic.claude-3-haiku-20240307-v1:0", True),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
            True,
        ),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", False),
        ("mistral", "mistral-embed", True),
        ("groq", "llama-3.1-8b-instant", True),
        ("groq", "openai/gpt-oss-120b", True),
        ("cohere", "command-r-plus", True),
        ("deepseek", "no-such-model", False),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", True),
        ("fireworks", "accounts/fireworks/models/qwen3-235b-a22b", True),
        ("openrouter", "mistralai/mistral-small-3.2-24b-instruct", True),
        # Free, or not known: no price says which.
        ("openrouter", "meta-llama/llama-3.3-70b-instruct:free", False),
        # Paid by the hour.
        ("openai", "whisper-1", False),
        ("openai", "other", False),
    ],
)
def test_models_are_found_as_requests_name_them(dialect: str, model: str, known: bool) -> None:
    provider = DIALECTS[dialect].price_provider
    assert provider is not None

    assert (listed_prices(provider, model, WHEN) is not None) is known


def test_the_list_has_every_provider_that_a_dialect_names() -> None:
    wanted = {d.price_provider for d in DIALECTS.values() if d.price_provider is not None}

    assert {name for name, _ in listed_models(wanted, WHEN)} == wanted


def test_a_provider_may_be_named_by_its_url() -> None:
    by_name = listed_prices("x-ai", "grok-4", WHEN)

    assert by_name is not None
    assert listed_prices("https://api.x.ai/v1", "grok-4", WHEN) == by_name
    assert listed_prices("https://vllm/v1", "gpt-4o", WHEN) is None


def test_a_name_may_tell_whose_the_model_is() -> None:
    assert provider_of("claude-3-haiku-20240307", WHEN) == "anthropic"
    assert provider_of("no-such-model", WHEN) is None


@given(st.integers(0, 7 * 24 * 60 - 1))
@example(16 * 60 + 29)
def test_prices_hold_for_the_whole_period_in_which_they_were_looked_up(minute: int) -> None:
    when = datetime(2025, 6, 2, tzinfo=UTC) + timedelta(minutes=minute)
    begin = datetime.fromtimestamp(when.timestamp() // PERIOD * PERIOD, UTC)

    for model in ("deepseek-chat", "deepseek-reasoner"):
        assert listed_prices("deepseek", model, when) == listed_prices("deepseek", model, begin)


def test_prices_change_only_between_periods() -> None:
    """What the meter takes for granted; a list that breaks it needs a shorter period."""
    hours = [
        time
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
        if isinstance(price.constraint, TimeOfDateConstraint)
        for time in (price.constraint.start_time, price.constraint.end_time)
    ]

    assert hours
    for time in hours:
        assert (time.hour * 3600 + time.minute * 60 + time.second) % PERIOD == 0
        assert not time.microsecond
        assert not time.utcoffset()


def test_the_version_is_told() -> None:
    assert is_installed()
    assert list_version() == genai_prices.__version__


def test_without_the_library_there_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    assert not is_installed()


def test_nothing_is_loaded_before_the_first_question() -> None:
    program = (
        "import sys, sidecar.cost.meter, sidecar.cost.price_list, sidecar.cli;"
        "from sidecar.cost.listing import is_installed; assert is_installed();"
        "print('genai_prices' in sys.modules, 'yaml' in sys.modules)"
    )

    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False False\n"
