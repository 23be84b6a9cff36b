"""Paths lead to the right provider's surface, or nowhere."""

import pytest

from sidecar.simulator.protocol import style
from sidecar.simulator.protocol.routes import find, strip_prefix, style_of


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
def test_every_call_has_its_providers_manner(
    path: str, speaker: style.Style, streams: bool
) -> None:
    target = find(path)

    assert target
    assert target.surface.style is speaker
    assert (target.surface.stream is not None) is streams
    assert target.model is None


def test_only_counting_tokens_takes_no_capacity() -> None:
    paths = ("/v1/chat/completions", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens")
    targets = [target for path in paths if (target := find(path))]

    assert [target.surface.counted for target in targets] == [True, True, True, False]


def test_azures_path_names_the_model_and_answers_in_its_manner() -> None:
    target = find("/openai/deployments/my-model/chat/completions")

    assert target
    assert target.model == "my-model"
    assert target.surface.style is style.AZURE


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
        "/openai/deployments/",
        "/openai/deployments/m",
        "/openai/deployments/m/",
        "/openai/deployments/m/messages",
        "/openai/deployments/m/chat/completions/x",
    ],
)
def test_other_paths_lead_nowhere(path: str) -> None:
    assert find(path) is None


@pytest.mark.parametrize(
    ("path", "stripped"),
    [
        ("/openai/v1/models", "/v1/models"),
        ("/anthropic/v1/messages", "/v1/messages"),
        ("/openai/v1", "/openai/v1"),
        ("/openai/openai/v1/x", "/openai/openai/v1/x"),
        ("/openai/deployments/m/chat/completions", "/openai/deployments/m/chat/completions"),
        ("/v1/messages", "/v1/messages"),
    ],
)
def test_a_providers_own_prefix_goes_and_nothing_else(path: str, stripped: str) -> None:
    assert strip_prefix(path) == stripped


def test_elsewhere_the_anthropic_sdk_is_known_by_its_header() -> None:
    assert style_of("/v1/models", {"anthropic-version": "2023-06-01"}) is style.ANTHROPIC
    assert style_of("/v1/messages/batches", {}) is style.ANTHROPIC
    assert style_of("/v1/models", {}) is style.OPENAI
