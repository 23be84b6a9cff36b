"""Engines that people run themselves: Ollama's own API, and Text Generation Inference (TGI)."""

from collections.abc import Mapping
from typing import Any

import orjson

from sidecar.simulator.protocol.ask import (
    Answer,
    Ask,
    Body,
    Script,
    count,
    event,
    model_of,
    required,
)
from sidecar.simulator.protocol.embeddings import embeddings_ask
from sidecar.simulator.protocol.flaws import flawed_vectors
from sidecar.simulator.protocol.framing import JSON_LINES, PLAIN_EVENTS, line
from sidecar.simulator.protocol.refusal import (
    OPENAI_REFUSALS,
    Refusal,
    RefusedError,
    Trouble,
)
from sidecar.simulator.protocol.style import Style, Told
from sidecar.simulator.protocol.surface import Paths, Surface
from sidecar.simulator.protocol.text import Prompt, prompt, vector_floats

_DIMENSIONS = 768
_TGI_MODEL = "tgi"
"""TGI serves one model and is not told which."""


def _ollama_shape(refusal: Refusal, _told: Told) -> Mapping[str, Any]:
    return {"error": refusal.message}


_BUSY = "server busy, please try again. maximum pending requests exceeded"
OLLAMA = Style(
    name="ollama",
    refusals={**OPENAI_REFUSALS, Trouble.OVERLOAD: Refusal(503, "", None, _BUSY)},
    shape=_ollama_shape,
    id_header="x-request-id",
)


def _read_ollama_chat(body: Body, path_model: str | None) -> Ask:
    return _ollama(body, prompt(required(body, "messages", list)), path_model)


def _read_generate(body: Body, path_model: str | None) -> Ask:
    return _ollama(body, prompt(body.get("system"), required(body, "prompt", str)), path_model)


def _ollama(body: Body, said: Prompt, path_model: str | None) -> Ask:
    options = _table(body, "options")
    return Ask(
        model=model_of(body, path_model),
        prompt=said,
        max_tokens=count(options, "num_predict"),
        stream=body.get("stream") is not False,  # streams unless told not to
    )


def _table(body: Body, field: str) -> Body:
    value = body.get(field) or {}
    if not isinstance(value, dict):
        raise RefusedError(Trouble.BAD_REQUEST, f"{field} must be an object", param=field)
    return value


def _said_in_chat(text: str) -> Mapping[str, Any]:
    return {"message": {"role": "assistant", "content": text}}


def _said_plainly(text: str) -> Mapping[str, Any]:
    return {"response": text}


def _whole_ollama_chat(ask: Ask, answer: Answer) -> bytes:
    return orjson.dumps({**_common(ask), **_said_in_chat(answer.text), **_done(ask, answer)})


def _whole_generate(ask: Ask, answer: Answer) -> bytes:
    return orjson.dumps({**_common(ask), **_said_plainly(answer.text), **_done(ask, answer)})


def _stream_ollama_chat(ask: Ask, answer: Answer) -> Script:
    words = [{**_said_in_chat(word.decode()), "done": False} for word in answer.words]
    return _lines(ask, words, {**_said_in_chat(""), **_done(ask, answer)})


def _stream_generate(ask: Ask, answer: Answer) -> Script:
    words = [{**_said_plainly(word.decode()), "done": False} for word in answer.words]
    return _lines(ask, words, {**_said_plainly(""), **_done(ask, answer)})


def _lines(ask: Ask, words: list[dict[str, Any]], last: Mapping[str, Any]) -> Script:
    common = _common(ask)
    return Script(b"", [line({**common, **word}) for word in words], line({**common, **last}))


def _common(ask: Ask) -> Mapping[str, Any]:
    return {"model": ask.model, "created_at": "2024-01-01T00:00:00Z"}


def _done(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    return {
        "done": True,
        "done_reason": "length" if answer.cut else "stop",
        "total_duration": 10_000_000,
        **answer.tells_plainly(
            {"prompt_eval_count": ask.prompt.tokens, "eval_count": answer.output}
        ),
    }


def _read_ollama_embed(body: Body, path_model: str | None) -> Ask:
    given = required(body, "input", (str, list))
    texts = [given] if isinstance(given, str) else given
    if not all(isinstance(text, str) and text for text in texts):
        raise RefusedError(Trouble.BAD_REQUEST, "invalid input type", param="input")
    return embeddings_ask(
        model_of(body, path_model),
        [(prompt(text), text.encode()) for text in texts],
        dimensions=_DIMENSIONS,
    )


def _whole_ollama_embed(ask: Ask, answer: Answer) -> bytes:
    wanted = ask.vectors
    vectors = [vector_floats(seed, wanted.dimensions) for seed in wanted.inputs]
    document = {
        "model": ask.model,
        "embeddings": flawed_vectors(answer.vectors_flaw, vectors),
        **answer.tells_plainly({"prompt_eval_count": ask.prompt.tokens}),
    }
    return orjson.dumps(document)


OLLAMA_PATHS: Paths = {
    "/api/chat": Surface(
        OLLAMA, _read_ollama_chat, _whole_ollama_chat, _stream_ollama_chat, JSON_LINES
    ),
    "/api/generate": Surface(OLLAMA, _read_generate, _whole_generate, _stream_generate, JSON_LINES),
    "/api/embed": Surface(OLLAMA, _read_ollama_embed, _whole_ollama_embed),
}


def _tgi_shape(refusal: Refusal, _told: Told) -> Mapping[str, Any]:
    return {"error": refusal.message, "error_type": refusal.type}


TGI = Style(
    name="tgi",
    refusals={
        **OPENAI_REFUSALS,
        Trouble.RATE: Refusal(429, "overloaded", None, "Model is overloaded"),
        Trouble.RAMP: Refusal(429, "overloaded", None, "Model is overloaded"),
        Trouble.OVERLOAD: Refusal(429, "overloaded", None, "Model is overloaded"),
        Trouble.BAD_REQUEST: Refusal(422, "validation", None, "Input validation error"),
    },
    shape=_tgi_shape,
    id_header="x-request-id",
)


def _read_tgi(body: Body, _path_model: str | None) -> Ask:
    return _tgi(body, stream=False)


def _read_tgi_stream(body: Body, _path_model: str | None) -> Ask:
    return _tgi(body, stream=True)


def _tgi(body: Body, *, stream: bool) -> Ask:
    return Ask(
        model=_TGI_MODEL,
        prompt=prompt(required(body, "inputs", str)),
        max_tokens=count(_table(body, "parameters"), "max_new_tokens"),
        stream=stream,
    )


def _whole_tgi(ask: Ask, answer: Answer) -> bytes:
    return orjson.dumps({"generated_text": answer.text, "details": _details(ask, answer)})


def _stream_tgi(ask: Ask, answer: Answer) -> Script:
    words = [event(_token(number, word.decode())) for number, word in enumerate(answer.words, 1)]
    last = {
        **_token(len(words) + 1, "", special=True),
        "generated_text": answer.text,
        "details": _details(ask, answer),
    }
    return Script(b"", words, event(last))


def _token(index: int, text: str, *, special: bool = False) -> dict[str, Any]:
    token = {"id": index, "text": text, "logprob": 0.0, "special": special}
    return {"index": index, "token": token, "generated_text": None, "details": None}


def _details(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    return {
        "finish_reason": "length" if answer.cut else "eos_token",
        **answer.tells_plainly(
            {"generated_tokens": answer.output, "input_length": ask.prompt.tokens}
        ),
        "seed": None,
    }


TGI_PATHS: Paths = {
    "/generate": Surface(TGI, _read_tgi, _whole_tgi),
    "/generate_stream": Surface(TGI, _read_tgi_stream, _whole_tgi, _stream_tgi, PLAIN_EVENTS),
}
