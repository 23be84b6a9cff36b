"""Errors and usage in streams that have passed."""

from collections.abc import Callable
from itertools import accumulate, chain, cycle, islice, repeat

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.dialects import DIALECTS
from sidecar.metering.ends import HEAD_BYTES, TAIL_BYTES
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.tokens import Usage
from tests.metering.wire import chunk_frame, event_frame, exception_frame, frame, line, sse
from tests.support import splits

OPENAI = DIALECTS["openai"].usages
ANTHROPIC = DIALECTS["anthropic"].usages
GEMINI = DIALECTS["gemini"].usages
BEDROCK = DIALECTS["bedrock"].usages
OLLAMA = DIALECTS["ollama"].usages

CUTS = st.lists(st.integers(0, 100_000), max_size=12)
TEXT = "lorem ipsum " * 8


def passed(stream: bytes, framing: Framing = Framing.EVENTS) -> StreamTail:
    tail = StreamTail(framing)
    tail.feed([stream])
    return tail


def error_in(stream: bytes, framing: Framing = Framing.EVENTS) -> object:
    found = passed(stream, framing).error()
    return None if found is None else orjson.loads(found)


def delta(text: str = TEXT) -> bytes:
    return sse({"choices": [{"delta": {"content": text}}], "usage": None})


LONG = b"".join(repeat(delta(), 300))
DONE = b"data: [DONE]\n\n"
CHAT_END = sse({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 7}})

START = {
    "type": "message_start",
    "message": {
        "model": "m",
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 30,
            "output_tokens": 1,
        },
    },
}
MESSAGE_DELTA = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 15, "input_tokens": None},
}
MESSAGE = Usage(60, 15, cached_input=30, cache_write=20)


class TestErrors:
    """What broke an answer that began well."""

    @pytest.mark.parametrize(
        "event",
        [
            {"error": {"code": "slow_down"}},
            {"type": "error", "error": {"type": "overloaded_error"}},
            {"type": "error", "code": "rate_limit_exceeded", "error": None},
            {"type": "response.failed", "response": {"error": {"code": "server_error"}}},
            {"object": "error", "type": "rate_limited", "code": "1300"},
            {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "failed"}},
        ],
    )
    def test_an_error_event_is_found_at_the_end_of_a_stream(self, event: object) -> None:
        data = sse(event, "x")

        assert error_in(sse({"delta": 1}) + data) == event
        assert error_in(LONG + data + DONE) == event
        assert error_in(data.replace(b"\n", b"\r\n") + DONE) == event
        assert error_in(data.replace(b"data: ", b"data:")) == event

    def test_an_event_called_error_is_one_whatever_it_holds(self) -> None:
        assert passed(b"event: error\ndata: no JSON\n\n").error() == b"no JSON"
        assert error_in(sse({"message": "m"}, "error")) == {"message": "m"}
        assert error_in(sse({}, "error") + sse({"message": "m"})) == {}

    @pytest.mark.parametrize(
        "stream",
        [
            b"",
            CHAT_END + DONE,
            b'data: {"error":null}\n\n',
            b'data: {"text":"the word \\"error\\""}\n\n',
            b'data: ["error"]\n\n',
            b'data: {"error":\n\n',
            b': {"error":1}\n\n',
            b'{"error":1}\n',
            b"event: ping\ndata: {}\n\n",
        ],
    )
    def test_a_stream_without_an_error_has_none(self, stream: bytes) -> None:
        assert error_in(stream) is None

    def test_of_several_errors_the_last_one_counts(self) -> None:
        assert error_in(sse({"error": 1}) + sse({"error": 2})) == {"error": 2}

    def test_an_error_that_could_not_be_written_again_is_given_as_it_came(self) -> None:
        """orjson reads deeper documents than it writes."""
        document = b'{"error": ' + b"[" * 300 + b"]" * 300 + b"}"

        assert error_in(b"data: " + document + b"\n\n") == orjson.loads(document)

    def test_a_line_may_be_an_error(self) -> None:
        stream = line({"response": "a", "done": False}) + line({"error": "out of memory"})

        assert error_in(stream, Framing.LINES) == {"error": "out of memory"}
        assert error_in(stream[: stream.index(b"\n")], Framing.LINES) is None

    def test_an_exception_frame_is_an_error_with_its_type_as_label(self) -> None:
        stream = event_frame("contentBlockDelta", {"delta": {"text": TEXT}}) * 300
        stream += exception_frame("throttlingException", "Too many tokens.")

        assert error_in(stream, Framing.FRAMES) == {
            "__type": "throttlingException",
            "message": "Too many tokens.",
        }

    @pytest.mark.parametrize(
        "payload", [b"", b"[]", b"{", b'{"message":5}', b'{"message":' + b"[" * 300 + b"]" * 301]
    )
    def test_an_exception_s_type_is_enough(self, payload: bytes) -> None:
        stream = frame(payload, message_type="exception", exception_type="x")

        assert error_in(stream, Framing.FRAMES) == {"__type": "x", "message": ""}

    def test_an_exception_without_a_type_is_an_error_all_the_same(self) -> None:
        assert error_in(frame(b"", message_type="exception"), Framing.FRAMES) == {
            "__type": "",
            "message": "",
        }

    def test_an_error_frame_says_all_in_its_headers(self) -> None:
        stream = frame(b"", message_type="error", error_code="internal", error_message="m")

        assert error_in(stream, Framing.FRAMES) == {"__type": "internal", "message": "m"}


class TestUsage:
    """What an answer used."""

    @pytest.mark.parametrize("text", [b"", delta(), LONG])
    def test_a_chat_tells_in_its_last_chunk(self, text: bytes) -> None:
        assert passed(text + CHAT_END + DONE).usage(OPENAI) == Usage(9, 7, 0, 0)

    def test_a_stream_that_was_not_asked_tells_nothing(self) -> None:
        assert passed(LONG + DONE).usage(OPENAI) is None
        assert passed(LONG + CHAT_END).usage(()) is None
        assert passed(b"").usage(OPENAI) is None

    @pytest.mark.parametrize("deltas", [0, 1, 300])
    def test_a_message_tells_its_input_first_and_its_output_last(self, deltas: int) -> None:
        text = sse({"type": "content_block_delta", "delta": {"text": TEXT}}) * deltas
        stream = sse(START, "message_start") + text + sse(MESSAGE_DELTA, "message_delta")

        assert passed(stream + sse({"type": "message_stop"})).usage(ANTHROPIC) == MESSAGE

    def test_a_message_that_broke_off_used_its_input(self) -> None:
        text = sse({"type": "content_block_delta", "delta": {"text": TEXT}}) * 300

        assert passed(sse(START) + text).usage(ANTHROPIC) == Usage(60, 1, 30, 0, 20)

    def test_gemini_repeats_its_figures_and_the_last_ones_count(self) -> None:
        stream = b"".join(
            sse({"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": n}})
            for n in range(1, 9)
        )

        assert passed(stream).usage(DIALECTS["gemini"].usages) == Usage(5, 8, 0, 0)

    @pytest.mark.parametrize("size", [10, HEAD_BYTES, TAIL_BYTES, 10 * TAIL_BYTES])
    def test_a_last_event_that_holds_the_whole_answer_still_tells(self, size: int) -> None:
        """Responses' `response.completed`, of whose line only the end is kept."""
        usage = {
            "input_tokens": 9,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3},
        }
        text = 'é" "usage":{"input_tokens":1} ' * (size // 30)
        response = {"output": [{"text": text}], "usage": usage, "user": None, "metadata": {}}
        stream = sse({"type": "response.created", "response": {"usage": None}})
        stream += sse({"type": "response.completed", "response": response})

        assert passed(stream).usage(OPENAI) == Usage(9, 7, 4, 3)

    @pytest.mark.parametrize("lines", [0, 300])
    def test_lines_tell_in_the_last_one(self, lines: int) -> None:
        stream = line({"message": {"content": TEXT}, "done": False}) * lines
        stream += line({"done": True, "prompt_eval_count": 26, "eval_count": 298})

        assert passed(stream, Framing.LINES).usage(OLLAMA) == Usage(26, 298, 0, 0)

    @pytest.mark.parametrize("deltas", [0, 3, 300])
    def test_a_converse_stream_tells_in_its_metadata(self, deltas: int) -> None:
        stream = event_frame("contentBlockDelta", {"delta": {"text": TEXT}}) * deltas
        usage = {"inputTokens": 10, "outputTokens": 20, "cacheReadInputTokens": 5}
        stream += event_frame("metadata", {"usage": usage, "metrics": {"latencyMs": 5}})

        assert passed(stream, Framing.FRAMES).usage(BEDROCK) == Usage(15, 20, 5, 0)

    @pytest.mark.parametrize("deltas", [0, 300])
    def test_an_invoked_model_s_stream_is_looked_into(self, deltas: int) -> None:
        text = chunk_frame({"type": "content_block_delta", "delta": {"text": TEXT}}) * deltas
        stream = chunk_frame(START) + text + chunk_frame(MESSAGE_DELTA)
        metrics = {"inputTokenCount": 10, "outputTokenCount": 15, "invocationLatency": 900}
        last = chunk_frame({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics})

        assert passed(stream, Framing.FRAMES).usage(BEDROCK) == MESSAGE
        assert passed(stream + last, Framing.FRAMES).usage(BEDROCK) == Usage(10, 15, 0, 0)

    @pytest.mark.parametrize(
        "payload", [b"", b"[]", b"{}", b'{"bytes":5}', b'{"bytes":"a"}', '{"bytes":"é"}'.encode()]
    )
    def test_a_chunk_that_holds_nothing_tells_nothing(self, payload: bytes) -> None:
        tail = passed(frame(payload, message_type="event", event_type="chunk"), Framing.FRAMES)

        assert (tail.usage(BEDROCK), tail.error()) == (None, None)


class TestNonsense:
    """What stands in place of figures and is none."""

    @pytest.mark.parametrize(
        "figures", [{"prompt_tokens": -9}, {"completion_tokens": "7"}, "9", [9]]
    )
    @pytest.mark.parametrize("text", [b"", LONG])
    def test_it_is_told_from_nothing(self, text: bytes, figures: object) -> None:
        stream = passed(text + sse({"choices": [], "usage": figures}) + DONE)

        assert stream.usage(OPENAI) is None
        assert stream.tells_nonsense(OPENAI)

    @pytest.mark.parametrize("stream", [b"", LONG + DONE, LONG + sse({"usage": {}}), CHAT_END])
    def test_null_and_nothing_and_figures_are_none(self, stream: bytes) -> None:
        assert not passed(stream).tells_nonsense(OPENAI)

    def test_earlier_figures_do_not_stand_in_for_the_last_ones(self) -> None:
        figures = {"promptTokenCount": 5, "candidatesTokenCount": 7}
        wrong = {**figures, "candidatesTokenCount": -7}
        stream = passed(sse({"usageMetadata": figures}) + sse({"usageMetadata": wrong}))

        assert stream.usage(GEMINI) is None
        assert stream.tells_nonsense(GEMINI)

    @pytest.mark.parametrize("deltas", [0, 300])
    def test_an_opening_may_be_nonsense_too(self, deltas: int) -> None:
        text = sse({"type": "content_block_delta", "delta": {"text": TEXT}}) * deltas
        opening = sse({"type": "message_start", "message": {"usage": {"input_tokens": "60"}}})
        stream = passed(opening + text + sse(MESSAGE_DELTA))

        assert stream.usage(ANTHROPIC) is None
        assert stream.tells_nonsense(ANTHROPIC)

    def test_it_is_found_in_a_line_of_which_only_the_end_is_kept(self) -> None:
        response = {"output": ["x" * 2 * TAIL_BYTES], "usage": {"input_tokens": -9}}
        stream = passed(sse({"type": "response.completed", "response": response}))

        assert stream.usage(OPENAI) is None
        assert stream.tells_nonsense(OPENAI)


Made = Callable[[str], bytes]

BREAKING: dict[str, tuple[str, Framing, bytes, Made]] = {
    "openai": ("openai", Framing.EVENTS, b"", delta),
    "responses": (
        "openai",
        Framing.EVENTS,
        sse({"type": "response.created", "response": {"instructions": TEXT * 9, "usage": None}}),
        lambda text: sse({"type": "response.output_text.delta", "item_id": "i", "delta": text}),
    ),
    "anthropic": (
        "anthropic",
        Framing.EVENTS,
        sse(START, "message_start"),
        lambda text: sse({"type": "content_block_delta", "delta": {"text": text}}),
    ),
    "cohere": (
        "cohere",
        Framing.EVENTS,
        sse({"type": "message-start", "id": "x"}),
        lambda text: sse({"type": "content-delta", "delta": {"message": {"content": {"text": text}}}}),
    ),
    "gemini": (
        "gemini",
        Framing.EVENTS,
        b"",
        lambda text: sse({"candidates": [{"content": {"parts": [{"text": text}]}}]}),
    ),
    "ollama": (
        "ollama",
        Framing.LINES,
        b"",
        lambda text: line({"message": {"content": text}, "done": False}),
    ),
    "converse": (
        "bedrock",
        Framing.FRAMES,
        event_frame("messageStart", {"role": "assistant"}),
        lambda text: event_frame("contentBlockDelta", {"delta": {"text": text}}),
    ),
    "invoked": (
        "bedrock",
        Framing.FRAMES,
        chunk_frame(START),
        lambda text: chunk_frame({"type": "content_block_delta", "delta": {"text": text}}),
    ),
}  # fmt: skip
WORDS = ("a", " is", " the", " time", " which", " tokens", " gently", "é", "的")


class TestSoFar:
    """What a stream used until it broke off."""

    @given(st.data())
    @settings(max_examples=200, deadline=None)
    def test_the_estimate_is_within_a_factor_of_two(self, data: st.DataObject) -> None:
        """A token is a word here; so many come in an event as the provider likes, two thousand at
        most in all, and the stream is cut anywhere. The event that was cut may be seen or not.
        """
        name = data.draw(st.sampled_from(list(BREAKING)))
        dialect, framing, opening, made = BREAKING[name]
        words = data.draw(st.permutations(WORDS))
        at_once = data.draw(st.sampled_from((1, 1, 1, 3, 10, 40)))
        events = data.draw(st.integers(1, 2000 // at_once))
        texts = cycle("".join(islice(cycle(words), n, n + at_once)) for n in range(len(words)))
        pieces = [opening, *map(made, islice(texts, events))]
        stream = b"".join(pieces)
        cut = data.draw(st.integers(len(opening), len(stream)))
        ends = list(accumulate(map(len, pieces)))

        used = passed(stream[:cut], framing).so_far(DIALECTS[dialect].usages, 33)

        tokens = at_once * (sum(end <= cut for end in ends) - 1)
        assert tokens / 2 - 1 - at_once <= used.output <= 2 * (tokens + at_once) + 1
        assert used.input == (60 if name in ("anthropic", "invoked") else 33)

    def test_what_was_told_is_exact(self) -> None:
        """Gemini tells in each event what it came to until then."""
        figures = {"promptTokenCount": 5, "candidatesTokenCount": 70}
        stream = passed(sse({"candidates": [], "usageMetadata": figures}) * 9 + b'data: {"us')

        assert stream.so_far(GEMINI, 33) == Usage(5, 70)

    def test_figures_at_the_end_count_although_the_stream_did_not_end(self) -> None:
        assert passed(LONG + CHAT_END).so_far(OPENAI, 33) == Usage(9, 7)
        text = sse({"type": "content_block_delta", "delta": {"text": TEXT}}) * 300
        assert passed(sse(START) + text + sse(MESSAGE_DELTA)).so_far(ANTHROPIC, 33) == MESSAGE

    def test_an_opening_tells_the_input_and_at_least_some_output(self) -> None:
        assert passed(sse(START)).so_far(ANTHROPIC, 33) == Usage(60, 1, 30, cache_write=20)

    def test_nonsense_is_no_knowledge(self) -> None:
        wrong = sse({"usage": {"prompt_tokens": -1}})

        assert passed(delta("a") + wrong).so_far(OPENAI, 33) == Usage(33, 1)
        opening = sse({"message": {"usage": {"input_tokens": -1}}})
        assert passed(opening).so_far(ANTHROPIC, 33) == Usage(33, 0)

    def test_nothing_has_used_the_prompt(self) -> None:
        assert passed(b"").so_far(OPENAI, 33) == Usage(33, 0)


EVENT_STREAMS = st.lists(
    st.sampled_from(
        (
            b": keep-alive\n\n",
            delta(),
            delta("x" * 5000),
            CHAT_END,
            DONE,
            sse(START, "message_start"),
            sse(MESSAGE_DELTA, "message_delta"),
            sse({"error": {"code": "slow_down"}}),
            sse({"type": "error"}, "error"),
            sse({"usage": {"prompt_tokens": -1}}),
            sse({"usage": "5"}),
            b'data: {"error": broken\n',
            b'data: {"usage": broken\n',
            b"\r\n",
        )
    ),
    max_size=20,
)
LINE_STREAMS = st.lists(
    st.sampled_from(
        (
            line({"response": "x" * 4000}),
            line({"prompt_eval_count": 1, "eval_count": 2}),
            line({"error": "words"}),
            b"\n",
            b"{",
        )
    ),
    max_size=12,
)
FRAME_STREAMS = st.lists(
    st.sampled_from(
        (
            event_frame("contentBlockDelta", {"delta": {"text": "x" * 3000}}),
            event_frame("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2}}),
            chunk_frame(MESSAGE_DELTA),
            exception_frame("throttlingException", "m"),
            b"\0\0\0garbage",
        )
    ),
    max_size=12,
)
STREAMS = st.one_of(
    st.tuples(st.just(Framing.EVENTS), EVENT_STREAMS),
    st.tuples(st.just(Framing.LINES), LINE_STREAMS),
    st.tuples(st.just(Framing.FRAMES), FRAME_STREAMS),
)
SHAPES = tuple(chain(OPENAI, ANTHROPIC, BEDROCK, OLLAMA))


@given(STREAMS, CUTS)
@settings(deadline=None)
def test_any_split_gives_the_same_error_and_usage(
    stream: tuple[Framing, list[bytes]], cuts: list[int]
) -> None:
    framing, parts = stream
    data = b"".join(parts)
    at_once, in_pieces = passed(data, framing), StreamTail(framing)
    for piece in splits(data, cuts):
        in_pieces.feed([piece])

    assert in_pieces.error() == at_once.error()
    assert in_pieces.usage(SHAPES) == at_once.usage(SHAPES)
    assert in_pieces.tells_nonsense(SHAPES) == at_once.tells_nonsense(SHAPES)
    assert in_pieces.so_far(SHAPES, 9) == at_once.so_far(SHAPES, 9)


@given(st.sampled_from(Framing), st.binary(max_size=100), st.integers(0, 30_000))
def test_no_bytes_make_it_raise(framing: Framing, data: bytes, noise: int) -> None:
    tail = StreamTail(framing)
    tail.feed([data, b"\0" * noise, data])
    tail.error()
    tail.usage(SHAPES)
    tail.tells_nonsense(SHAPES)
    tail.so_far(SHAPES, 9)
