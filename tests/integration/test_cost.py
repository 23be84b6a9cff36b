"""What answers cost, by the list of prices and by the user's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import genai_prices
import orjson
import pytest

from sidecar.simulator.scenario import load
from sidecar.simulator.server import SimulatedProvider
from tests.integration.rig import Rig, eventually, rig
from tests.integration.wire import post

HELLO = [{"role": "user", "content": "Hello there " * 200}]
LISTED = ("gpt-4o", "gpt-4o-mini", "o3", "gpt-4.1-nano")
CALLS = 300
CENT = Decimal("0.01")


@asynccontextmanager
async def before_openai(**settings: Any) -> AsyncIterator[Rig]:
    """A sidecar whose upstream `openai` is simulated, and answers at once."""
    provider = SimulatedProvider(load("instant"))
    port = await provider.start()
    try:
        urls = f"openai=http://127.0.0.1:{port}/openai,own:vllm=http://127.0.0.1:{port}/vllm"
        async with rig(upstream_urls=urls, **settings) as it:
            yield it
    finally:
        await provider.stop()


async def ask(it: Rig, model: str, wishes: str, *, upstream: str = "openai") -> Any:
    """One chat call; its answer's usage."""
    answer = await it.ask(
        post(
            orjson.dumps({"model": model, "messages": HELLO}),
            path=f"/{upstream}/v1/chat/completions",
            extra=b"x-simulate: %b\r\n" % wishes.encode(),
        )
    )
    return orjson.loads(answer.body)["usage"]


async def costs(it: Rig) -> dict[str, float]:
    """By upstream and model, when all prices were looked up."""
    await it.at_rest()
    found = it.sidecar.costs.costs
    await eventually(lambda: not any(cost.pending for cost in found().values()), within=30.0)
    begin = "ai_api_cost_usd_total{"
    metrics = await it.metrics()
    return {name[len(begin) : -1]: v for name, v in metrics.items() if name.startswith(begin)}


def priced(model: str, usage: Any) -> Decimal:
    """By the list's own arithmetic."""
    given, made = usage["prompt_tokens_details"], usage["completion_tokens_details"]
    used = genai_prices.Usage(
        input_tokens=usage["prompt_tokens"],
        output_tokens=usage["completion_tokens"],
        cache_read_tokens=given["cached_tokens"],
        output_reasoning_tokens=made["reasoning_tokens"],
    )
    return genai_prices.calc_price(used, model_ref=model, provider_id="openai").total_price


@pytest.mark.slow
async def test_cost_is_the_list_s_to_the_cent_over_many_calls() -> None:
    dice, expected = Random(4), dict.fromkeys(LISTED, Decimal(0))
    async with before_openai() as it:
        for _ in range(CALLS):
            model, tokens = dice.choice(LISTED), dice.randrange(1, 3000)
            wishes = f"tokens={tokens}; reasoning={tokens // 3}; cached={dice.randrange(400)}"
            expected[model] += priced(model, await ask(it, model, wishes))
        found = await costs(it)
        stats = await it.stats()

    assert all(cost > CENT for cost in expected.values())
    assert found == {
        f"openai,{model}": pytest.approx(float(cost), abs=1e-9) for model, cost in expected.items()
    }
    assert stats["totals"]["cost_usd"] == pytest.approx(float(sum(expected.values())), abs=1e-9)
    assert stats["totals"]["unpriced_requests"] == 0


async def test_what_has_no_price_is_counted_and_never_free() -> None:
    async with before_openai() as it:
        await ask(it, "gpt-of-my-own", "tokens=5")
        await ask(it, "gpt-4o", "tokens=5", upstream="own")
        await costs(it)
        metrics = await it.metrics()

    assert metrics["ai_api_unpriced_requests_total{openai,gpt-of-my-own}"] == 1
    assert metrics["ai_api_unpriced_requests_total{own,gpt-4o}"] == 1
    assert metrics["ai_api_cost_usd_total{own,gpt-4o}"] == 0


async def test_own_prices_go_first(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        'own: {"gpt*": {input: 2, output: 10}}\nopenai: {gpt-4o: {input: 1, output: 1}}'
    )
    async with before_openai(cost_prices=str(prices)) as it:
        own = await ask(it, "gpt-4o", "tokens=500", upstream="own")
        openai = await ask(it, "gpt-4o", "tokens=500")
        found = await costs(it)

    given, made = own["prompt_tokens"], own["completion_tokens"]
    assert found["own,gpt-4o"] == pytest.approx((2 * given + 10 * made) / 1e6)
    assert found["openai,gpt-4o"] == pytest.approx(openai["total_tokens"] / 1e6)


async def test_who_wants_no_costs_gets_none() -> None:
    async with before_openai(cost_enabled=False) as it:
        await ask(it, "gpt-4o", "tokens=5")

        assert await costs(it) == {}
