"""OpenAI's SDK gets verdicts."""

import pytest
from openai import AsyncOpenAI

from tests.simulator.providing import Running


@pytest.mark.parametrize(
    ("given", "verdicts"),
    [("text", 1), (["one", "two"], 2), ([{"type": "text", "text": "one"}], 1)],
)
async def test_one_verdict_per_text(
    quick: Running, openai: AsyncOpenAI, given: object, verdicts: int
) -> None:
    answer = await openai.moderations.create(input=given)  # type: ignore[arg-type]

    assert [result.flagged for result in answer.results] == [False] * verdicts
    assert answer.model == "omni-moderation-latest"


async def test_it_is_free(quick: Running, openai: AsyncOpenAI) -> None:
    await openai.moderations.create(model="m", input="text")

    billed = quick.model("m")["billed"]
    assert (billed["calls"], billed["input"]) == (1, 0)
