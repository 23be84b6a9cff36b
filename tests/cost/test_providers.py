"""Which upstreams the list of prices is for."""

import pytest

from sidecar.cost.providers import price_providers
from sidecar.upstream.routes import parse_upstreams


def test_well_known_upstreams_have_their_provider_s_prices() -> None:
    found = price_providers(parse_upstreams(""))

    assert found["gemini"] == "google"
    assert found["groq"] == "groq"
    assert {name for name, provider in found.items() if provider is None} == set()


@pytest.mark.parametrize(
    ("upstream", "provider"),
    [
        # The dialect says whose it is, wherever it is.
        ("mine:azure=https://mine.openai.azure.com", "azure"),
        ("mine:bedrock=https://bedrock-runtime.eu-west-1.amazonaws.com", "aws"),
        ("gateway:anthropic=https://gateway.internal/anthropic", "anthropic"),
        # Self-hosted.
        ("mine:vllm=http://vllm:8000/v1", None),
        ("mine:ollama=http://ollama:11434", None),
        ("mine:other=https://api.openai.com", None),
        ("openai:vllm=http://vllm:8000", None),
        # OpenAI's dialect alone says nothing, spelled out or not.
        ("openai=https://gateway.internal/openai", "openai"),
        ("mine=https://api.openai.com/v1", "openai"),
        ("mine=https://eu.api.openai.com/v1", "openai"),
        ("mine:openai=http://vllm:8000/v1", "https://vllm/v1"),
        ("mine=http://vllm:8000/v1", "https://vllm/v1"),
        ("mine=https://evil-openai.com", "https://evil-openai.com"),
        ("grok=https://api.x.ai", "https://api.x.ai"),
    ],
)
def test_the_upstream_s_dialect_name_or_url_tells_the_provider(
    upstream: str, provider: str | None
) -> None:
    name = upstream.partition("=")[0].partition(":")[0]

    assert price_providers(parse_upstreams(upstream))[name] == provider
