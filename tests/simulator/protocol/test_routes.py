"""Paths lead to the right provider's surface, or nowhere."""

import pytest

from sidecar.simulator.protocol import style
from sidecar.simulator.protocol.routes import PROVIDERS, find


@pytest.mark.parametrize(
    ("path", "speaker", "streams"),
    [
        ("/v1/chat/completions", style.OPENAI, True),
        ("/v1/completions", style.OPENAI, True),
        ("/v1/responses", style.OPENAI, True),
        ("/v1/embeddings", style.OPENAI, False),
        ("/v1/messages", style.ANTHROPIC, True),
        ("/v1/messages/count_tokens", style.ANTHROPIC, False),
    ],
)
@pytest.mark.parametrize("prefixed", [False, True])
def test_every_call_has_its_providers_manner(
    path: str, speaker: style.Style, streams: bool, prefixed: bool
) -> None:
    target = find(f"/{speaker.name}{path}" if prefixed else path)

    assert target.surface
    assert target.style is target.surface.style is speaker
    assert (target.surface.stream is not None) is streams
    assert (target.path, target.model) == (path, None)


@pytest.mark.parametrize(
    ("path", "speaker", "model"),
    [
        ("/v1beta/models/gemini-x:generateContent", "gemini", "gemini-x"),
        ("/gemini/v1beta/models/gemini-x:streamGenerateContent", "gemini", "gemini-x"),
        ("/gemini/v1/models/gemini-x:batchEmbedContents", "gemini", "gemini-x"),
        (
            "/v1/projects/p/locations/l/publishers/google/models/g:generateContent",
            "gemini",
            "g",
        ),
        (
            "/vertex/v1/projects/p/locations/l/publishers/anthropic/models/c@1:rawPredict",
            "gemini",
            "c@1",
        ),
        ("/model/anthropic.claude-v1%3A0/converse", "bedrock", "anthropic.claude-v1:0"),
        ("/bedrock/model/arn%3Aaws%3Ax%2Fy/invoke", "bedrock", "arn:aws:x/y"),
        ("/bedrock/model/arn:aws:x/y/invoke", "bedrock", "arn:aws:x/y"),
        ("/mistral/v1/chat/completions", "mistral", None),
        ("/groq/openai/v1/chat/completions", "groq", None),
        ("/v2/chat", "cohere", None),
        ("/cohere/v2/embed", "cohere", None),
        ("/deepseek/chat/completions", "deepseek", None),
        ("/deepseek/v1/chat/completions", "deepseek", None),
        ("/together/v1/embeddings", "together", None),
        ("/fireworks/inference/v1/chat/completions", "fireworks", None),
        ("/openrouter/api/v1/chat/completions", "openrouter", None),
        ("/vllm/v1/completions", "vllm", None),
        ("/api/chat", "ollama", None),
        ("/ollama/api/embed", "ollama", None),
        ("/generate", "tgi", None),
        ("/tgi/generate_stream", "tgi", None),
        ("/openai/deployments/my-model/chat/completions", "azure", "my-model"),
        ("/azure/openai/deployments/my-model/embeddings", "azure", "my-model"),
        ("/azure/openai/v1/responses", "azure", None),
    ],
)
def test_a_providers_own_paths_are_found_below_its_name(
    path: str, speaker: str, model: str | None
) -> None:
    target = find(path)

    assert target.surface
    assert (target.style.name, target.model) == (speaker, model)


def test_only_counting_tokens_takes_no_capacity() -> None:
    paths = ("/v1/chat/completions", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens")
    surfaces = [surface for path in paths if (surface := find(path).surface)]

    assert [surface.counted for surface in surfaces] == [True, True, True, False]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/models",
        "/v1/chat/completions/",
        "/v2/chat/completions",
        "/chat/completions",
        "/openai",
        "/openai/deployments/",
        "/openai/deployments/m",
        "/openai/deployments/m/",
        "/openai/deployments/m/messages",
        "/openai/deployments/m/chat/completions/x",
        "/openai/v1/messages",
        "/openai/openai/v1/chat/completions",
        "/anthropic/v1/chat/completions",
        "/nobody/v1/chat/completions",
        "/v1beta/models/:generateContent",
    ],
)
def test_other_paths_lead_nowhere(path: str) -> None:
    assert find(path).surface is None


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_unknown_path_below_a_providers_name_is_its_own(name: str) -> None:
    target = find(f"/{name}/nowhere%20at%20all")

    assert target.path == "/nowhere at all"
    assert target.surface is None
    assert target.style.name == {"vertex": "gemini"}.get(name, name)


def test_elsewhere_the_anthropic_sdk_is_known_by_its_header() -> None:
    assert find("/v1/models", {"anthropic-version": "2023-06-01"}).style is style.ANTHROPIC
    assert find("/v1/messages/batches").style is style.ANTHROPIC
    assert find("/v1/models").style is style.OPENAI
