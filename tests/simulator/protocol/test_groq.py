"""Groq's differences from OpenAI."""

from typing import Any

import pytest

from tests.simulator.protocol.wire import ask, data, stream
from tests.simulator.providing import HELLO, MODEL, Running

PATH = "/groq/openai/v1/chat/completions"
CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO, "max_tokens": 3}


@pytest.mark.parametrize("asked", [False, True])
async def test_usage_has_a_place_of_its_own(quick: Running, asked: bool) -> None:
    body = {**CHAT, "stream": True, "stream_options": {"include_usage": asked}}
    whole = await ask(quick, PATH, CHAT)
    chunks = data(await stream(quick, PATH, body))

    (told,) = [chunk["x_groq"] for chunk in chunks if "x_groq" in chunk]
    assert told["usage"] == whole["usage"]
    assert whole["usage"]["completion_tokens"] == 3
    assert (chunks[-1].get("usage") == whole["usage"]) is asked


async def test_models_are_listed_below_openai(quick: Running) -> None:
    async with quick.http.get(f"{quick.url}/groq/openai/v1/models") as response:
        listed = await response.json()

    assert "sim-large" in [model["id"] for model in listed["data"]]
    assert "x-groq-region" in response.headers
