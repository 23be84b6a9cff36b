"""OpenAI's chat completions, legacy completions and models."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from sidecar.simulator.protocol.ask import (
    Answer,
    Ask,
    Body,
    Script,
    count,
    event,
    flag,
    model_of,
    required,
    single_choice,
)
from sidecar.simulator.protocol.prefix import keyed_prefix
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import prompt

DONE = b"data: [DONE]\n\n"
_FINGERPRINT = "fp_simulated"
_MODEL_CREATED = 1_704_067_200  # 2024-01-01
_SLOT = b"\x1f"
"""Stands for the word while an event's frame is made; JSON never contains it raw."""


Frame = Mapping[str, Any]
"""The fields that all chunks of a stream share."""
Count = Callable[[Ask, Answer], Mapping[str, Any]]
"""The usage of an answer."""
End = Callable[[Ask, Answer, Frame], bytes]
"""The events after the last word."""


def read_chat(body: Body, path_model: str | None) -> Ask:
    """A chat completion request."""
    single_choice(body)
    messages = required(body, "messages", list)
    return Ask(
        model=model_of(body, path_model),
        prompt=prompt(messages),
        prefixes=keyed_prefix(body.get("prompt_cache_key"), messages[0]),
        max_tokens=count(body, "max_completion_tokens", "max_tokens"),
        stream=flag(body, "stream"),
        include_usage=_include_usage(body),
    )


def read_completion(body: Body, path_model: str | None) -> Ask:
    """A legacy completion request."""
    single_choice(body)
    return Ask(
        model=model_of(body, path_model),
        prompt=prompt(required(body, "prompt", (str, list))),
        max_tokens=count(body, "max_tokens") or 16,  # OpenAI's own default
        stream=flag(body, "stream"),
        include_usage=_include_usage(body),
    )


def _include_usage(body: Body) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict) or not flag(body, "stream"):
        raise RefusedError(
            Trouble.BAD_REQUEST,
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    return flag(options, "include_usage")


def usage(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    """OpenAI's count of tokens."""
    return {
        "prompt_tokens": ask.prompt.tokens,
        "completion_tokens": answer.output,
        "total_tokens": ask.prompt.tokens + answer.output,
        "prompt_tokens_details": {"cached_tokens": answer.cache.read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning, "audio_tokens": 0},
    }


def whole_chat(ask: Ask, answer: Answer, *, count_up: Count = usage, **more: Any) -> bytes:
    """A chat completion; `more` are fields that a provider adds."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    document = {
        **_frame(ask, answer, "chatcmpl-", "chat.completion"),
        "choices": [choice],
        **answer.tells("usage", count_up(ask, answer)),
        "service_tier": "default",
        **more,
    }
    return orjson.dumps(document)


def stream_chat(ask: Ask, answer: Answer, *, end: End | None = None) -> Script:
    """The same as chunks; `end` is how a provider ends them."""
    frame = _frame(ask, answer, "chatcmpl-", "chat.completion.chunk")
    first = {"role": "assistant", "content": "", "refusal": None}
    return Script(
        event(_chunk(ask, frame, [_delta(first)])),
        pieces(_chunk(ask, frame, [_delta({"content": _SLOT.decode()})]), answer.words),
        (end or _chat_end)(ask, answer, frame),
    )


def last_chunk(answer: Answer, frame: Frame, **more: Any) -> bytes:
    """The event that says why the words end."""
    return event({**frame, "choices": [_delta({}, _finish(answer))], **more})


def usage_chunk(frame: Frame, answer: Answer, used: Mapping[str, Any]) -> bytes:
    """An event with nothing but the usage; none where the answer is to tell none."""
    told = answer.tells("usage", used)
    return event({**frame, "choices": [], **told}) if told else b""


def _chat_end(ask: Ask, answer: Answer, frame: Frame) -> bytes:
    more = {"usage": None} if ask.include_usage else {}
    return last_chunk(answer, frame, **more) + _stream_end(ask, answer, frame)


def _delta(delta: Mapping[str, Any], reason: str | None = None) -> Mapping[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def whole_completion(ask: Ask, answer: Answer) -> bytes:
    """A legacy completion."""
    document = {
        **_frame(ask, answer, "cmpl-", "text_completion"),
        "choices": [_text_choice(answer.text, _finish(answer))],
        **answer.tells("usage", usage(ask, answer)),
    }
    return orjson.dumps(document)


def stream_completion(ask: Ask, answer: Answer) -> Script:
    """The same as chunks."""
    frame = _frame(ask, answer, "cmpl-", "text_completion")
    word = _chunk(ask, frame, [_text_choice(_SLOT.decode(), None)])
    last = _chunk(ask, frame, [_text_choice("", _finish(answer))])
    return Script(b"", pieces(word, answer.words), event(last) + _stream_end(ask, answer, frame))


def pieces(document: Mapping[str, Any], words: Sequence[bytes]) -> list[bytes]:
    """One event per word: the document's bytes with each word in the place of the slot."""
    before, _, after = event(document).rpartition(orjson.dumps(_SLOT.decode())[1:-1])
    return [b"%b%b%b" % (before, word, after) for word in words]


def _chunk(ask: Ask, frame: Frame, choices: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    document = {**frame, "choices": choices}
    if ask.include_usage:
        document["usage"] = None  # as the real ones do in every chunk but the last
    return document


def _stream_end(ask: Ask, answer: Answer, frame: Frame) -> bytes:
    if not ask.include_usage:
        return DONE
    return usage_chunk(frame, answer, usage(ask, answer)) + DONE


def _frame(ask: Ask, answer: Answer, prefix: str, kind: str) -> dict[str, Any]:
    return {
        "id": prefix + answer.id,
        "object": kind,
        "created": answer.created,
        "model": ask.model,
        "system_fingerprint": _FINGERPRINT,
    }


def _text_choice(text: str, finish: str | None) -> Mapping[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}


def _finish(answer: Answer) -> str:
    return "length" if answer.cut else "stop"


def models(names: Sequence[str]) -> bytes:
    """The list of models."""
    return orjson.dumps({"object": "list", "data": [_model(name) for name in names]})


def model(name: str) -> bytes:
    """One model."""
    return orjson.dumps(_model(name))


def _model(name: str) -> Mapping[str, Any]:
    return {"id": name, "object": "model", "created": _MODEL_CREATED, "owned_by": "simulator"}
