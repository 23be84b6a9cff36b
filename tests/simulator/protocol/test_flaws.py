"""Answers that are well formed and wrong, because a test asked for it."""

from typing import Any

import orjson
import pytest

from sidecar.simulator.protocol.flaws import (
    UsageFlaw,
    VectorsFlaw,
    flawed_field,
    flawed_figures,
    triggered,
)
from tests.simulator.protocol.wire import ask, complaint, data, stream
from tests.simulator.providing import HELLO, MODEL, Running

FIGURES = {"a": 0, "b": 5, "c": {"d": 1}, "e": "x"}
CHAT = {"model": MODEL, "messages": HELLO, "max_tokens": 3}
EMBED = {"model": MODEL, "input": ["one", "two", "three"], "dimensions": 99}


@pytest.mark.parametrize(
    ("flaw", "told"),
    [
        (None, {"usage": FIGURES}),
        (UsageFlaw.NONE, {}),
        (UsageFlaw.NULL, {"usage": None}),
        (UsageFlaw.NEGATIVE, {"usage": {"a": -1, "b": -6, "c": {"d": -2}, "e": "x"}}),
        (UsageFlaw.STRING, {"usage": {"a": "0", "b": "5", "c": {"d": "1"}, "e": "x"}}),
    ],
)
def test_what_comes_instead_of_usage(flaw: UsageFlaw | None, told: object) -> None:
    assert flawed_field(flaw, "usage", FIGURES) == told


@pytest.mark.parametrize(
    ("flaw", "told"),
    [
        (None, {"a": 1}),
        (UsageFlaw.NONE, {}),
        (UsageFlaw.NULL, {"a": None}),
        (UsageFlaw.NEGATIVE, {"a": -2}),
        (UsageFlaw.STRING, {"a": "1"}),
    ],
)
def test_the_same_for_figures_that_stand_alone(flaw: UsageFlaw | None, told: object) -> None:
    assert flawed_figures(flaw, {"a": 1}) == told


@pytest.mark.parametrize("flaw", UsageFlaw)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/completions", {"model": MODEL, "prompt": "Hello"}),
        ("/v1/responses", {"model": MODEL, "input": "Hello"}),
        ("/v1/messages", CHAT),
        ("/v1/embeddings", EMBED),
        ("/v2/chat", CHAT),
        ("/model/m/converse", {"messages": HELLO}),
    ],
)
async def test_whole_answers_tell_nonsense(
    quick: Running, flaw: UsageFlaw, path: str, body: Any
) -> None:
    answer = await ask(quick, path, body, x_simulate=f"usage={flaw.value}")

    match flaw:
        case UsageFlaw.NONE:
            assert "usage" not in answer
        case UsageFlaw.NULL:
            assert answer["usage"] is None
        case UsageFlaw.NEGATIVE:
            assert all(figure < 0 for figure in _figures(answer["usage"]))
        case UsageFlaw.STRING:
            assert all(isinstance(figure, str) for figure in _figures(answer["usage"]))


def _figures(usage: dict[str, Any]) -> list[Any]:
    flat = []
    for value in usage.values():
        flat.extend(_figures(value) if isinstance(value, dict) else [value])
    return [figure for figure in flat if figure != "standard"]


async def test_streams_tell_nonsense(quick: Running) -> None:
    body = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    told = {}
    for flaw in UsageFlaw:
        sent = await stream(quick, "/v1/chat/completions", body, x_simulate=f"usage={flaw.value}")
        told[flaw] = data(sent)[-1]

    assert told[UsageFlaw.NONE]["choices"]  # the chunk with the usage is missing
    assert told[UsageFlaw.NULL]["usage"] is None
    assert told[UsageFlaw.NEGATIVE]["usage"]["completion_tokens"] == -4
    assert told[UsageFlaw.STRING]["usage"]["completion_tokens"] == "3"
    assert quick.model()["billed"]["output"] == 12  # billed all the same


@pytest.mark.parametrize(
    ("flaw", "indexes", "vectors"),
    [
        (VectorsFlaw.MISSING, [0, 1], [0, 1]),
        (VectorsFlaw.EXTRA, [0, 1, 2, 3], [0, 1, 2, 2]),
        (VectorsFlaw.DOUBLED, [0, 1, 0], [0, 1, 2]),
        (VectorsFlaw.REVERSED, [2, 1, 0], [2, 1, 0]),
        (VectorsFlaw.NO_INDEX, [None] * 3, [0, 1, 2]),
    ],
)
@pytest.mark.parametrize("by", ["header", "input"])
async def test_wrong_vectors(
    quick: Running, flaw: VectorsFlaw, indexes: object, vectors: list[int], by: str
) -> None:
    texts = ["one", "two", f"three [[vectors={flaw.value}]]"]
    right = [await ask(quick, "/v1/embeddings", {**EMBED, "input": text}) for text in texts]
    asked = {"x_simulate": f"vectors={flaw.value}"} if by == "header" else {}
    answer = await ask(quick, "/v1/embeddings", {**EMBED, "input": texts}, **asked)

    assert [item.get("index") for item in answer["data"]] == indexes
    assert [item["embedding"] for item in answer["data"]] == [
        right[number]["data"][0]["embedding"] for number in vectors
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/embed", {"model": MODEL, "texts": ["one", "[[vectors=missing]]"]}),
        ("/v1/embed", {"model": MODEL, "texts": ["one", "[[vectors=missing]]"]}),
        ("/api/embed", {"model": MODEL, "input": ["one", "[[vectors=missing]]"]}),
        (
            f"/v1beta/models/{MODEL}:batchEmbedContents",
            {
                "requests": [
                    {"content": {"parts": [{"text": text}]}}
                    for text in ("one", "[[vectors=missing]]")
                ]
            },
        ),
    ],
)
async def test_wrong_numbers_of_vectors_without_indexes(
    quick: Running, path: str, body: Any
) -> None:
    vectors = (await ask(quick, path, body))["embeddings"]

    assert len(vectors["float"] if isinstance(vectors, dict) else vectors) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/embed", {"model": MODEL, "texts": ["one", "a [[bad]] one"]}),
        ("/api/embed", {"model": MODEL, "input": ["[[bad]]"]}),
        (
            f"/v1beta/models/{MODEL}:embedContent",
            {"content": {"parts": [{"text": "[[bad]]"}]}},
        ),
    ],
)
async def test_one_bad_input_fails_all(quick: Running, path: str, body: Any) -> None:
    status, _ = await complaint(quick, path, body)

    assert status == 400


@pytest.mark.parametrize(
    ("inputs", "flaw"),
    [
        ([b"[[vectors=missing]]"], None),  # alone it is answered well
        ([b"a", b"so [[vectors=doubled]] it is"], VectorsFlaw.DOUBLED),
        ([b"a", b"[[vectors=wat]]"], None),
        ([b"\xff[[", b"[[1],[2]]"], None),
    ],
)
def test_inputs_may_ask_for_it(inputs: list[bytes], flaw: VectorsFlaw | None) -> None:
    assert triggered(inputs) is flaw


def test_nonsense_is_json() -> None:
    for flaw in UsageFlaw:
        assert orjson.dumps(flawed_field(flaw, "usage", FIGURES))
