"""Which beginnings of a prompt may be cached."""

from typing import Any

import pytest

from sidecar.simulator.protocol.prefix import HOUR, MINUTES, keyed_prefix, marked_prompt
from sidecar.simulator.protocol.refusal import RefusedError
from tests.simulator.protocol.wire import ask, data, stream
from tests.simulator.providing import HELLO, MODEL, Running

MARK = {"type": "ephemeral"}
TOOL = {"name": "look", "description": "d" * 40, "cache_control": MARK}
SYSTEM = [{"type": "text", "text": "s" * 400, "cache_control": MARK}]
MESSAGE = {"model": MODEL, "max_tokens": 3, "system": SYSTEM, "messages": HELLO}


def test_without_marks_there_is_none() -> None:
    assert marked_prompt([{"name": "look"}], "system", HELLO) is None


def test_one_for_each_mark_the_longest_first() -> None:
    marked = [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": MARK}]}]
    found = marked_prompt([TOOL], SYSTEM, marked)

    assert found is not None
    tokens = [prefix.tokens for prefix in found[1]]
    assert len(tokens) == 3
    assert tokens == sorted(tokens, reverse=True)
    assert tokens[0] == found[0].tokens


def test_what_comes_after_the_mark_does_not_matter() -> None:
    one = marked_prompt(None, SYSTEM, HELLO)
    two = marked_prompt(None, SYSTEM, [{"role": "user", "content": "Something else"}])
    other = marked_prompt(None, [{**SYSTEM[0], "text": "t" * 400}], HELLO)

    assert one is not None
    assert two is not None
    assert other is not None
    assert one[1] == two[1] != other[1]


def test_marks_themselves_do_not_matter() -> None:
    hour = [{**SYSTEM[0], "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    one, two = marked_prompt(None, SYSTEM, HELLO), marked_prompt(None, hour, HELLO)

    assert one is not None
    assert two is not None
    assert (one[0], one[1][0].key) == (two[0], two[1][0].key)
    assert (one[1][0].life, two[1][0].life) == (MINUTES, HOUR)


def test_anthropic_allows_four_marks() -> None:
    with pytest.raises(RefusedError, match="maximum of 4 blocks with cache_control"):
        marked_prompt([TOOL] * 5, None, HELLO)


@pytest.mark.parametrize("nonsense", [["text"], [{"role": "user"}], [{"content": [1, None]}]])
def test_nonsense_has_no_marks(nonsense: list[Any]) -> None:
    assert marked_prompt("x", {"a": 1}, nonsense) is None


@pytest.mark.parametrize("key", [None, "", 5])
def test_openais_beginnings_need_a_key(key: object) -> None:
    assert keyed_prefix(key, "first") == ()


def test_openais_beginnings_are_the_key_and_the_first_thing_said() -> None:
    assert keyed_prefix("k", "first") == keyed_prefix("k", "first")
    assert keyed_prefix("k", "first") != keyed_prefix("l", "first")
    assert keyed_prefix("k", "first") != keyed_prefix("k", "other")


async def test_a_message_pays_for_writing_once_and_reads_then(quick: Running) -> None:
    used = [(await ask(quick, "/v1/messages", MESSAGE))["usage"] for _ in range(2)]

    assert [usage["input_tokens"] for usage in used] == [4, 4]
    assert [usage["cache_creation_input_tokens"] for usage in used] == [102, 0]
    assert [usage["cache_read_input_tokens"] for usage in used] == [0, 102]
    assert used[0]["cache_creation"] == {
        "ephemeral_5m_input_tokens": 102,
        "ephemeral_1h_input_tokens": 0,
    }


async def test_a_stream_tells_the_same(quick: Running) -> None:
    body = {**MESSAGE, "stream": True}
    first = data(await stream(quick, "/v1/messages", body))
    second = data(await stream(quick, "/v1/messages", body))

    assert first[0]["message"]["usage"]["cache_creation_input_tokens"] == 102
    assert second[0]["message"]["usage"]["cache_read_input_tokens"] == 102
    assert second[-2]["usage"]["cache_read_input_tokens"] == 102


async def test_an_hour_is_told_apart(quick: Running) -> None:
    hour = [{**SYSTEM[0], "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    used = (await ask(quick, "/v1/messages", {**MESSAGE, "system": hour}))["usage"]

    assert used["cache_creation"]["ephemeral_1h_input_tokens"] == 102
    assert quick.model()["billed"]["cache_write_1h"] == 102


async def test_counting_tokens_counts_what_a_message_uses(quick: Running) -> None:
    counted = await ask(quick, "/v1/messages/count_tokens", MESSAGE)

    assert counted == {"input_tokens": 106}


async def test_converse_has_points_behind_its_blocks(quick: Running) -> None:
    body = {
        "system": [{"text": "s" * 400}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "Hello there"}]}],
    }
    used = [(await ask(quick, "/model/m/converse", body))["usage"] for _ in range(2)]

    assert [usage["cacheWriteInputTokens"] for usage in used] == [100, 0]
    assert [usage["cacheReadInputTokens"] for usage in used] == [0, 100]
    assert used[0]["inputTokens"] == used[1]["inputTokens"] == 5


@pytest.mark.parametrize(
    ("path", "said", "details"),
    [
        ("/v1/chat/completions", {"messages": HELLO}, ("prompt_tokens_details",)),
        ("/v1/responses", {"input": "Hello there"}, ("input_tokens_details",)),
        ("/v1/responses", {"input": HELLO, "instructions": "Be"}, ("input_tokens_details",)),
    ],
)
async def test_openai_reads_what_has_the_same_key(
    quick: Running, path: str, said: dict[str, Any], details: tuple[str]
) -> None:
    body = {"model": MODEL, **said, "prompt_cache_key": "k"}
    used = [(await ask(quick, path, body))["usage"][details[0]] for _ in range(2)]
    other = (await ask(quick, path, {**body, "prompt_cache_key": "l"}))["usage"][details[0]]

    assert used[0]["cached_tokens"] == other["cached_tokens"] == 0
    assert used[1]["cached_tokens"] > 0
