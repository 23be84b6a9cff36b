"""What may be shared, row by row; whatever is not in a table is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dialects import DIALECTS
from sidecar.outcomes import Endpoint
from sidecar.sharing.rules import Mode, shareable

SAFE = [
    "/v1/embeddings",
    "/openai/deployments/small/embeddings",
    "/v1/embed",
    "/v2/embed",
    "/api/embed",
    "/api/embeddings",
    "/v1beta/models/text-embedding-004:embedContent",
    "/v1beta/models/text-embedding-004:batchEmbedContents",
    "/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict",
    "/v1/projects/p/locations/l/publishers/google/models/multimodalembedding@001:predict",
    "/v1/moderations",
    "/v1/chat/moderations",
    "/v1/classifications",
    "/v1/classify",
    "/v1/rerank",
    "/v2/rerank",
    "/v1/responses/input_tokens",
    "/v1/messages/count_tokens",
    "/v1beta/models/gemini-x:countTokens",
    "/v1/projects/p/locations/l/publishers/google/models/gemini-x:computeTokens",
    "/model/some.model-v1/count-tokens",
    "/v1/tokenize",
    "/v1/detokenize",
]
NEVER_SAFE = [
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/completions",
    "/v1/messages",
    "/v1/messages/batches",
    "/v1/batches",
    "/v1/files",
    "/v1/uploads",
    "/v1/embed-jobs",
    "/v1/images/generations",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/fine_tuning/jobs",
    "/v1/threads/t/runs",
    "/v1/responses/resp_1/cancel",
    "/v1beta/models/gemini-x:generateContent",
    "/v1beta/models/text-embedding-004:asyncBatchEmbedContent",
    "/v1/projects/p/locations/l/publishers/google/models/imagen-4:predict",
    "/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predictLongRunning",
    "/v1/embeddings/",
    "/",
]
MODELS = [
    "/v1/models",
    "/v1/models/gpt-x",
    "/v1/models/owner/name",
    "/openai/models",
    "/v1beta/models",
    "/v1beta/models/gemini-x",
    "/api/tags",
]
NOT_MODELS = [
    "/v1/batches/b",
    "/v1/files",
    "/v1/files/f/content",
    "/v1/responses/resp_1",
    "/v1/fine_tuning/jobs",
    "/v1/models/fine-tuned/checkpoints:list",
    "/v1/models:list",
    "/v1beta/models/gemini-x:streamGenerateContent",
    "/v1beta/models/veo-x/operations/o",
    "/v1/publishers/google/models/veo-x/operations",
    "/v1/realtime",
    "/",
]


def may(
    path: str,
    body: object = b"{}",
    *,
    mode: Mode = "safe",
    method: str = "POST",
    endpoint: Endpoint = Endpoint.OTHER,
) -> bool:
    return shareable(mode, method=method, path=path, endpoint=endpoint, body=body)


@pytest.mark.parametrize("path", SAFE)
def test_what_depends_on_nothing_but_the_request_is_shared(path: str) -> None:
    assert may(path)
    assert may(path, mode="deterministic")
    assert not may(path, mode="off")


@pytest.mark.parametrize("path", NEVER_SAFE)
def test_everything_else_that_is_posted_is_not(path: str) -> None:
    assert not may(path)


@pytest.mark.parametrize("path", SAFE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"])
def test_other_methods_are_not(path: str, method: str) -> None:
    assert not may(path, method=method)


async def _upload() -> Any:
    yield b"{}"


@pytest.mark.parametrize("body", [None, _upload()], ids=["none", "streamed"])
def test_a_body_that_is_not_at_hand_cannot_be_compared(body: object) -> None:
    assert not may("/v1/embeddings", body)


@pytest.mark.parametrize("path", MODELS)
def test_lists_of_models_are_shared(path: str) -> None:
    assert may(path, None, method="GET")
    assert not may(path, None, method="GET", mode="off")
    assert not may(path, None, method="HEAD")
    assert not may(path, b"{}", method="GET")


@pytest.mark.parametrize("path", NOT_MODELS)
def test_what_is_read_and_may_change_is_not(path: str) -> None:
    assert not may(path, None, method="GET")


# -- prompts --------------------------------------------------------------------------------------

MESSAGES = [{"role": "user", "content": "hello"}]
CHAT = {"model": "m", "messages": MESSAGES, "temperature": 0}
RESPONSES = {"model": "m", "input": "hello", "temperature": 0, "store": False}
CLAUDE = {"model": "m", "max_tokens": 9, "messages": MESSAGES, "temperature": 0.0}
CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]
GEMINI = {"contents": CONTENTS, "generationConfig": {"temperature": 0}}
BEDROCK = {"messages": MESSAGES, "inferenceConfig": {"temperature": 0, "maxTokens": 9}}
OLLAMA = {"model": "m", "messages": MESSAGES, "options": {"temperature": 0, "seed": 1}}
COMPLETION = {"model": "m", "prompt": "hello", "temperature": 0}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {}}}

ONE_ANSWER: dict[str, tuple[str, str, dict[str, Any]]] = {
    "chat": ("openai", "/v1/chat/completions", CHAT),
    "a chat of many words": (
        "openai",
        "/v1/chat/completions",
        {
            **CHAT,
            "stream": True,
            "stream_options": {"include_usage": True},
            "seed": 1,
            "max_completion_tokens": 9,
            "response_format": {"type": "json_object"},
            "n": 1,
            "store": False,
            "modalities": ["text"],
            "tools": [FUNCTION],
            "tool_choice": "auto",
            "user": "u",
            "metadata": {"a": "b"},
        },
    ),
    "chat, nulls": ("openai", "/v1/chat/completions", {**CHAT, "n": None, "store": None}),
    "responses": ("openai", "/v1/responses", RESPONSES),
    "responses, tools": (
        "openai",
        "/v1/responses",
        {**RESPONSES, "tools": [{"type": "function", "name": "f"}], "background": False},
    ),
    "completions": ("openai", "/v1/completions", COMPLETION),
    "messages": ("anthropic", "/v1/messages", CLAUDE),
    "messages, tools": (
        "anthropic",
        "/v1/messages",
        {
            **CLAUDE,
            "tools": [{"name": "f", "input_schema": {}}, {"type": "custom", "name": "g"}],
            "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        },
    ),
    "gemini": ("gemini", "/v1beta/models/g:generateContent", GEMINI),
    "gemini, stream": (
        "gemini",
        "/v1beta/models/g:streamGenerateContent",
        {
            "contents": CONTENTS,
            "generationConfig": {
                "temperature": 0,
                "candidateCount": 1,
                "responseModalities": ["TEXT"],
                "topP": 0.5,
            },
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        },
    ),
    "bedrock": (
        "bedrock",
        "/model/m/converse",
        {**BEDROCK, "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}], "toolChoice": {}}},
    ),
    "ollama": ("ollama", "/api/chat", OLLAMA),
    "cohere": ("cohere", "/v2/chat", CHAT),
    "mistral": ("mistral", "/v1/chat/completions", {**CHAT, "random_seed": 1}),
}


def asks(dialect: str, path: str, document: object, mode: Mode = "deterministic") -> bool:
    body = json.dumps(document).encode()
    call = DIALECTS[dialect].describe(path, b"application/json", body, whole=True)
    return may(path, body, mode=mode, endpoint=call.endpoint)


@pytest.mark.parametrize("what", ONE_ANSWER)
def test_a_prompt_with_one_answer_is_shared_where_that_is_wanted(what: str) -> None:
    assert asks(*ONE_ANSWER[what])
    assert not asks(*ONE_ANSWER[what], mode="safe")
    assert not asks(*ONE_ANSWER[what], mode="off")


MANY_ANSWERS: dict[str, tuple[str, str, object]] = {
    "no temperature": ("openai", "/v1/chat/completions", {"model": "m", "messages": MESSAGES}),
    "n": ("openai", "/v1/chat/completions", {**CHAT, "n": 2}),
    "n is no number": ("openai", "/v1/chat/completions", {**CHAT, "n": True}),
    "stored": ("openai", "/v1/chat/completions", {**CHAT, "store": True}),
    "audio": ("openai", "/v1/chat/completions", {**CHAT, "modalities": ["text", "audio"]}),
    "a search": ("openai", "/v1/chat/completions", {**CHAT, "web_search_options": {}}),
    "plug-ins": ("openrouter", "/v1/chat/completions", {**CHAT, "plugins": [{"id": "web"}]}),
    "unheard of": ("openai", "/v1/chat/completions", {**CHAT, "invented_tomorrow": 1}),
    "tools that are none": ("openai", "/v1/chat/completions", {**CHAT, "tools": ["f"]}),
    "no list of tools": ("openai", "/v1/chat/completions", {**CHAT, "tools": {"a": 1}}),
    "an array": ("openai", "/v1/chat/completions", [CHAT]),
    "null": ("openai", "/v1/chat/completions", None),
    "temperature in the prompt only": (
        "openai",
        "/v1/chat/completions",
        {"model": "m", "messages": [{"role": "user", "content": '"temperature"'}]},
    ),
    "temperature in metadata only": (
        "openai",
        "/v1/chat/completions",
        {"model": "m", "messages": MESSAGES, "metadata": {"temperature": 0}},
    ),
    "best_of": ("openai", "/v1/completions", {**COMPLETION, "best_of": 3}),
    "responses store by default": (
        "openai",
        "/v1/responses",
        {"model": "m", "input": "hello", "temperature": 0},
    ),
    "background": ("openai", "/v1/responses", {**RESPONSES, "background": True}),
    "a thread": ("openai", "/v1/responses", {**RESPONSES, "previous_response_id": "resp_1"}),
    "a conversation": ("openai", "/v1/responses", {**RESPONSES, "conversation": "conv_1"}),
    "a stored prompt": ("openai", "/v1/responses", {**RESPONSES, "prompt": {"id": "p"}}),
    "web search": ("openai", "/v1/responses", {**RESPONSES, "tools": [{"type": "web_search"}]}),
    "an MCP server": ("openai", "/v1/responses", {**RESPONSES, "tools": [{"type": "mcp"}]}),
    "code": ("openai", "/v1/responses", {**RESPONSES, "tools": [{"type": "code_interpreter"}]}),
    "images": ("openai", "/v1/responses", {**RESPONSES, "tools": [{"type": "image_generation"}]}),
    "MCP servers": ("anthropic", "/v1/messages", {**CLAUDE, "mcp_servers": []}),
    "a container": ("anthropic", "/v1/messages", {**CLAUDE, "container": "c"}),
    "its own search": (
        "anthropic",
        "/v1/messages",
        {**CLAUDE, "tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    ),
    "candidates": (
        "gemini",
        "/v1beta/models/g:generateContent",
        {"contents": CONTENTS, "generationConfig": {"temperature": 0, "candidateCount": 2}},
    ),
    "image output": (
        "gemini",
        "/v1beta/models/g:generateContent",
        {
            "contents": CONTENTS,
            "generationConfig": {"temperature": 0, "responseModalities": ["TEXT", "IMAGE"]},
        },
    ),
    "speech": (
        "gemini",
        "/v1beta/models/g:generateContent",
        {"contents": CONTENTS, "generationConfig": {"temperature": 0, "speechConfig": {}}},
    ),
    "Google search": (
        "gemini",
        "/v1beta/models/g:generateContent",
        {**GEMINI, "tools": [{"googleSearch": {}}]},
    ),
    "functions and search": (
        "gemini",
        "/v1beta/models/g:generateContent",
        {**GEMINI, "tools": [{"functionDeclarations": [], "googleSearch": {}}]},
    ),
    "a tool of Bedrock's own": (
        "bedrock",
        "/model/m/converse",
        {**BEDROCK, "toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}},
    ),
    "fields of a model": (
        "bedrock",
        "/model/m/converse",
        {**BEDROCK, "additionalModelRequestFields": {}},
    ),
    "no group at all": (
        "gemini",
        "/v1beta/models/g:generateContent",
        {"contents": CONTENTS, "generationConfig": "temperature"},
    ),
    "connectors": ("cohere", "/v1/chat", {**CHAT, "connectors": [{"id": "web-search"}]}),
    "an agent": (
        "mistral",
        "/v1/agents/completions",
        {"agent_id": "a", "messages": MESSAGES, "temperature": 0},
    ),
    "an endpoint that we do not know": ("openai", "/v1/images/generations", CHAT),
}


@pytest.mark.parametrize("what", MANY_ANSWERS)
def test_a_prompt_with_several_answers_or_an_effect_is_not(what: str) -> None:
    assert not asks(*MANY_ANSWERS[what])


@pytest.mark.parametrize("temperature", [1, 0.1, 1e-9, -1, None, False, "0", [0], {}])
def test_the_temperature_must_be_nothing_but_0(temperature: object) -> None:
    assert not asks("openai", "/v1/chat/completions", {**CHAT, "temperature": temperature})


@pytest.mark.parametrize("body", [b"", b"{", b'{"temperature":0', b'\x1f\x8b"temperature"', b"0"])
def test_what_is_no_json_is_not_shared(body: bytes) -> None:
    path = "/v1/chat/completions"

    assert not may(path, body, mode="deterministic", endpoint=Endpoint.CHAT)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["type", "tools"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from([*CHAT, "tools", "toolConfig", "options", "n", "prompt"]), _VALUES)
def test_no_document_makes_it_stumble(name: str, value: object) -> None:
    asks("openai", "/v1/chat/completions", {**CHAT, name: value})
