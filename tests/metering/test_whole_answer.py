"""Answers that are one document."""

import gzip

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dialects import DIALECTS
from sidecar.metering.decoding import DECODED_BYTES
from sidecar.metering.whole_answer import TAIL_BYTES, WHOLE_BYTES, WholeAnswer, error_in
from sidecar.tokens import Usage
from tests.metering.coded import CODINGS
from tests.metering.coded import whole as compressed
from tests.support import splits

OPENAI = DIALECTS["openai"].usages
GEMINI = DIALECTS["gemini"].usages
OLLAMA = DIALECTS["ollama"].usages


def answer(*pieces: bytes, limit: int = 1000) -> WholeAnswer:
    kept = WholeAnswer(limit)
    for piece in pieces:
        kept.feed([piece])
    return kept


def whole(*pieces: bytes, limit: int = 1000, encoding: bytes | None = None) -> bytes | None:
    return answer(*pieces, limit=limit).body(encoding)


def usage(body: bytes, encoding: bytes | None = None) -> Usage | None:
    return answer(body, limit=WHOLE_BYTES).usage(OPENAI, encoding)


@pytest.mark.parametrize("encoding", [None, b"", b"identity"])
def test_an_answer_up_to_the_limit_is_kept_whole(encoding: bytes | None) -> None:
    assert whole(b"ab", b"cd", limit=4, encoding=encoding) == b"abcd"


def test_of_a_larger_answer_only_the_end_is_kept() -> None:
    kept = answer(*[b"x" * 100] * 1000)

    assert kept.body(None) is None
    assert sum(map(len, kept._pieces)) == kept._kept
    assert TAIL_BYTES <= kept._kept < TAIL_BYTES + 100


@pytest.mark.parametrize("encoding", CODINGS)
def test_a_compressed_answer_is_read(encoding: bytes) -> None:
    assert whole(compressed(encoding, b"body"), encoding=encoding) == b"body"


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"br", b"body"),
        (b"zstd", b"body"),
        (b"gzip, gzip", gzip.compress(b"body")),
        (b"gzip", b"body"),
        (b"gzip", gzip.compress(b"body")[:-1]),
        (b"gzip", b""),
    ],
)
def test_an_unknown_garbled_or_cut_off_coding_gives_nothing(encoding: bytes, data: bytes) -> None:
    assert whole(data, encoding=encoding) is None


@pytest.mark.parametrize(
    ("size", "readable"),
    [(DECODED_BYTES - 1, True), (DECODED_BYTES + 1, False), (64 * DECODED_BYTES, False)],
)
def test_a_small_body_that_decodes_to_more_than_1_mib_is_not_read(
    size: int, readable: bool
) -> None:
    bomb = gzip.compress(bytes(size))

    assert (whole(bomb, limit=262_144, encoding=b"gzip") is not None) == readable


def chat(size: int) -> bytes:
    """An answer of about this size."""
    figures = {"prompt_tokens": 9, "completion_tokens": 7}
    message = {"content": 'x" "usage":{"prompt_tokens":1} ' * (size // 31)}
    return orjson.dumps({"choices": [{"message": message}], "usage": figures})


@pytest.mark.parametrize("size", [0, 1000, TAIL_BYTES, WHOLE_BYTES // 2, 2 * WHOLE_BYTES])
def test_the_usage_is_read_however_large_the_answer_is(size: int) -> None:
    """The vectors of a batch of embeddings are larger than what is kept."""
    assert usage(chat(size)) == Usage(9, 7, 0, 0)


@pytest.mark.parametrize("encoding", CODINGS)
@pytest.mark.parametrize("size", [0, WHOLE_BYTES // 2])
def test_the_usage_of_a_compressed_answer_is_read(size: int, encoding: bytes) -> None:
    assert usage(compressed(encoding, chat(size)), encoding) == Usage(9, 7, 0, 0)


@pytest.mark.parametrize("size", [0, 4000, 2 * WHOLE_BYTES])
@pytest.mark.parametrize(
    ("figures", "nonsense"),
    [({"prompt_tokens": -1}, True), ("5", True), (None, False), ({}, False)],
)
def test_nonsense_is_told_from_nothing(figures: object, nonsense: bool, size: int) -> None:
    body = orjson.dumps({"choices": ["x" * size], "usage": figures})
    read = answer(body, limit=WHOLE_BYTES)

    assert read.usage(OPENAI, None) is None
    assert read.tells_nonsense(OPENAI, None) is nonsense
    assert not answer(gzip.compress(body), limit=9).tells_nonsense(OPENAI, b"gzip")


@pytest.mark.parametrize("place", ["choices", "user"])
def test_a_large_answer_s_error_is_found_at_either_end(place: str) -> None:
    document = {"id": 1, "choices": [], "object": "x" * 3 * TAIL_BYTES, "user": 5}
    document[place] = None
    renamed = {("error" if name == place else name): "words" if name == place else value
               for name, value in document.items()}  # fmt: skip

    body = orjson.dumps(renamed)

    assert error_in(body) == body


def test_the_usage_of_an_answer_that_is_too_large_to_be_decoded_is_not_known() -> None:
    assert answer(gzip.compress(chat(50)), limit=10).usage(OPENAI, b"gzip") is None


def test_a_usage_at_the_beginning_of_a_long_answer_is_found_by_reading_all_of_it() -> None:
    figures = {"prompt_tokens": 9, "completion_tokens": 7}
    body = orjson.dumps({"usage": figures, "choices": ["x" * 2 * TAIL_BYTES]})

    assert usage(body) == Usage(9, 7, 0, 0)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"{}", b'{"usage":null}'])
def test_an_answer_may_tell_nothing(body: bytes) -> None:
    assert usage(body) is None


def test_a_dialect_that_knows_no_usage_looks_for_none() -> None:
    assert answer(chat(0)).usage((), None) is None


def test_of_an_array_of_answers_the_last_one_that_tells_counts() -> None:
    parts = [{"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": n}} for n in (1, 2)]

    read = answer(orjson.dumps([*parts, {"candidates": []}])).usage(GEMINI, None)

    assert read == Usage(5, 2, 0, 0)


def test_figures_may_stand_in_the_answer_itself() -> None:
    body = orjson.dumps({"response": "x" * 900, "prompt_eval_count": 5, "eval_count": 7})

    assert answer(body).usage(OLLAMA, None) == Usage(5, 7, 0, 0)


@given(st.integers(0, 60_000), st.lists(st.integers(0, 100_000), max_size=12))
def test_any_split_gives_the_same_usage(size: int, cuts: list[int]) -> None:
    figures = {"promptTokenCount": 9, "candidatesTokenCount": 7}
    elements = [{"candidates": ["x" * size]}, {"candidates": [], "usageMetadata": figures}]

    for body in (chat(size), orjson.dumps(elements)):
        read = answer(*splits(body, cuts), limit=30_000).usage((*OPENAI, *GEMINI), None)
        assert read == Usage(9, 7, 0, 0)


@given(st.binary(max_size=100))
def test_no_body_raises(body: bytes) -> None:
    for text in (body, b'{"error":' + body, b'{"usage":' + body):
        usage(text)
        error_in(text)


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"code": 429, "message": "m"}},
        {"error": "words"},
        [{"candidates": []}, {"error": {"code": 503}}],
    ],
)
def test_a_success_may_hold_an_error(document: object) -> None:
    body = orjson.dumps(document)

    assert error_in(body) == body


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"error": None},
        {"error": ""},
        # A fine-tuning job, as it is told while nothing is wrong.
        {"object": "fine_tuning.job", "error": {"code": None, "message": None, "param": None}},
        {"choices": [{"error": {"code": 5}}]},
        ["error"],
        "error",
    ],
)
def test_most_successes_hold_none(document: object) -> None:
    assert error_in(orjson.dumps(document)) is None


@pytest.mark.parametrize("size", [10, 3_000, WHOLE_BYTES + 10])
def test_what_the_model_gave_a_tool_is_not_the_usage(size: int) -> None:
    tool = b'"content":[{"type":"tool_use","input":{"usage":{"input_tokens":9,"output_tokens":9}}}]'
    text = b'"text":"' + b"x" * size + b'"'
    told = b'"usage":{"input_tokens":1,"output_tokens":2}'
    shapes = DIALECTS["anthropic"].usages

    def read(*members: bytes) -> Usage | None:
        return answer(b"{" + b",".join(members) + b"}", limit=WHOLE_BYTES).usage(shapes, None)

    assert read(text, tool) is None
    assert read(text, told, tool) == read(text, tool, told) == Usage(1, 2)
