"""Fixtures of the simulated provider's tests."""

from collections.abc import AsyncIterator

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.simulator.providing import Running, anthropic_sdk, openai_sdk, running


@pytest.fixture
async def quick() -> AsyncIterator[Running]:
    """A provider without limits that answers 8 tokens in 5 ms."""
    async with running() as provider:
        yield provider


@pytest.fixture
async def openai(quick: Running) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's SDK before the quick provider."""
    async with openai_sdk(quick.url) as client:
        yield client


@pytest.fixture
async def anthropic(quick: Running) -> AsyncIterator[AsyncAnthropic]:
    """Anthropic's SDK before the quick provider."""
    async with anthropic_sdk(quick.url) as client:
        yield client
