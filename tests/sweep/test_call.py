"""The request that is sent, and what of it may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from sidecar.sweep.call import (
    ENDPOINTS,
    Call,
    encoded,
    endpoint_url,
    headers_for,
    output_limit,
    own_body,
)


@pytest.mark.parametrize(
    ("base", "endpoint", "expected"),
    [
        ("http://vllm:8000", "chat", "http://vllm:8000/v1/chat/completions"),
        ("http://vllm:8000/", "completions", "http://vllm:8000/v1/completions"),
        ("http://vllm:8000/v1", "chat", "http://vllm:8000/v1/chat/completions"),
        ("http://vllm:8000/v1/", "embeddings", "http://vllm:8000/v1/embeddings"),
        ("https://x.example/openai/v1", "responses", "https://x.example/openai/v1/responses"),
        ("https://x.example/v1beta/openai", "chat", "https://x.example/v1beta/openai/chat/completions"),
        ("https://x.example/anthropic", "messages", "https://x.example/anthropic/v1/messages"),
        ("https://x.example/v1", "messages", "https://x.example/v1/messages"),
        ("https://x.example", "messages", "https://x.example/v1/messages"),
        (
            "https://x.example/openai/deployments/d/chat/completions?api-version=1",
            "chat",
            "https://x.example/openai/deployments/d/chat/completions?api-version=1",
        ),
        ("https://x.example/base?tenant=1", "chat", "https://x.example/base/chat/completions?tenant=1"),
        ("https://x.example/models/m:generate", "exact", "https://x.example/models/m:generate"),
    ],
)  # fmt: skip
def test_the_url_is_where_an_sdk_would_send_it(base: str, endpoint: str, expected: str) -> None:
    assert str(endpoint_url(URL(base), endpoint)) == expected


@pytest.mark.parametrize("endpoint", [name for name in ENDPOINTS if name != "exact"])
def test_every_endpoint_has_a_body_with_a_number_in_its_prompt(endpoint: str) -> None:
    body = own_body(endpoint, model="m", prompt="Why?", max_tokens=9, stream=False)

    assert body["model"] == "m"
    assert "stream" not in body
    assert output_limit(body) == (None if endpoint == "embeddings" else 9)
    assert b"Request {{n}}. Why?" in encoded(body)


def call(body: bytes = b"{}", url: str = "http://127.0.0.1:9/v1") -> Call:
    return Call(
        url=URL(url), headers={"x-api-key": "secret"}, body=body, streamed=False, output_limit=None
    )


def test_no_two_requests_are_equal() -> None:
    numbered = call(b'{"prompt":"{{n}} or {{n}}"}')

    assert numbered.numbered("a-1") == b'{"prompt":"a-1 or a-1"}'
    assert call(b'{"prompt":"{n}"}').numbered("1") == b'{"prompt":"{n}"}'


@given(st.text("abcdefgh", min_size=12, max_size=20))
def test_what_is_shown_of_a_call_has_no_secret(secret: str) -> None:
    shown = call(url=f"https://{secret}:{secret}@x.example/v1?key={secret}#{secret}")

    assert shown.shown_url == "https://x.example/v1"
    assert repr(shown) == "<Call of https://x.example/v1>"


def test_credentials_go_where_the_provider_looks_for_them() -> None:
    chat, messages = headers_for("chat", "k", {}), headers_for("messages", "k", {})

    assert chat["Authorization"] == "Bearer k"
    assert "x-api-key" not in chat
    assert (messages["x-api-key"], messages["anthropic-version"]) == ("k", "2023-06-01")
    assert "Authorization" not in messages
    assert {"Authorization", "x-api-key"}.isdisjoint(headers_for("chat", None, {}))


def test_a_header_of_the_users_own_replaces_ours() -> None:
    headers = headers_for("messages", None, {"Anthropic-Version": "2099-01-01", "x-team": "a"})

    assert headers["anthropic-version"] == "2099-01-01"
    assert [name.lower() for name in headers].count("anthropic-version") == 1
    assert headers["x-team"] == "a"


def test_the_largest_limit_of_a_body_bounds_its_answer() -> None:
    assert output_limit({"max_tokens": 5, "max_completion_tokens": 7}) == 7
    assert output_limit({"max_tokens": "5", "max_output_tokens": True}) is None
