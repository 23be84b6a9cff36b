"""What each simulated provider tells, the sidecar reads: usage, and errors behind a 200.

Both were written from the same facts by different hands; here they meet on the wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from sidecar.dialects import DIALECTS
from sidecar.metering.framing import framing_of
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.whole_answer import WholeAnswer, error_in
from sidecar.outcomes import RejectionKind
from sidecar.tokens import Usage
from tests.simulator.providing import HELLO, MODEL, Running


@dataclass(frozen=True)
class Chat:
    """How one provider is asked for at most three words."""

    dialect: str
    path: str
    body: Mapping[str, Any]
    stream_path: str | None = None
    """None = the same."""
    error: RejectionKind | None = RejectionKind.RATE
    """What an error in the stream is read as that says so."""

    def streamed(self) -> tuple[str, Mapping[str, Any]]:
        """Path and body of the same as a stream."""
        return self.stream_path or self.path, {**self.body, "stream": True}


_OPENAI = {"model": MODEL, "messages": HELLO, "max_tokens": 3}
_GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": "Hello there"}]}],
    "generationConfig": {"maxOutputTokens": 3},
}
_CONVERSE = {
    "messages": [{"role": "user", "content": [{"text": "Hello there"}]}],
    "inferenceConfig": {"maxTokens": 3},
}
_OLLAMA = {"model": MODEL, "messages": HELLO, "options": {"num_predict": 3}, "stream": False}
_RESPONSES = {"model": MODEL, "input": "Hello there", "max_output_tokens": 3}
_TGI = {"inputs": "Hello there", "parameters": {"max_new_tokens": 3, "details": True}}
_WITH_USAGE = {"stream_options": {"include_usage": True}}

_CHATS = {
    "anthropic": Chat("anthropic", "/anthropic/v1/messages", _OPENAI),
    "responses": Chat("openai", "/openai/v1/responses", _RESPONSES),
    "gemini": Chat(
        "gemini",
        "/gemini/v1beta/models/m:generateContent",
        _GEMINI,
        "/gemini/v1beta/models/m:streamGenerateContent?alt=sse",
    ),
    "vertex": Chat(
        "gemini",
        "/vertex/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict",
        _OPENAI,
        "/vertex/v1/projects/p/locations/l/publishers/anthropic/models/m:streamRawPredict",
    ),
    "converse": Chat(
        "bedrock", "/bedrock/model/m/converse", _CONVERSE, "/bedrock/model/m/converse-stream"
    ),
    "invoke": Chat(
        "bedrock",
        "/bedrock/model/m/invoke",
        _OPENAI,
        "/bedrock/model/m/invoke-with-response-stream",
    ),
    "mistral": Chat("mistral", "/mistral/v1/chat/completions", _OPENAI),
    "groq": Chat("groq", "/groq/openai/v1/chat/completions", _OPENAI),
    # An error at the message's end is told in words alone.
    "cohere": Chat("cohere", "/cohere/v2/chat", _OPENAI, error=None),
    "deepseek": Chat("deepseek", "/deepseek/chat/completions", _OPENAI),
    "together": Chat("together", "/together/v1/chat/completions", _OPENAI),
    "fireworks": Chat("fireworks", "/fireworks/inference/v1/chat/completions", _OPENAI),
    "openrouter": Chat("openrouter", "/openrouter/api/v1/chat/completions", _OPENAI),
    "ollama": Chat("ollama", "/ollama/api/chat", _OLLAMA, error=None),
    "tgi": Chat("tgi", "/tgi/generate", _TGI, "/tgi/generate_stream", RejectionKind.OVERLOAD),
}
_ASKED = {
    # Their streams tell the usage only where they are asked for it.
    "openai": Chat("openai", "/openai/v1/chat/completions", _OPENAI),
    "azure": Chat("azure", "/azure/openai/deployments/m/chat/completions", _OPENAI),
    "vllm": Chat("vllm", "/vllm/v1/chat/completions", _OPENAI),
}
_ALL = _CHATS | _ASKED


def _tail(headers: Mapping[str, str], body: bytes) -> StreamTail:
    framing = framing_of(headers["content-type"].encode())
    assert framing.streamed
    tail = StreamTail(framing)
    tail.feed([body])
    return tail


@pytest.mark.parametrize("name", _ALL)
async def test_a_whole_answers_usage(quick: Running, name: str) -> None:
    chat = _ALL[name]
    _, _, body = await quick.post(chat.path, chat.body)
    answer = WholeAnswer()
    answer.feed([body])

    usage = answer.usage(DIALECTS[chat.dialect].usages, None)

    assert usage is not None
    assert usage.output == 3


@pytest.mark.parametrize("name", _ALL)
async def test_a_streams_usage(quick: Running, name: str) -> None:
    chat = _ALL[name]
    path, body = chat.streamed()
    more = _WITH_USAGE if name in _ASKED else {}
    _, headers, sent = await quick.post(path, {**body, **more})

    usage = _tail(headers, sent).usage(DIALECTS[chat.dialect].usages)

    assert usage is not None
    assert usage.output == 3


_TELL_CACHE = [name for name in _ALL if name not in ("ollama", "tgi")]
_TELL_THOUGHTS = [name for name in _TELL_CACHE if name not in ("converse", "mistral", "cohere")]


@pytest.mark.parametrize("name", _TELL_CACHE)
async def test_what_was_read_from_a_cache(quick: Running, name: str) -> None:
    read = [usage.cached_input for usage in await _both(quick, name, "cached=2; tokens=3")]

    assert read == [2, 2]


@pytest.mark.parametrize("name", _TELL_THOUGHTS)
async def test_thoughts(quick: Running, name: str) -> None:
    for usage in await _both(quick, name, "reasoning=2; tokens=3"):
        assert (usage.output, usage.reasoning) == (3, 2)


@pytest.mark.parametrize("name", _ALL)
async def test_the_books_say_what_was_told(quick: Running, name: str) -> None:
    told = await _both(quick, name, "tokens=3")

    (model,) = quick.provider.state()["models"].values()
    billed = model["billed"]
    assert billed["calls"] == 2
    assert billed["output"] == sum(usage.output for usage in told)
    assert billed["input"] == sum(usage.input for usage in told)


async def _both(quick: Running, name: str, what: str) -> list[Usage]:
    """The usage of a whole answer and of a stream."""
    chat, more = _ALL[name], _WITH_USAGE if name in _ASKED else {}
    shapes = DIALECTS[chat.dialect].usages
    _, _, body = await quick.post(chat.path, chat.body, x_simulate=what)
    whole = WholeAnswer()
    whole.feed([body])
    path, asked = chat.streamed()
    _, headers, sent = await quick.post(path, {**asked, **more}, x_simulate=what)
    found = [whole.usage(shapes, None), _tail(headers, sent).usage(shapes)]
    assert None not in found
    return [usage for usage in found if usage is not None]


async def test_usage_in_an_array_of_answers(quick: Running) -> None:
    _, _, body = await quick.post("/gemini/v1beta/models/m:streamGenerateContent", _GEMINI)
    answer = WholeAnswer()
    answer.feed([body])

    usage = answer.usage(DIALECTS["gemini"].usages, None)

    assert usage is not None
    assert usage.output == 3


@pytest.mark.parametrize("name", _ALL)
async def test_an_error_in_a_stream(quick: Running, name: str) -> None:
    chat = _ALL[name]
    path, body = chat.streamed()
    what = "error-in-stream; after=1; trouble=rate_limit_exceeded"
    _, headers, sent = await quick.post(path, body, x_simulate=what)

    error = _tail(headers, sent).error()

    kind = DIALECTS[chat.dialect].classify_document(error or b"")
    assert error is not None
    assert kind is chat.error


async def test_errors_in_whole_answers(quick: Running) -> None:
    what = "error-in-stream; after=1; trouble=rate_limit_exceeded"
    for path, body in (
        ("/openrouter/api/v1/chat/completions", _OPENAI),
        ("/gemini/v1beta/models/m:streamGenerateContent", _GEMINI),
    ):
        status, _, sent = await quick.post(path, body, x_simulate=what)

        assert status == 200
        assert error_in(sent) is not None
