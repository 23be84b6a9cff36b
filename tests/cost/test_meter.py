"""Adding up what attempts cost."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.cost.meter import MOST_PENDING, PERIOD, CostMeter, Costs
from sidecar.cost.price_file import NO_PRICES, PriceFile
from sidecar.cost.price_list import PriceList
from sidecar.cost.unit_prices import Tier, UnitPrices
from sidecar.events import AttemptFinished, NullObserver, Observer, RequestFinished
from sidecar.outcomes import Endpoint, RequestStatus
from sidecar.tokens import Usage

PRICES = UnitPrices(
    input=Decimal(1), output=Decimal(2), tiers=(Tier(100, UnitPrices(input=Decimal(5))),)
)
MODEL = ("openai", "gpt-x")


class Desk:
    """Answers when it is told to; the time of day is what it says as well."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 12, tzinfo=UTC)
        self.asked: list[tuple[str, str, datetime]] = []
        self._found: list[Callable[[UnitPrices | None], None]] = []

    def wall(self) -> datetime:
        return self.now

    def look_up(
        self,
        provider: str,
        model: str,
        when: datetime,
        found: Callable[[UnitPrices | None], None],
    ) -> None:
        self.asked.append((provider, model, when))
        self._found.append(found)

    def answer(self, prices: UnitPrices | None) -> None:
        """To the question that waits longest."""
        self._found.pop(0)(prices)

    def pass_time(self) -> None:
        """Into the next period."""
        self.now += timedelta(seconds=PERIOD)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def meter(desk: Desk) -> CostMeter:
    return made(desk)


def made(desk: Desk, own: PriceFile = NO_PRICES) -> CostMeter:
    providers = {"openai": "openai", "vllm": None}
    return CostMeter(own=own, listed=desk, providers=providers, wall=desk.wall)


def finish(
    meter: Observer, *usages: Usage | None, upstream: str = "openai", model: str = "gpt-x"
) -> None:
    for usage in usages:
        meter.notify(AttemptFinished(upstream, model, 200, None, 0.1, usage))


def test_what_waited_for_the_prices_is_charged_with_them(desk: Desk, meter: CostMeter) -> None:
    finish(meter, Usage(100, 0), Usage(101, 0))

    assert meter.costs() == {MODEL: Costs(Decimal(0), 0, 2)}
    assert desk.asked == [("openai", "gpt-x", desk.now)]
    desk.answer(PRICES)
    # Each by itself: 201 tokens together would all be in the higher tier.
    assert meter.costs() == {MODEL: Costs(Decimal("0.000605"), 0, 0)}


def test_prices_are_looked_up_once_for_a_model(desk: Desk, meter: CostMeter) -> None:
    finish(meter, Usage(1, 0))
    desk.answer(PRICES)
    finish(meter, Usage(1, 0), Usage(1, 1))

    assert len(desk.asked) == 1
    assert meter.costs()[MODEL] == Costs(Decimal("0.000005"), 0, 0)


def test_models_are_told_apart(desk: Desk, meter: CostMeter) -> None:
    finish(meter, Usage(1, 0))
    finish(meter, Usage(1, 0), model="gpt-y")
    desk.answer(PRICES)
    desk.answer(None)

    assert meter.costs() == {
        MODEL: Costs(Decimal("0.000001"), 0, 0),
        ("openai", "gpt-y"): Costs(Decimal(0), 1, 0),
    }


def test_a_usage_without_a_price_is_unpriced_and_not_free(desk: Desk, meter: CostMeter) -> None:
    finish(meter, Usage(1, 0))
    desk.answer(None)
    finish(meter, Usage(1, 0))

    assert meter.costs()[MODEL] == Costs(Decimal(0), 2, 0)


def test_a_usage_that_needs_a_price_that_is_missing_is_unpriced(
    desk: Desk, meter: CostMeter
) -> None:
    finish(meter, Usage(5, 0), Usage(5, 5))
    desk.answer(UnitPrices(input=Decimal(1)))

    assert meter.costs()[MODEL] == Costs(Decimal("0.000005"), 1, 0)


def test_an_attempt_without_usage_costs_nothing_and_is_not_unpriced(
    desk: Desk, meter: CostMeter
) -> None:
    finish(meter, None)

    assert meter.costs() == {}
    assert desk.asked == []


def test_only_attempts_are_charged(desk: Desk, meter: CostMeter) -> None:
    """The request's own figures are the sum of its attempts'."""
    meter.notify(
        RequestFinished(
            *MODEL, Endpoint.CHAT, "POST", RequestStatus.OK, 200, None, 1,
            1.0, None, None, None, False, Usage(1, 1),
        )
    )  # fmt: skip

    assert meter.costs() == {}


def test_own_prices_come_first_and_at_once(desk: Desk) -> None:
    own = UnitPrices(input=Decimal(7))
    meter = made(desk, PriceFile({"*": {"gpt-*": own}}))

    finish(meter, Usage(1, 0))
    finish(meter, Usage(2, 0), upstream="vllm")
    finish(meter, Usage(1, 0), model="o3")

    assert meter.costs()[MODEL] == Costs(Decimal("0.000007"), 0, 0)
    assert meter.costs()[("vllm", "gpt-x")] == Costs(Decimal("0.000014"), 0, 0)
    assert [model for _, model, _ in desk.asked] == ["o3"]


@pytest.mark.parametrize("upstream", ["vllm", "unheard-of"])
def test_an_upstream_without_a_provider_has_no_listed_prices(
    desk: Desk, meter: CostMeter, upstream: str
) -> None:
    finish(meter, Usage(1, 0), upstream=upstream)

    assert desk.asked == []
    assert meter.costs()[(upstream, "gpt-x")] == Costs(Decimal(0), 1, 0)


def test_every_usage_is_charged_with_the_prices_of_its_own_time(
    desk: Desk, meter: CostMeter
) -> None:
    finish(meter, Usage(1, 0))
    desk.answer(UnitPrices(input=Decimal(1)))
    desk.pass_time()
    finish(meter, Usage(1, 0))
    desk.pass_time()
    finish(meter, Usage(1, 0), Usage(1, 0))

    assert meter.costs()[MODEL] == Costs(Decimal("0.000001"), 0, 3)
    desk.answer(UnitPrices(input=Decimal(10)))
    assert meter.costs()[MODEL] == Costs(Decimal("0.000011"), 0, 2)
    desk.answer(UnitPrices(input=Decimal(100)))
    assert meter.costs()[MODEL] == Costs(Decimal("0.000211"), 0, 0)
    assert [when.minute for _, _, when in desk.asked] == [0, 15, 30]


def test_a_clock_set_back_changes_no_price(desk: Desk, meter: CostMeter) -> None:
    finish(meter, Usage(1, 0))
    desk.answer(UnitPrices(input=Decimal(1)))
    desk.now -= timedelta(hours=1)
    finish(meter, Usage(1, 0))
    desk.answer(UnitPrices(input=Decimal(10)))

    assert meter.costs()[MODEL].usd == Decimal("0.000011")


def test_so_many_wait_and_no_more(desk: Desk, meter: CostMeter) -> None:
    finish(meter, *[Usage(1, 0)] * (MOST_PENDING + 3))

    assert meter.costs()[MODEL] == Costs(Decimal(0), 3, MOST_PENDING)
    desk.answer(UnitPrices(input=Decimal(1)))
    assert meter.costs()[MODEL] == Costs(Decimal(MOST_PENDING) / 1_000_000, 3, 0)


@given(st.lists(st.sampled_from(("answer", "pass_time")) | st.integers(0, 300), max_size=40))
def test_whenever_answers_come_the_sum_is_exact(steps: Sequence[str | int]) -> None:
    """The price of a period is its own number; a prompt of more than 100 tokens costs double."""
    desk = Desk()
    begin = desk.now
    meter = made(desk)
    expected = 0

    def answer() -> None:
        when = desk.asked[answered][2]
        price = Decimal(1 + int((when - begin) / timedelta(seconds=PERIOD)))
        tier = Tier(100, UnitPrices(input=2 * price))
        desk.answer(UnitPrices(input=price, tiers=(tier,)))

    answered = 0
    for step in [*steps, *["answer"] * len(steps)]:
        if isinstance(step, int):
            price = 1 + int((desk.now - begin) / timedelta(seconds=PERIOD))
            expected += step * price * (2 if step > 100 else 1)
            finish(meter, Usage(step, 0))
        elif step == "pass_time":
            desk.pass_time()
        elif answered < len(desk.asked):
            answer()
            answered += 1

    total = meter.costs().get(MODEL, Costs(Decimal(0), 0, 0))
    assert total == Costs(Decimal(expected) / 1_000_000, 0, 0)


@pytest.mark.slow
async def test_ten_thousand_requests_cost_what_the_list_says() -> None:
    """To the last digit, with the real list, however it is read meanwhile."""
    loop, wall = asyncio.get_running_loop(), Desk().wall
    listed = PriceList(loop)
    meter = CostMeter(own=NO_PRICES, listed=listed, providers={"openai": "openai"}, wall=wall)
    usages = [Usage(n * 37 % 9_000, n % 700, n * 37 % 9_000 // 2) for n in range(10_000)]

    finish(meter, *usages[:5_000], model="gpt-4o")
    answered: asyncio.Future[object] = loop.create_future()
    listed.look_up("openai", "gpt-4o", wall(), answered.set_result)  # questions keep their order
    await answered
    assert not meter.costs()[("openai", "gpt-4o")].pending
    finish(meter, *usages[5_000:], model="gpt-4o")
    listed.close()

    model = genai_prices.calc_price(
        genai_prices.Usage(), "gpt-4o", provider_id="openai", genai_request_timestamp=wall()
    )
    bill = Decimal(0)
    for usage in usages:
        told = genai_prices.Usage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cached_input,
        )
        bill += model.model_price.calc_price(told)["total_price"]
    assert meter.costs() == {("openai", "gpt-4o"): Costs(bill, 0, 0)}


def test_the_meter_is_an_observer(meter: CostMeter) -> None:
    observers: list[Observer] = [meter, NullObserver()]

    finish(observers[0], Usage(1, 0))

    assert list(meter.costs()) == [MODEL]
